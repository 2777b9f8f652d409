/* write.c - first every namespace gets its prefix, then everything is written once. */
#include "pidf/write.h"

#include "pidf/xml/escape.h"
#include "pidf/xml/seen.h"
#include "server/base/crypto.h"

#include <stdio.h>

enum { IDLE_DECLARATIONS_MAX = 16, PREFIX_BYTES = 16, VOCABULARY_COUNT = VOCABULARY_OTHER + 1 };

/* One namespace of this document. */
struct binding {
    struct binding *next;
    const char *prefix;
    const char *uri;
};

struct writer {
    struct scratch *scratch;
    const uint64_t *key;
    struct buffer *out;
    enum vocabulary home;      /* the default namespace */
    const struct element *top; /* where namespaces are declared; NULL: before it all */
    struct binding *first;
    struct binding **end;
    struct binding *recent; /* names of one namespace come in runs */
    struct seen by_uri;
    struct seen by_prefix;
    bool has_known[VOCABULARY_COUNT];
    unsigned made_count;
};

/* ---- namespaces ---- */

static uint64_t uri_hash(const struct writer *self, const char *uri)
{
    return hash64(self->key, (struct span){(const char *)&uri, sizeof(uri)}); /* it is interned */
}

static struct binding *find_uri(struct writer *self, const char *uri)
{
    size_t at = 0;
    uint64_t hash;
    struct binding *found;

    if (self->recent != NULL && self->recent->uri == uri)
        return self->recent;
    hash = uri_hash(self, uri);
    while ((found = seen_next(&self->by_uri, hash, &at)) != NULL)
        if (found->uri == uri)
            return self->recent = found;
    return NULL;
}

static bool prefix_is_free(const struct writer *self, const char *prefix)
{
    size_t at = 0;
    const struct binding *found;

    for (int v = VOCABULARY_PIDF; v <= VOCABULARY_XSI; v++)
        if (strcmp(prefix, vocabulary_prefix((enum vocabulary)v)) == 0)
            return false;
    while ((found = seen_next(&self->by_prefix, hash64(self->key, span_of(prefix)), &at)) != NULL)
        if (strcmp(found->prefix, prefix) == 0)
            return false;
    return true;
}

static const char *make_prefix(struct writer *self)
{
    char *prefix = scratch_alloc(self->scratch, PREFIX_BYTES);

    do
        (void)snprintf(prefix, PREFIX_BYTES, "ns%u", ++self->made_count);
    while (!prefix_is_free(self, prefix));
    return prefix;
}

static void bind(struct writer *self, const char *prefix, const char *uri)
{
    struct binding *binding = scratch_alloc(self->scratch, sizeof(*binding));

    binding->prefix = prefix;
    binding->uri = uri;
    *self->end = binding;
    self->end = &binding->next;
    seen_add(&self->by_uri, self->scratch, uri_hash(self, uri), binding);
    seen_add(&self->by_prefix, self->scratch, hash64(self->key, span_of(prefix)), binding);
}

static void meet_name(struct writer *self, const struct name *name)
{
    switch (name->vocabulary) {
    case VOCABULARY_ABSENT:
    case VOCABULARY_XML:
        return;
    case VOCABULARY_PIDF:
    case VOCABULARY_DATA_MODEL:
    case VOCABULARY_RPID:
    case VOCABULARY_TIMED_STATUS:
    case VOCABULARY_CIPID:
    case VOCABULARY_CAPS:
    case VOCABULARY_DIALOG_INFO:
    case VOCABULARY_XSI:
        if (!self->has_known[name->vocabulary])
            bind(self, vocabulary_prefix(name->vocabulary), vocabulary_uri(name->vocabulary));
        self->has_known[name->vocabulary] = true;
        return;
    case VOCABULARY_OTHER:
        if (find_uri(self, name->uri) == NULL)
            bind(self,
                 name->prefix != NULL && prefix_is_free(self, name->prefix) ? name->prefix
                                                                            : make_prefix(self),
                 name->uri);
        return;
    }
}

/* Elements of the default namespace need no prefix; attributes (PIDF's mustUnderstand) do. */
static void meet(struct writer *self, const struct element *element)
{
    if (element_is_text(element))
        return;
    if (element->name.vocabulary != self->home)
        meet_name(self, &element->name);
    for (const struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        meet_name(self, &attribute->name);
    for (const struct element *child = element->first; child != NULL; child = child->next)
        meet(self, child);
}

static void meet_list(struct writer *self, const struct element_list *list)
{
    for (const struct element *element = list->first; element != NULL; element = element->next)
        meet(self, element);
}

static void meet_idle(struct writer *self, const struct declaration *declaration)
{
    for (unsigned count = 0; declaration != NULL && count < IDLE_DECLARATIONS_MAX;
         declaration = declaration->next)
        if (find_uri(self, declaration->uri) == NULL && prefix_is_free(self, declaration->prefix)) {
            bind(self, declaration->prefix, declaration->uri);
            count++;
        }
}

/* ---- bytes ---- */

static void put_text(struct buffer *out, struct span text)
{
    escape_put_text(out, text);
}

static void put_value(struct buffer *out, struct span text)
{
    buffer_put(out, SPAN("=\""));
    escape_put_value(out, text);
    buffer_put_char(out, '"');
}

static const char *prefix_of(struct writer *self, const struct name *name)
{
    return name->vocabulary == VOCABULARY_OTHER ? find_uri(self, name->uri)->prefix
                                                : vocabulary_prefix(name->vocabulary);
}

static void put_name(struct writer *self, const struct name *name, bool is_element)
{
    if (name->vocabulary != VOCABULARY_ABSENT && !(is_element && name->vocabulary == self->home)) {
        buffer_put(self->out, span_of(prefix_of(self, name)));
        buffer_put_char(self->out, ':');
    }
    buffer_put(self->out, span_of(name->local));
}

static void put_declarations(const struct writer *self)
{
    for (const struct binding *binding = self->first; binding != NULL; binding = binding->next) {
        buffer_put(self->out, SPAN(" xmlns:"));
        buffer_put(self->out, span_of(binding->prefix));
        put_value(self->out, span_of(binding->uri));
    }
}

/* `bare`: the default namespace here is none, because an element of no namespace is around. */
static void put_element(struct writer *self, const struct element *element, bool bare)
{
    struct buffer *out = self->out;

    if (element_is_text(element)) {
        put_text(out, element->text);
        return;
    }
    buffer_put_char(out, '<');
    put_name(self, &element->name, true);
    if (element->name.vocabulary == VOCABULARY_ABSENT && !bare) {
        buffer_put(out, SPAN(" xmlns=\"\""));
        bare = true;
    } else if (element->name.vocabulary == self->home && bare) {
        buffer_put(out, SPAN(" xmlns"));
        put_value(out, span_of(vocabulary_uri(self->home)));
        bare = false;
    }
    if (element == self->top)
        put_declarations(self);
    for (const struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next) {
        buffer_put_char(out, ' ');
        put_name(self, &attribute->name, false);
        put_value(out, attribute->value);
    }
    if (element->first == NULL) {
        buffer_put(out, SPAN("/>"));
        return;
    }
    buffer_put_char(out, '>');
    for (const struct element *child = element->first; child != NULL; child = child->next)
        put_element(self, child, bare);
    buffer_put(out, SPAN("</"));
    put_name(self, &element->name, true);
    buffer_put_char(out, '>');
}

static void put_list(struct writer *self, const struct element_list *list)
{
    for (const struct element *element = list->first; element != NULL; element = element->next)
        put_element(self, element, false);
}

static void put_root(struct writer *self, struct span entity)
{
    buffer_put(self->out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns"));
    put_value(self->out, span_of(vocabulary_uri(VOCABULARY_PIDF)));
    put_declarations(self);
    buffer_put(self->out, SPAN(" entity"));
    put_value(self->out, entity);
    buffer_put_char(self->out, '>');
}

void write_document(const struct document *document, struct span entity, struct scratch *scratch,
                    const uint64_t key[2], struct buffer *out)
{
    struct writer self = {.scratch = scratch, .key = key, .out = out, .home = VOCABULARY_PIDF};
    const struct element_list *const parts[] = {
        &document->tuples, /* in the order of RFC 3863 section 4.1.1 */
        &document->notes, &document->persons, &document->devices, &document->extensions};

    self.end = &self.first;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        meet_list(&self, parts[i]);
    meet_idle(&self, document->declarations);
    put_root(&self, entity);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        put_list(&self, parts[i]);
    buffer_put(out, SPAN("</presence>\n"));
}

void write_element(const struct element *element, struct scratch *scratch, const uint64_t key[2],
                   struct buffer *out)
{
    struct writer self = {
        .scratch = scratch,
        .key = key,
        .out = out,
        .home = element->name.vocabulary,
        .top = element,
    };

    self.end = &self.first;
    meet(&self, element);
    put_element(&self, element, false);
}
