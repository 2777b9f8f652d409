/* operation.c - finds the target, judges the content, changes the tree. */
#include "pidf/partial/operation.h"

#include "pidf/partial/graft.h"
#include "pidf/partial/partial.h"

/* The conditions of RFC 5261 section 5.1. */
static const char *const invalid_node_types = "Invalid Node Types";
static const char *const invalid_directive = "Invalid Patch Directive";
static const char *const invalid_prefix = "Invalid Namespace Prefix";
static const char *const invalid_uri = "Invalid Namespace URI";
static const char *const invalid_root = "Invalid Root Element Operation";
static const char *const invalid_space = "Invalid White Space Directive";

static void spend(struct patching *self, size_t cost)
{
    self->work -= cost < self->work ? cost : self->work;
}

/* ---- what an operation says ---- */

static const char *find(struct patching *self, const struct tree_node *patch, struct selection *out)
{
    const struct attribute *sel = tree_node_attribute(patch, "sel");
    struct patch_selector selector;
    const char *phrase;

    if (sel == NULL)
        return "Missing Selector";
    phrase = patch_selector_parse(sel->value, patch, self->scratch, &selector);
    if (phrase != NULL)
        return phrase;
    return locate(&selector, self->document, &self->work, out) ? NULL : "Unlocated Node";
}

/* What is inside, when that is text or nothing. */
static bool text_of(const struct tree_node *patch, struct span *out)
{
    if (patch->first == NULL) {
        *out = (struct span){0};
        return true;
    }
    if (patch->first != patch->last || patch->first->kind != TREE_TEXT)
        return false;
    *out = patch->first->text;
    return true;
}

/* The only node inside; white space around it is layout. */
static const struct tree_node *only_node(const struct tree_node *patch)
{
    const struct tree_node *only = NULL;

    for (const struct tree_node *child = patch->first; child != NULL; child = child->next) {
        if (child->kind == TREE_TEXT && span_is_blank(child->text))
            continue;
        if (only != NULL)
            return NULL;
        only = child;
    }
    return only;
}

static const char *string_of(struct span text, struct scratch *scratch)
{
    return memcpy(scratch_alloc(scratch, text.len + 1), text.at, text.len);
}

/* ---- namespace declarations ---- */

/* XML Namespaces section 3: what nobody may declare. */
static bool uri_is_reserved(struct span uri)
{
    return span_equal(uri, span_of(vocabulary_uri(VOCABULARY_XML))) ||
           span_equal(uri, SPAN("http://www.w3.org/2000/xmlns/"));
}

static const char *add_declaration(struct patching *self, struct tree_node *element,
                                   const char *prefix, struct span uri)
{
    if (strncmp(prefix, "xml", 3) == 0 || tree_node_declaration(element, prefix) != NULL)
        return invalid_prefix;
    if (span_empty(uri) || uri_is_reserved(uri))
        return invalid_uri;
    /* Names that mean a declaration further up must not begin to mean this one. */
    if (tree_node_uses_prefix(element, prefix) &&
        !span_equal(span_of(tree_node_namespace(element, prefix)), uri))
        return invalid_prefix;
    tree_node_declare(element, self->scratch, prefix, string_of(uri, self->scratch));
    return NULL;
}

/* The names that mean this declaration now mean the new namespace. */
static void rename_prefix(struct patching *self, struct tree_node *element, const char *prefix,
                          const char *uri)
{
    spend(self, 1);
    if (prefix_equal(element->name.prefix, prefix))
        name_put_uri(&element->name, uri);
    for (struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        if (attribute->name.prefix != NULL && prefix_equal(attribute->name.prefix, prefix))
            name_put_uri(&attribute->name, uri);
    for (struct tree_node *child = element->first; child != NULL; child = child->next)
        if (child->kind == TREE_ELEMENT && tree_node_declaration(child, prefix) == NULL)
            rename_prefix(self, child, prefix, uri);
}

static const char *replace_declaration(struct patching *self, struct selection *found,
                                       struct span uri)
{
    if (span_empty(uri) || uri_is_reserved(uri))
        return invalid_uri;
    found->declaration->uri = string_of(uri, self->scratch);
    rename_prefix(self, found->node, found->declaration->prefix, found->declaration->uri);
    return NULL;
}

bool selection_remove_declaration(const struct selection *self)
{
    struct declaration **at = &self->node->declarations;

    if (tree_node_uses_prefix(self->node, self->declaration->prefix))
        return false;
    while (*at != self->declaration)
        at = &(*at)->next;
    *at = self->declaration->next;
    return true;
}

/* ---- add (RFC 5261 section 4.3) ---- */

static const char *add_attribute(struct patching *self, struct tree_node *element, struct name name,
                                 struct span value)
{
    struct attribute **end = &element->attributes;

    for (; *end != NULL; end = &(*end)->next)
        if (name_is_of(&(*end)->name, name_uri(&name), name.local))
            return invalid_directive;
    graft_name(element, &name, true, element, self->scratch);
    *end = scratch_alloc(self->scratch, sizeof(**end));
    (*end)->name = name;
    (*end)->value = value;
    return NULL;
}

static const char *add_by_type(struct patching *self, const struct tree_node *patch,
                               const struct attribute *type, struct tree_node *element)
{
    struct step step;
    struct span text;
    const char *phrase = patch_selector_parse_type(type->value, patch, self->scratch, &step);

    if (phrase != NULL)
        return phrase;
    if (element->kind != TREE_ELEMENT || !text_of(patch, &text))
        return invalid_node_types;
    return step.kind == STEP_ATTRIBUTE ? add_attribute(self, element, step.name, text)
                                       : add_declaration(self, element, step.target, text);
}

static const char *add_nodes(struct patching *self, const struct tree_node *patch,
                             struct tree_node *parent, struct tree_node *next)
{
    bool beside_root = parent->kind == TREE_DOCUMENT;

    for (const struct tree_node *child = patch->first; child != NULL; child = child->next) {
        if (beside_root && child->kind == TREE_TEXT && span_is_blank(child->text))
            continue;
        if (beside_root && (child->kind == TREE_TEXT || child->kind == TREE_ELEMENT))
            return invalid_root;
        if (!graft(child, parent, next, self->depth_max, self->scratch))
            return "Too Deep";
    }
    spend(self, tree_node_join_texts(parent, self->scratch));
    return NULL;
}

static const char *add_at(struct patching *self, const struct tree_node *patch, struct span pos,
                          struct tree_node *target)
{
    if (span_equal(pos, SPAN("before")))
        return add_nodes(self, patch, target->parent, target);
    if (span_equal(pos, SPAN("after")))
        return add_nodes(self, patch, target->parent, target->next);
    if (!span_empty(pos) && !span_equal(pos, SPAN("prepend")))
        return invalid_directive;
    if (target->kind != TREE_ELEMENT)
        return invalid_node_types;
    return add_nodes(self, patch, target, span_empty(pos) ? NULL : target->first);
}

static const char *apply_add(struct patching *self, const struct tree_node *patch)
{
    const struct attribute *type = tree_node_attribute(patch, "type");
    const struct attribute *pos = tree_node_attribute(patch, "pos");
    struct selection found;
    const char *phrase = find(self, patch, &found);

    if (phrase != NULL)
        return phrase;
    if (found.attribute != NULL || found.declaration != NULL || (type != NULL && pos != NULL) ||
        (pos != NULL && span_empty(pos->value)))
        return invalid_directive;
    if (type != NULL)
        return add_by_type(self, patch, type, found.node);
    return add_at(self, patch, pos == NULL ? (struct span){0} : pos->value, found.node);
}

/* ---- replace (RFC 5261 section 4.4) ---- */

static const char *replace_node(struct patching *self, const struct tree_node *patch,
                                struct tree_node *target)
{
    const struct tree_node *by = only_node(patch);

    if (by == NULL || by->kind != target->kind)
        return invalid_node_types;
    if (!graft(by, target->parent, target, self->depth_max, self->scratch))
        return "Too Deep";
    tree_node_remove(target);
    return NULL;
}

static const char *apply_replace(struct patching *self, const struct tree_node *patch)
{
    struct selection found;
    struct span text;
    const char *phrase = find(self, patch, &found);
    bool by_node;

    if (phrase != NULL)
        return phrase;
    by_node = found.attribute == NULL && found.declaration == NULL && found.node->kind != TREE_TEXT;
    if (by_node)
        return replace_node(self, patch, found.node);
    if (!text_of(patch, &text))
        return invalid_node_types;
    if (found.declaration != NULL)
        return replace_declaration(self, &found, text);
    if (found.attribute != NULL)
        found.attribute->value = text;
    else if (span_empty(text))
        tree_node_remove(found.node);
    else
        found.node->text = text;
    return NULL;
}

/* ---- remove (RFC 5261 section 4.5) ---- */

void selection_remove_attribute(const struct selection *self)
{
    struct attribute **at = &self->node->attributes;

    while (*at != self->attribute)
        at = &(*at)->next;
    *at = self->attribute->next;
}

static bool is_space(const struct tree_node *node)
{
    return node != NULL && node->kind == TREE_TEXT && span_is_blank(node->text);
}

static const char *remove_space(struct span ws, struct tree_node *target)
{
    bool before = span_equal(ws, SPAN("before")), after = span_equal(ws, SPAN("after"));

    if (span_equal(ws, SPAN("both")))
        before = after = true;
    if ((!before && !after) || target->kind == TREE_TEXT)
        return invalid_directive;
    if ((before && !is_space(target->previous)) || (after && !is_space(target->next)))
        return invalid_space;
    if (before)
        tree_node_remove(target->previous);
    if (after)
        tree_node_remove(target->next);
    return NULL;
}

static const char *remove_node(struct patching *self, struct tree_node *target,
                               const struct attribute *ws)
{
    struct tree_node *parent = target->parent;
    const char *phrase = NULL;

    if (parent->kind == TREE_DOCUMENT && target->kind == TREE_ELEMENT)
        return invalid_root;
    if (ws != NULL)
        phrase = remove_space(ws->value, target);
    if (phrase != NULL)
        return phrase;
    tree_node_remove(target);
    spend(self, tree_node_join_texts(parent, self->scratch));
    return NULL;
}

static const char *apply_remove(struct patching *self, const struct tree_node *patch)
{
    const struct attribute *ws = tree_node_attribute(patch, "ws");
    struct selection found;
    const char *phrase = find(self, patch, &found);

    if (phrase != NULL)
        return phrase;
    if (only_node(patch) != NULL)
        return invalid_node_types;
    if (found.attribute == NULL && found.declaration == NULL)
        return remove_node(self, found.node, ws);
    if (ws != NULL)
        return invalid_directive;
    if (found.declaration != NULL)
        return selection_remove_declaration(&found) ? NULL : invalid_prefix;
    selection_remove_attribute(&found);
    return NULL;
}

/* ---- any of them ---- */

const char *operation_apply(struct patching *self, const struct tree_node *patch)
{
    if (name_is_of(&patch->name, PARTIAL_NAMESPACE, "add"))
        return apply_add(self, patch);
    if (name_is_of(&patch->name, PARTIAL_NAMESPACE, "replace"))
        return apply_replace(self, patch);
    if (name_is_of(&patch->name, PARTIAL_NAMESPACE, "remove"))
        return apply_remove(self, patch);
    return invalid_directive;
}
