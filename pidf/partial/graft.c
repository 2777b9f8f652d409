/* graft.c - copies nodes from the top down, so that each name meets the scope it will live in. */
#include "pidf/partial/graft.h"

#include <stdio.h>

enum { PREFIX_BYTES = 16 };

static bool means(const struct tree_node *self, const char *prefix, const char *uri)
{
    return strcmp(tree_node_namespace(self, prefix), uri) == 0;
}

/* The default namespace comes first in the order of prefixes. */
static int compare_prefixes(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

/* The last of the RFC's three rules: the prefix just before ours in the alphabet, or the first. */
struct candidate {
    bool found;
    bool before; /* `prefix` stands before the one compared with, or is the same */
    const char *prefix;
};

static void consider(struct candidate *best, const char *prefix, const char *wish)
{
    bool before = compare_prefixes(prefix, wish) <= 0;
    bool closer =
        !best->found || (before && !best->before) ||
        (before == best->before && (compare_prefixes(prefix, best->prefix) > 0) == before &&
         compare_prefixes(prefix, best->prefix) != 0);

    if (closer)
        *best = (struct candidate){.found = true, .before = before, .prefix = prefix};
}

static struct candidate nearest(const struct tree_node *self, const struct name *name,
                                bool is_attribute)
{
    struct candidate best = {0};

    for (const struct tree_node *scope = self; scope != NULL; scope = scope->parent)
        for (const struct declaration *declaration = scope->declarations; declaration != NULL;
             declaration = declaration->next)
            if ((declaration->prefix != NULL || !is_attribute) &&
                strcmp(declaration->uri, name_uri(name)) == 0 &&
                means(self, declaration->prefix, declaration->uri))
                consider(&best, declaration->prefix, name->prefix);
    return best;
}

static const char *make_prefix(const struct tree_node *self, struct scratch *scratch)
{
    char *prefix = scratch_alloc(scratch, PREFIX_BYTES);
    unsigned number = 0;

    do
        (void)snprintf(prefix, PREFIX_BYTES, "ns%u", ++number);
    while (!means(self, prefix, ""));
    return prefix;
}

void graft_name(struct tree_node *self, struct name *name, bool is_attribute,
                const struct tree_node *context, struct scratch *scratch)
{
    const char *uri = name_uri(name);
    struct candidate best;

    if ((is_attribute && name->prefix == NULL) || means(self, name->prefix, uri))
        return;
    if ((context->name.prefix != NULL || !is_attribute) && means(self, context->name.prefix, uri) &&
        strcmp(name_uri(&context->name), uri) == 0) {
        name->prefix = context->name.prefix;
        return;
    }
    best = nearest(self, name, is_attribute);
    if (best.found) {
        name->prefix = best.prefix;
        return;
    }
    /* A prefix that means something else here may be in use on this very element. */
    if (name->prefix != NULL && !means(self, name->prefix, ""))
        name->prefix = make_prefix(self, scratch);
    tree_node_declare(self, scratch, name->prefix, uri);
}

/* ---- copies ---- */

static void copy_declarations(const struct tree_node *from, struct tree_node *into,
                              struct scratch *scratch)
{
    for (const struct declaration *declaration = from->declarations; declaration != NULL;
         declaration = declaration->next)
        tree_node_declare(into, scratch, declaration->prefix, declaration->uri);
}

static void copy_attributes(const struct tree_node *from, struct tree_node *into,
                            const struct tree_node *context, struct scratch *scratch)
{
    struct attribute **end = &into->attributes;

    for (const struct attribute *attribute = from->attributes; attribute != NULL;
         attribute = attribute->next) {
        struct attribute *copy = scratch_alloc(scratch, sizeof(*copy));

        copy->name = attribute->name;
        copy->value = attribute->value;
        graft_name(into, &copy->name, true, context, scratch);
        *end = copy;
        end = &copy->next;
    }
}

static bool copy_node(const struct tree_node *from, struct tree_node *parent,
                      struct tree_node *next, const struct tree_node *context, size_t depth_left,
                      struct scratch *scratch)
{
    struct tree_node *self;

    if (depth_left == 0 && from->kind == TREE_ELEMENT)
        return false;
    self = tree_node_new(scratch, from->kind, NULL);
    self->name = from->name;
    self->text = from->text;
    tree_node_insert(self, parent, next);
    if (from->kind != TREE_ELEMENT)
        return true;
    copy_declarations(from, self, scratch);
    graft_name(self, &self->name, false, context, scratch);
    copy_attributes(from, self, context, scratch);
    for (const struct tree_node *child = from->first; child != NULL; child = child->next)
        if (!copy_node(child, self, NULL, context, depth_left - 1, scratch))
            return false;
    return true;
}

bool graft(const struct tree_node *node, struct tree_node *parent, struct tree_node *next,
           size_t depth_max, struct scratch *scratch)
{
    size_t depth = 0; /* of `parent`; the root element is at 1 */

    for (const struct tree_node *above = parent; above->parent != NULL; above = above->parent)
        depth++;
    return depth <= depth_max && copy_node(node, parent, next, parent, depth_max - depth, scratch);
}
