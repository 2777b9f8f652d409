/* tree.c - the parser's events as nodes, namespaces by scope, and nodes as bytes again. */
#include "pidf/partial/tree.h"

#include "pidf/xml/escape.h"
#include "server/base/must.h"

/* ---- nodes ---- */

struct tree_node *tree_node_new(struct scratch *scratch, enum tree_kind kind,
                                struct tree_node *parent)
{
    struct tree_node *self = scratch_alloc(scratch, sizeof(*self));

    self->kind = kind;
    if (parent != NULL)
        tree_node_insert(self, parent, NULL);
    return self;
}

void tree_node_insert(struct tree_node *self, struct tree_node *parent, struct tree_node *next)
{
    struct tree_node *previous = next == NULL ? parent->last : next->previous;

    self->parent = parent;
    self->previous = previous;
    self->next = next;
    if (previous == NULL)
        parent->first = self;
    else
        previous->next = self;
    if (next == NULL)
        parent->last = self;
    else
        next->previous = self;
}

void tree_node_remove(struct tree_node *self)
{
    if (self->previous == NULL)
        self->parent->first = self->next;
    else
        self->previous->next = self->next;
    if (self->next == NULL)
        self->parent->last = self->previous;
    else
        self->next->previous = self->previous;
    self->parent = self->previous = self->next = NULL;
}

size_t tree_node_join_texts(struct tree_node *self, struct scratch *scratch)
{
    struct tree_node *next;
    size_t octets = 0;

    for (struct tree_node *child = self->first; child != NULL; child = next) {
        next = child->next;
        if (child->kind != TREE_TEXT)
            continue;
        if (child->previous != NULL && child->previous->kind == TREE_TEXT) {
            child->previous->text = scratch_join(scratch, child->previous->text, child->text);
            octets += child->previous->text.len;
            tree_node_remove(child);
        } else if (span_empty(child->text)) {
            tree_node_remove(child);
        }
    }
    return octets;
}

/* ---- names and namespaces ---- */

const char *name_uri(const struct name *name)
{
    return name->uri == NULL ? "" : name->uri;
}

bool name_is_of(const struct name *name, const char *uri, const char *local)
{
    return strcmp(name->local, local) == 0 && strcmp(name_uri(name), uri) == 0;
}

void name_put_uri(struct name *name, const char *uri)
{
    name->vocabulary = VOCABULARY_OTHER; /* only `uri` is compared here */
    name->uri = uri;
}

bool span_is_blank(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != ' ' && text.at[i] != '\t' && text.at[i] != '\n' && text.at[i] != '\r')
            return false;
    return true;
}

bool prefix_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

struct declaration *tree_node_declaration(const struct tree_node *self, const char *prefix)
{
    for (struct declaration *declaration = self->declarations; declaration != NULL;
         declaration = declaration->next)
        if (prefix_equal(declaration->prefix, prefix))
            return declaration;
    return NULL;
}

const char *tree_node_namespace(const struct tree_node *self, const char *prefix)
{
    if (prefix != NULL && strcmp(prefix, "xml") == 0)
        return vocabulary_uri(VOCABULARY_XML);
    for (; self != NULL; self = self->parent) {
        const struct declaration *declaration = tree_node_declaration(self, prefix);

        if (declaration != NULL)
            return declaration->uri;
    }
    return "";
}

const struct attribute *tree_node_attribute(const struct tree_node *self, const char *local)
{
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        if (name_is_of(&attribute->name, "", local))
            return attribute;
    return NULL;
}

bool tree_node_uses_prefix(const struct tree_node *self, const char *prefix)
{
    if (self->kind != TREE_ELEMENT)
        return false;
    if (prefix_equal(self->name.prefix, prefix))
        return true;
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        if (attribute->name.prefix != NULL && prefix_equal(attribute->name.prefix, prefix))
            return true;
    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        if (tree_node_declaration(child, prefix) == NULL && tree_node_uses_prefix(child, prefix))
            return true;
    return false;
}

void tree_node_declare(struct tree_node *self, struct scratch *scratch, const char *prefix,
                       const char *uri)
{
    struct declaration *declaration = scratch_alloc(scratch, sizeof(*declaration));
    struct declaration **end = &self->declarations;

    declaration->prefix = prefix;
    declaration->uri = uri;
    while (*end != NULL)
        end = &(*end)->next;
    *end = declaration;
}

/* ---- reading ---- */

struct reading {
    struct scratch *scratch;
    struct tree_node *open;
};

static void on_start(void *user, const struct parser_tag *tag)
{
    struct reading *self = user;
    struct tree_node *element = tree_node_new(self->scratch, TREE_ELEMENT, self->open);

    element->name = tag->name;
    element->attributes = tag->attributes;
    element->declarations = tag->declarations;
    element->line = tag->line;
    self->open = element;
}

static void on_end(void *user)
{
    struct reading *self = user;

    self->open = self->open->parent;
}

static void on_text(void *user, struct span run)
{
    struct reading *self = user;
    struct tree_node *last = self->open->last;

    if (span_empty(run) || self->open->kind == TREE_DOCUMENT)
        return;
    if (last == NULL || last->kind != TREE_TEXT)
        last = tree_node_new(self->scratch, TREE_TEXT, self->open);
    last->text = scratch_join(self->scratch, last->text, run);
}

static void on_comment(void *user, struct span text)
{
    struct reading *self = user;

    tree_node_new(self->scratch, TREE_COMMENT, self->open)->text =
        scratch_copy(self->scratch, text);
}

static void on_instruction(void *user, const char *target, struct span text)
{
    struct reading *self = user;
    struct tree_node *node = tree_node_new(self->scratch, TREE_INSTRUCTION, self->open);

    node->name.local = target;
    node->text = scratch_copy(self->scratch, text);
}

enum status tree_read(struct parser *parser, struct span body, struct scratch *scratch,
                      struct tree_node **document, struct pidf_fault *fault)
{
    struct reading reading = {.scratch = scratch};
    struct tree_node *top = reading.open = tree_node_new(scratch, TREE_DOCUMENT, NULL);
    const struct parser_sink sink = {.user = &reading,
                                     .on_start = on_start,
                                     .on_end = on_end,
                                     .on_text = on_text,
                                     .on_comment = on_comment,
                                     .on_instruction = on_instruction};
    enum status status = parser_run(parser, body, scratch, &sink, fault);

    if (status == STATUS_OK)
        *document = top;
    return status;
}

struct tree_node *tree_root(const struct tree_node *document)
{
    struct tree_node *child = document->first;

    while (child->kind != TREE_ELEMENT)
        child = child->next;
    return child;
}

/* ---- writing ---- */

static void put_name(struct buffer *out, const struct name *name)
{
    if (name->prefix != NULL) {
        buffer_put(out, span_of(name->prefix));
        buffer_put_char(out, ':');
    }
    buffer_put(out, span_of(name->local));
}

static void put_value(struct buffer *out, struct span value)
{
    buffer_put(out, SPAN("=\""));
    escape_put_value(out, value);
    buffer_put_char(out, '"');
}

static void put_tag(const struct tree_node *self, struct buffer *out)
{
    buffer_put_char(out, '<');
    put_name(out, &self->name);
    for (const struct declaration *declaration = self->declarations; declaration != NULL;
         declaration = declaration->next) {
        buffer_put(out, SPAN(" xmlns"));
        if (declaration->prefix != NULL) {
            buffer_put_char(out, ':');
            buffer_put(out, span_of(declaration->prefix));
        }
        put_value(out, span_of(declaration->uri));
    }
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next) {
        buffer_put_char(out, ' ');
        put_name(out, &attribute->name);
        put_value(out, attribute->value);
    }
    buffer_put(out, self->first == NULL ? SPAN("/>") : SPAN(">"));
}

static void put_element(const struct tree_node *self, struct buffer *out)
{
    put_tag(self, out);
    if (self->first == NULL)
        return;
    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        tree_node_write(child, out);
    buffer_put(out, SPAN("</"));
    put_name(out, &self->name);
    buffer_put_char(out, '>');
}

static void put_instruction(const struct tree_node *self, struct buffer *out)
{
    buffer_put(out, SPAN("<?"));
    buffer_put(out, span_of(self->name.local));
    if (!span_empty(self->text))
        buffer_put_char(out, ' ');
    buffer_put(out, self->text);
    buffer_put(out, SPAN("?>"));
}

void tree_node_write(const struct tree_node *self, struct buffer *out)
{
    switch (self->kind) {
    case TREE_DOCUMENT:
        tree_write(self, out);
        return;
    case TREE_ELEMENT:
        put_element(self, out);
        return;
    case TREE_TEXT:
        escape_put_text(out, self->text);
        return;
    case TREE_COMMENT:
        buffer_put(out, SPAN("<!--"));
        buffer_put(out, self->text);
        buffer_put(out, SPAN("-->"));
        return;
    case TREE_INSTRUCTION:
        put_instruction(self, out);
        return;
    }
}

void tree_write(const struct tree_node *document, struct buffer *out)
{
    buffer_put(out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    for (const struct tree_node *child = document->first; child != NULL; child = child->next) {
        tree_node_write(child, out);
        buffer_put_char(out, '\n');
    }
}
