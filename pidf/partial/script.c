/* script.c - names with the prefixes of both documents, and a note of which were needed. */
#include "pidf/partial/script.h"

#include "pidf/xml/escape.h"

/* ---- names ---- */

/* The place of what both roots declare for this prefix; -1 when it is not that namespace. */
static ptrdiff_t find_binding(const struct script *self, const struct name *name)
{
    for (size_t i = 0; i < self->binding_count; i++)
        if (prefix_equal(self->bindings[i].prefix, name->prefix))
            return strcmp(self->bindings[i].uri, name_uri(name)) == 0 ? (ptrdiff_t)i : -1;
    return -1;
}

static bool needs_no_binding(const struct name *name, bool is_attribute)
{
    return (is_attribute && name->prefix == NULL) ||
           (name->prefix != NULL && strcmp(name->prefix, "xml") == 0);
}

bool script_can_say(const struct script *self, const struct name *name, bool is_attribute)
{
    return needs_no_binding(name, is_attribute) || find_binding(self, name) >= 0;
}

static void use(struct script *self, const struct name *name, bool is_attribute)
{
    ptrdiff_t binding = needs_no_binding(name, is_attribute) ? -1 : find_binding(self, name);

    if (binding >= 0)
        self->used |= UINT64_C(1) << binding;
}

static void use_all(struct script *self, const struct tree_node *node)
{
    if (node->kind != TREE_ELEMENT)
        return;
    use(self, &node->name, false);
    for (const struct attribute *attribute = node->attributes; attribute != NULL;
         attribute = attribute->next)
        use(self, &attribute->name, true);
    for (const struct tree_node *child = node->first; child != NULL; child = child->next)
        use_all(self, child);
}

void script_put_name(struct script *self, const struct name *name, bool is_attribute)
{
    use(self, name, is_attribute);
    if (name->prefix != NULL) {
        buffer_put(self->out, span_of(name->prefix));
        buffer_put_char(self->out, ':');
    }
    buffer_put(self->out, span_of(name->local));
}

/* ---- patches as text ---- */

static void put_path(struct script *self, const struct path *path)
{
    if (path->parent != NULL) {
        put_path(self, path->parent);
        buffer_put_char(self->out, '/');
    }
    if (path->named)
        script_put_name(self, &path->element->name, false);
    else
        buffer_put_char(self->out, '*');
    if (!span_empty(path->id)) {
        buffer_put(self->out, SPAN("[@id='"));
        escape_put_value(self->out, path->id);
        buffer_put(self->out, SPAN("']"));
    }
    if (path->position > 0) {
        buffer_put_char(self->out, '[');
        buffer_put_u64(self->out, path->position);
        buffer_put_char(self->out, ']');
    }
}

void script_begin(struct script *self, const char *operation, const struct path *path)
{
    buffer_printf(self->out, "<%s:%s sel=\"", self->prefix, operation);
    put_path(self, path);
}

void script_end(struct script *self, const char *operation)
{
    buffer_printf(self->out, "</%s:%s>", self->prefix, operation);
}

void script_put_node(struct script *self, const struct tree_node *node)
{
    use_all(self, node);
    tree_node_write(node, self->out);
}

void script_put_replace(struct script *self, const struct path *path, const struct tree_node *by)
{
    script_begin(self, "replace", path);
    buffer_put(self->out, SPAN("\">"));
    script_put_node(self, by);
    script_end(self, "replace");
}

void script_put_remove(struct script *self, const struct path *path)
{
    script_begin(self, "remove", path);
    buffer_put(self->out, SPAN("\"/>"));
}

/* ---- the document around them ---- */

bool script_bind(struct script *self, const struct tree_node *root)
{
    for (const struct declaration *declaration = root->declarations; declaration != NULL;
         declaration = declaration->next) {
        const struct name name = {.prefix = declaration->prefix, .uri = declaration->uri};

        if (find_binding(self, &name) >= 0)
            continue;
        if (self->binding_count == SCRIPT_BINDINGS_MAX)
            return false;
        for (size_t i = 0; i < self->binding_count; i++)
            if (prefix_equal(self->bindings[i].prefix, declaration->prefix))
                return false; /* one prefix for two things: no patch can tell which */
        self->bindings[self->binding_count++] =
            (struct declaration){.prefix = declaration->prefix, .uri = declaration->uri};
    }
    return true;
}

void script_pick_prefix(struct script *self)
{
    bool taken;
    unsigned number = 0;

    do {
        taken = false;
        partial_prefix(self->prefix, number++);
        for (size_t i = 0; i < self->binding_count; i++)
            if (prefix_equal(self->bindings[i].prefix, self->prefix))
                taken = true;
    } while (taken);
}

void script_put_document(const struct script *self, const struct tree_node *to, struct buffer *out,
                         size_t *version_at)
{
    size_t start = out->len;

    buffer_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s:pidf-diff version=\"",
                  self->prefix);
    *version_at = out->len - start;
    buffer_printf(out, "\" xmlns:%s=\"" PARTIAL_NAMESPACE "\"", self->prefix);
    for (size_t i = 0; i < self->binding_count; i++) {
        if ((self->used & UINT64_C(1) << i) == 0)
            continue;
        buffer_put(out, SPAN(" xmlns"));
        if (self->bindings[i].prefix != NULL)
            buffer_printf(out, ":%s", self->bindings[i].prefix);
        buffer_put(out, SPAN("=\""));
        escape_put_value(out, span_of(self->bindings[i].uri));
        buffer_put_char(out, '"');
    }
    for (const struct attribute *attribute = to->attributes; attribute != NULL;
         attribute = attribute->next)
        if (name_is_of(&attribute->name, "", "entity")) {
            buffer_put(out, SPAN(" entity=\""));
            escape_put_value(out, attribute->value);
            buffer_put_char(out, '"');
        }
    buffer_put_char(out, '>');
    buffer_put(out, buffer_span(self->out));
    buffer_printf(out, "</%s:pidf-diff>\n", self->prefix);
}
