/* resource_list.c - a tree of lists becomes one list, each URI once. */
#include "pidf/event/resource_list.h"

#include "pidf/xml/parse.h"
#include "pidf/xml/seen.h"
#include "pidf/xml/value.h"
#include "server/base/crypto.h"
#include "server/base/must.h"

#include <stdlib.h>

#define NAMESPACE "urn:ietf:params:xml:ns:resource-lists"

enum {
    ENTRIES_FIRST = 64,
    DEPTH_BESIDE_LISTS = 16, /* the root, an entry, its name; what is foreign */
    ELEMENTS_BESIDE = 256,   /* lists, and what is foreign */
    ELEMENTS_PER_ENTRY = 4,  /* itself, its name, what is foreign */
    ATTRIBUTES = 64,
    NAMESPACES = 32,
};

const struct resource_list_limits resource_list_limits_default = {
    .bytes = 65536, .entries = 1000, .depth = 8};

struct resource_list_reader {
    struct resource_list_limits limits;
    struct parser *parser;
    struct scratch scratch;
    uint64_t key[2]; /* of the hashes of URIs */

    /* of the body being read */
    struct seen seen;
    struct resource_list_entry *entries; /* grows up to limits.entries */
    size_t cap;
    size_t count;
    struct pidf_fault fault;
};

static struct pidf_limits parser_limits(const struct resource_list_limits *limits)
{
    return (struct pidf_limits){
        .bytes = limits->bytes,
        .depth = limits->depth + DEPTH_BESIDE_LISTS,
        .elements = limits->entries * ELEMENTS_PER_ENTRY + ELEMENTS_BESIDE,
        .attributes = ATTRIBUTES,
        .namespaces = NAMESPACES,
    };
}

struct resource_list_reader *resource_list_reader_new(const struct resource_list_limits *limits)
{
    struct resource_list_reader *self = calloc(1, sizeof(*self));
    struct pidf_limits parsing;

    must(self != NULL);
    self->limits = limits == NULL ? resource_list_limits_default : *limits;
    parsing = parser_limits(&self->limits);
    self->parser = parser_new(&parsing);
    parser_take_any_root(self->parser);
    crypto_random(self->key, sizeof(self->key));
    return self;
}

void resource_list_reader_free(struct resource_list_reader *self)
{
    if (self == NULL)
        return;
    parser_free(self->parser);
    scratch_deinit(&self->scratch);
    free(self->entries);
    free(self);
}

/* ---- names ---- */

static bool is(const struct element *element, const char *local)
{
    return !element_is_text(element) && element->name.vocabulary == VOCABULARY_OTHER &&
           strcmp(element->name.uri, NAMESPACE) == 0 && strcmp(element->name.local, local) == 0;
}

/* xml:lang holds for all that is inside (XML 1.0 section 2.12). */
static struct span language_of(const struct element *element, struct span inherited)
{
    const struct attribute *lang = element_attribute(element, VOCABULARY_XML, "lang");
    struct scratch unused = {0};

    if (lang == NULL)
        return inherited;
    if (!value_mend(VALUE_LANGUAGE, lang->value, &unused, &inherited))
        inherited = (struct span){0}; /* "" takes the language away; nonsense too */
    return inherited;
}

/* ---- entries ---- */

static enum status refuse(struct resource_list_reader *self, enum status status, const char *phrase)
{
    self->fault = (struct pidf_fault){.phrase = phrase};
    return status;
}

static struct resource_list_entry *next_entry(struct resource_list_reader *self)
{
    if (self->count == self->cap) {
        self->cap = self->cap == 0 ? ENTRIES_FIRST : self->cap * 2;
        self->entries = realloc(self->entries, self->cap * sizeof(self->entries[0]));
        must(self->entries != NULL);
    }
    return &self->entries[self->count++];
}

/* True when the URI was there before; from now on it was. */
static bool meet(struct resource_list_reader *self, struct span uri)
{
    uint64_t hash = hash64(self->key, uri);
    size_t at = 0;
    struct span *known;

    while ((known = seen_next(&self->seen, hash, &at)) != NULL)
        if (span_equal(*known, uri))
            return true;
    known = scratch_alloc(&self->scratch, sizeof(*known));
    *known = uri;
    seen_add(&self->seen, &self->scratch, hash, known);
    return false;
}

static void read_name(struct resource_list_reader *self, const struct element *element,
                      struct span language, struct resource_list_entry *out)
{
    language = language_of(element, language);
    for (const struct element *child = element->first; child != NULL; child = child->next)
        if (is(child, "display-name")) {
            out->name = value_trim(element_content(child, false, &self->scratch));
            if (!span_empty(out->name))
                out->language = language_of(child, language);
            return;
        }
}

/* What a reference wrote into the attribute, and no URI of any scheme holds. */
static bool has_space(struct span uri)
{
    for (size_t i = 0; i < uri.len; i++)
        if ((unsigned char)uri.at[i] <= ' ' || uri.at[i] == 0x7f)
            return true;
    return false;
}

static enum status read_entry(struct resource_list_reader *self, const struct element *element,
                              struct span language)
{
    const struct attribute *attribute = element_attribute(element, VOCABULARY_ABSENT, "uri");
    struct resource_list_entry entry = {0};

    if (attribute == NULL)
        return refuse(self, STATUS_MALFORMED, "Entry Without URI");
    if (!value_mend(VALUE_URI, attribute->value, &self->scratch, &entry.uri) ||
        has_space(entry.uri))
        return refuse(self, STATUS_MALFORMED, "Bad Entry URI");
    if (meet(self, entry.uri))
        return STATUS_OK;
    if (self->count == self->limits.entries)
        return refuse(self, STATUS_LIMIT, "Too Many Entries");
    read_name(self, element, language, &entry);
    *next_entry(self) = entry;
    return STATUS_OK;
}

/* ---- lists ---- */

/* Depth 0 is the root. It should hold lists alone, but an entry there is plain enough. */
static enum status read_lists(struct resource_list_reader *self, const struct element *parent,
                              struct span language, size_t depth)
{
    enum status status = STATUS_OK;

    language = language_of(parent, language);
    for (const struct element *child = parent->first; child != NULL && status == STATUS_OK;
         child = child->next) {
        if (is(child, "list"))
            status = depth == self->limits.depth
                         ? refuse(self, STATUS_MALFORMED, "Lists Nested Too Deep")
                         : read_lists(self, child, language, depth + 1);
        else if (is(child, "entry"))
            status = read_entry(self, child, language);
        else if (is(child, "entry-ref"))
            status = refuse(self, STATUS_MALFORMED, "Entry Reference Not Supported");
        else if (is(child, "external"))
            status = refuse(self, STATUS_MALFORMED, "External List Not Supported");
    }
    return status;
}

static enum status read_body(struct resource_list_reader *self, struct span body)
{
    struct parsed parsed;
    enum status status = parser_parse(self->parser, body, &self->scratch, &parsed, &self->fault);

    if (status != STATUS_OK)
        return status;
    if (!is(parsed.root, "resource-lists"))
        return refuse(self, STATUS_MALFORMED, "Not a Resource List");
    status = read_lists(self, parsed.root, (struct span){0}, 0);
    if (status == STATUS_OK && self->count == 0)
        return refuse(self, STATUS_MALFORMED, "Empty Resource List");
    return status;
}

enum status resource_list_read(struct resource_list_reader *self, struct span body,
                               struct resource_list *out, struct pidf_fault *fault)
{
    enum status status;

    scratch_reset(&self->scratch);
    parser_tidy(self->parser);
    self->seen = (struct seen){0};
    self->count = 0;
    status = read_body(self, body);
    if (status == STATUS_OK)
        *out = (struct resource_list){self->entries, self->count};
    else if (fault != NULL)
        *fault = self->fault;
    return status;
}
