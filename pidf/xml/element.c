/* element.c - building, finding and comparing elements. */
#include "pidf/xml/element.h"

#include "server/base/crypto.h"

static const struct {
    const char *uri;
    const char *prefix;
} vocabularies[] = {
    [VOCABULARY_ABSENT] = {NULL, NULL},
    [VOCABULARY_PIDF] = {"urn:ietf:params:xml:ns:pidf", "pidf"},
    [VOCABULARY_DATA_MODEL] = {"urn:ietf:params:xml:ns:pidf:data-model", "dm"},
    [VOCABULARY_RPID] = {"urn:ietf:params:xml:ns:pidf:rpid", "rpid"},
    [VOCABULARY_TIMED_STATUS] = {"urn:ietf:params:xml:ns:pidf:timed-status", "ts"},
    [VOCABULARY_CIPID] = {"urn:ietf:params:xml:ns:pidf:cipid", "cipid"},
    [VOCABULARY_CAPS] = {"urn:ietf:params:xml:ns:pidf:caps", "caps"},
    [VOCABULARY_DIALOG_INFO] = {"urn:ietf:params:xml:ns:dialog-info", "di"},
    [VOCABULARY_XML] = {"http://www.w3.org/XML/1998/namespace", "xml"},
    [VOCABULARY_XSI] = {"http://www.w3.org/2001/XMLSchema-instance", "xsi"},
    [VOCABULARY_OTHER] = {NULL, NULL},
};

const char *vocabulary_uri(enum vocabulary vocabulary)
{
    return vocabularies[vocabulary].uri;
}

const char *vocabulary_prefix(enum vocabulary vocabulary)
{
    return vocabularies[vocabulary].prefix;
}

static struct name known_name(enum vocabulary vocabulary, const char *local)
{
    return (struct name){.vocabulary = vocabulary,
                         .uri = vocabulary_uri(vocabulary),
                         .prefix = vocabulary_prefix(vocabulary),
                         .local = local};
}

struct element *element_new(struct scratch *scratch, enum vocabulary vocabulary, const char *local)
{
    struct element *self = scratch_alloc(scratch, sizeof(*self));

    self->name = known_name(vocabulary, local);
    return self;
}

struct element *element_text_new(struct scratch *scratch, struct span text)
{
    struct element *self = scratch_alloc(scratch, sizeof(*self));

    self->text = text;
    return self;
}

static bool name_is(const struct name *name, enum vocabulary vocabulary, const char *local)
{
    return name->vocabulary == vocabulary && name->local != NULL && strcmp(name->local, local) == 0;
}

static bool name_equal(const struct name *a, const struct name *b)
{
    if (a->local == NULL || b->local == NULL)
        return a->local == b->local;
    return a->vocabulary == b->vocabulary && a->uri == b->uri && strcmp(a->local, b->local) == 0;
}

bool element_is(const struct element *self, enum vocabulary vocabulary, const char *local)
{
    return name_is(&self->name, vocabulary, local);
}

void element_append(struct element *self, struct element *child)
{
    child->next = NULL;
    if (self->last == NULL)
        self->first = child;
    else
        self->last->next = child;
    self->last = child;
}

void element_list_append(struct element_list *self, struct element *element)
{
    element->next = NULL;
    if (self->last == NULL)
        self->first = element;
    else
        self->last->next = element;
    self->last = element;
}

struct element *element_take_children(struct element *self)
{
    struct element *first = self->first;

    self->first = NULL;
    self->last = NULL;
    return first;
}

struct element *element_child(const struct element *self, enum vocabulary vocabulary,
                              const char *local)
{
    for (struct element *child = self->first; child != NULL; child = child->next)
        if (element_is(child, vocabulary, local))
            return child;
    return NULL;
}

/* <b> and the like, by those who know no namespaces and by those who do. */
static bool is_markup(const struct element *self)
{
    static const char *const own[] = {"presence", "tuple", "status",    "basic",
                                      "contact",  "note",  "timestamp", NULL};

    if (self->name.vocabulary == VOCABULARY_OTHER)
        return strcmp(self->name.uri, "http://www.w3.org/1999/xhtml") == 0;
    for (size_t i = 0; self->name.vocabulary == VOCABULARY_PIDF && own[i] != NULL; i++)
        if (strcmp(own[i], self->name.local) == 0)
            return false;
    return self->name.vocabulary == VOCABULARY_ABSENT || self->name.vocabulary == VOCABULARY_PIDF;
}

struct span element_content(const struct element *self, bool with_markup, struct scratch *scratch)
{
    struct span content = {0};

    if (element_is_text(self))
        return self->text;
    for (const struct element *child = self->first; child != NULL; child = child->next) {
        struct span part;

        if (!element_is_text(child) && !(with_markup && is_markup(child)))
            continue;
        part = element_content(child, with_markup, scratch);
        content = span_empty(content) ? part : scratch_join(scratch, content, part);
    }
    return content;
}

struct span element_text(const struct element *self)
{
    return self->first == NULL ? (struct span){0} : self->first->text;
}

struct span element_child_text(const struct element *self, enum vocabulary vocabulary,
                               const char *local)
{
    const struct element *child = element_child(self, vocabulary, local);

    return child == NULL ? (struct span){0} : element_text(child);
}

struct attribute *element_attribute(const struct element *self, enum vocabulary vocabulary,
                                    const char *local)
{
    for (struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        if (name_is(&attribute->name, vocabulary, local))
            return attribute;
    return NULL;
}

struct attribute *element_attribute_add(struct element *self, struct scratch *scratch,
                                        enum vocabulary vocabulary, const char *local,
                                        struct span value)
{
    struct attribute *attribute = scratch_alloc(scratch, sizeof(*attribute));
    struct attribute **end = &self->attributes;

    attribute->name = known_name(vocabulary, local);
    attribute->value = value;
    while (*end != NULL)
        end = &(*end)->next;
    *end = attribute;
    return attribute;
}

static bool attributes_equal(const struct attribute *a, const struct attribute *b)
{
    while (a != NULL && b != NULL && name_equal(&a->name, &b->name) &&
           span_equal(a->value, b->value)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

bool element_equal(const struct element *a, const struct element *b)
{
    const struct element *in_a = a->first, *in_b = b->first;

    if (!name_equal(&a->name, &b->name) || !span_equal(a->text, b->text) ||
        !attributes_equal(a->attributes, b->attributes))
        return false;
    while (in_a != NULL && in_b != NULL && element_equal(in_a, in_b)) {
        in_a = in_a->next;
        in_b = in_b->next;
    }
    return in_a == NULL && in_b == NULL;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * UINT64_C(0x9e3779b97f4a7c15) + (a >> 29);
}

/* Interned URIs are told apart by their address, which no sender can choose. */
static uint64_t name_hash(const struct name *name, const uint64_t key[2])
{
    return mix(hash64(key, span_of(name->local)), (uint64_t)(uintptr_t)name->uri);
}

uint64_t element_hash(const struct element *self, const uint64_t key[2])
{
    uint64_t hash;

    if (element_is_text(self))
        return hash64(key, self->text);
    hash = name_hash(&self->name, key);
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        hash = mix(mix(hash, name_hash(&attribute->name, key)), hash64(key, attribute->value));
    for (const struct element *child = self->first; child != NULL; child = child->next)
        hash = mix(hash, element_hash(child, key));
    return hash;
}
