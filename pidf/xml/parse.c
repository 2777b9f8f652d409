/* parse.c - libxml2's SAX2 events make our own tree; limits are enforced while they arrive. */
#include "pidf/xml/parse.h"

#include "pidf/xml/preflight.h"
#include "server/base/must.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

enum { NAMES_KEPT_MAX = 4096, PAD_BYTES = 256 };

const struct pidf_limits pidf_limits_default = {
    .bytes = 65536, .depth = 32, .elements = 2000, .attributes = 64, .namespaces = 32};

struct parser {
    struct pidf_limits limits;
    bool any_root;
    xmlParserCtxtPtr context;

    /* of the document being parsed */
    struct scratch *scratch;
    struct span body;
    struct element **open; /* limits.depth of them */
    size_t depth;
    size_t element_count;
    const char **namespaces; /* limits.namespaces of them */
    size_t namespace_count;
    struct parsed parsed;
    struct declaration **declarations_end;
    const struct parser_sink *sink; /* takes the events; NULL: they make `parsed` */
    enum status status;
    struct pidf_fault fault;
};

/* ---- encodings ---- */

static bool encoding_is_read(const struct parser *self)
{
    const xmlParserCtxt *context = self->context;
    struct span encoding = span_of((const char *)context->encoding);

    if (span_empty(encoding) && context->input != NULL)
        encoding = span_of((const char *)context->input->encoding);
    return span_empty(encoding) || span_equal_nocase(encoding, SPAN("UTF-8")) ||
           span_equal_nocase(encoding, SPAN("US-ASCII")) ||
           span_equal_nocase(encoding, SPAN("ASCII")) ||
           span_equal_nocase(encoding, SPAN("ISO-8859-1"));
}

/* ---- refusing ---- */

static unsigned line_now(const struct parser *self)
{
    int line = self->context->input == NULL ? 0 : self->context->input->line;

    return line > 0 ? (unsigned)line : 0;
}

/* The first fault stands. */
static void refuse(struct parser *self, enum status status, const char *phrase, unsigned line)
{
    if (self->status != STATUS_OK)
        return;
    self->status = status;
    self->fault = (struct pidf_fault){phrase, line};
}

static void stop(struct parser *self, enum status status, const char *phrase)
{
    refuse(self, status, phrase, line_now(self));
    xmlStopParser(self->context);
}

static void on_error(void *user, xmlErrorPtr error)
{
    struct parser *self = user;
    unsigned line = error->line > 0 ? (unsigned)error->line : 0;

    if (self == NULL || error->level < XML_ERR_ERROR || error->domain == XML_FROM_VALID ||
        error->code == XML_WAR_NS_URI) /* RFC 4119 section 2.3 itself has one with a blank */
        return;
    if (error->domain == XML_FROM_NAMESPACE && error->code == XML_NS_ERR_UNDEFINED_NAMESPACE)
        refuse(self, STATUS_MALFORMED, "Undeclared Namespace Prefix", line);
    else if (error->code == XML_ERR_UNSUPPORTED_ENCODING ||
             error->code == XML_ERR_UNKNOWN_ENCODING || !encoding_is_read(self))
        refuse(self, STATUS_MALFORMED, "Unsupported Encoding", line);
    else if (error->code == XML_ERR_UNDECLARED_ENTITY || error->code == XML_WAR_UNDECLARED_ENTITY)
        refuse(self, STATUS_MALFORMED, "Undeclared Entity", line);
    else
        refuse(self, STATUS_MALFORMED, "Malformed XML", line);
}

/* libxml2 writes to stderr what it cannot give to a context, unless someone takes it. */
static void on_stray_error(void *user, xmlErrorPtr error)
{
    (void)user;
    (void)error;
}

/* ---- names ---- */

static enum vocabulary vocabulary_of(const char *uri)
{
    static const char common[] = "urn:ietf:params:xml:ns:pidf";

    if (uri == NULL || *uri == '\0')
        return VOCABULARY_ABSENT;
    if (strncmp(uri, common, sizeof(common) - 1) == 0) {
        const char *rest = uri + sizeof(common) - 1;

        if (*rest == '\0')
            return VOCABULARY_PIDF;
        for (int v = VOCABULARY_DATA_MODEL; v <= VOCABULARY_CAPS; v++)
            if (strcmp(uri, vocabulary_uri((enum vocabulary)v)) == 0)
                return (enum vocabulary)v;
        return VOCABULARY_OTHER;
    }
    if (strcmp(uri, vocabulary_uri(VOCABULARY_DIALOG_INFO)) == 0)
        return VOCABULARY_DIALOG_INFO;
    if (strcmp(uri, vocabulary_uri(VOCABULARY_XML)) == 0)
        return VOCABULARY_XML;
    if (strcmp(uri, vocabulary_uri(VOCABULARY_XSI)) == 0)
        return VOCABULARY_XSI;
    return VOCABULARY_OTHER;
}

static const char *text_of(const xmlChar *text)
{
    return (const char *)text;
}

static struct name name_of(const xmlChar *uri, const xmlChar *prefix, const xmlChar *local)
{
    enum vocabulary vocabulary = vocabulary_of(text_of(uri));
    bool other = vocabulary == VOCABULARY_OTHER;

    return (struct name){
        .vocabulary = vocabulary,
        .uri = other ? text_of(uri) : vocabulary_uri(vocabulary),
        .prefix = text_of(prefix),
        .local = text_of(local),
    };
}

/* RFC 3863 section 4.1.1 prints a colon behind PIDF's namespace; some believe it. */
static struct name element_name_of(const xmlChar *uri, const xmlChar *prefix, const xmlChar *local)
{
    bool misprint = uri != NULL && strcmp(text_of(uri), "urn:ietf:params:xml:ns:pidf:") == 0;

    return name_of(misprint ? (const xmlChar *)vocabulary_uri(VOCABULARY_PIDF) : uri, prefix,
                   local);
}

/* ---- events ---- */

static void on_document(void *user)
{
    struct parser *self = user;

    if (!encoding_is_read(self))
        stop(self, STATUS_MALFORMED, "Unsupported Encoding");
}

/* No DOCTYPE at all: it is where entities, external subsets and default attributes come from. */
static void on_doctype(void *user, const xmlChar *name, const xmlChar *external_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)external_id;
    (void)system_id;
    stop(user, STATUS_MALFORMED, "DOCTYPE Not Allowed");
}

/* Each namespace that we do not know is declared at the root of what is composed. */
static bool count_namespace(struct parser *self, const char *uri)
{
    for (size_t i = 0; i < self->namespace_count; i++)
        if (self->namespaces[i] == uri)
            return true;
    if (self->namespace_count == self->limits.namespaces)
        return false;
    self->namespaces[self->namespace_count++] = uri;
    return true;
}

static void add_declaration(struct parser *self, const char *prefix, const char *uri)
{
    struct declaration *declaration;

    if (vocabulary_of(uri) != VOCABULARY_OTHER)
        return;
    if (!count_namespace(self, uri)) {
        stop(self, STATUS_MALFORMED, "Too Many Namespaces");
        return;
    }
    if (prefix == NULL)
        return;
    declaration = scratch_alloc(self->scratch, sizeof(*declaration));
    declaration->prefix = prefix;
    declaration->uri = uri;
    *self->declarations_end = declaration;
    self->declarations_end = &declaration->next;
}

/* Five pointers each: local name, prefix, URI, begin and end of the value. */
static void add_attributes(struct parser *self, struct attribute **end, size_t count,
                           const xmlChar *const fields[])
{
    for (size_t i = 0; i < count; i++) {
        const xmlChar *const *field = &fields[5 * i];
        struct attribute *attribute = scratch_alloc(self->scratch, sizeof(*attribute));

        attribute->name = name_of(field[2], field[1], field[0]);
        attribute->value =
            scratch_copy(self->scratch, span_between(text_of(field[3]), text_of(field[4])));
        *end = attribute;
        end = &attribute->next;
    }
}

/* For a sink every declaration counts, also those of namespaces that we know. */
static void hand_on_start(struct parser *self, struct name name, size_t namespace_count,
                          const xmlChar *const namespaces[], size_t attribute_count,
                          const xmlChar *const attributes[])
{
    struct parser_tag tag = {.name = name, .line = line_now(self)};
    struct declaration **end = &tag.declarations;

    for (size_t i = 0; i < namespace_count; i++) {
        struct declaration *declaration = scratch_alloc(self->scratch, sizeof(*declaration));

        declaration->prefix = text_of(namespaces[2 * i]);
        declaration->uri = namespaces[2 * i + 1] == NULL ? "" : text_of(namespaces[2 * i + 1]);
        add_declaration(self, declaration->prefix, declaration->uri);
        *end = declaration;
        end = &declaration->next;
    }
    add_attributes(self, &tag.attributes, attribute_count, attributes);
    self->depth++;
    if (self->status == STATUS_OK)
        self->sink->on_start(self->sink->user, &tag);
}

static void on_start(void *user, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri,
                     int namespace_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted_count, const xmlChar **attributes)
{
    struct parser *self = user;
    struct element *element;

    (void)defaulted_count;
    if (self->status != STATUS_OK)
        return;
    if (self->depth >= self->limits.depth) {
        stop(self, STATUS_MALFORMED, "Too Deep");
        return;
    }
    if (++self->element_count > self->limits.elements) {
        stop(self, STATUS_LIMIT, "Too Many Elements");
        return;
    }
    if (self->sink != NULL) {
        hand_on_start(self, name_of(uri, prefix, local), (size_t)namespace_count, namespaces,
                      (size_t)attribute_count, (const xmlChar *const *)attributes);
        return;
    }
    element = scratch_alloc(self->scratch, sizeof(*element));
    element->name = element_name_of(uri, prefix, local);
    if (self->depth == 0 && !self->any_root && !element_is(element, VOCABULARY_PIDF, "presence")) {
        stop(self, STATUS_MALFORMED, "Not a PIDF Document");
        return;
    }
    for (size_t i = 0; i < (size_t)namespace_count; i++)
        add_declaration(self, text_of(namespaces[2 * i]), text_of(namespaces[2 * i + 1]));
    add_attributes(self, &element->attributes, (size_t)attribute_count,
                   (const xmlChar *const *)attributes);
    if (self->depth == 0)
        self->parsed.root = element;
    else
        element_append(self->open[self->depth - 1], element);
    self->open[self->depth++] = element;
}

static void on_end(void *user, const xmlChar *local, const xmlChar *prefix, const xmlChar *uri)
{
    struct parser *self = user;

    (void)local;
    (void)prefix;
    (void)uri;
    if (self->depth > 0)
        self->depth--;
    if (self->sink != NULL && self->status == STATUS_OK)
        self->sink->on_end(self->sink->user);
}

static void on_text(void *user, const xmlChar *text, int length)
{
    struct parser *self = user;
    struct span run = {text_of(text), (size_t)length};
    struct element *parent, *last;

    if (self->status != STATUS_OK || self->depth == 0)
        return;
    if (self->sink != NULL) {
        self->sink->on_text(self->sink->user, run);
        return;
    }
    parent = self->open[self->depth - 1];
    last = parent->last;
    if (last != NULL && element_is_text(last)) /* one run may come in many pieces */
        last->text = scratch_join(self->scratch, last->text, run);
    else {
        last = element_text_new(self->scratch, (struct span){0});
        last->text = scratch_copy(self->scratch, run);
        element_append(parent, last);
    }
}

static void on_comment(void *user, const xmlChar *text)
{
    struct parser *self = user;

    if (self->sink != NULL && self->status == STATUS_OK)
        self->sink->on_comment(self->sink->user, span_of(text_of(text)));
}

static void on_instruction(void *user, const xmlChar *target, const xmlChar *text)
{
    struct parser *self = user;

    if (self->sink != NULL && self->status == STATUS_OK)
        self->sink->on_instruction(self->sink->user, text_of(target), span_of(text_of(text)));
}

/* ---- the parser ---- */

static void context_new(struct parser *self)
{
    self->context = xmlNewParserCtxt();
    must(self->context != NULL);
    memset(self->context->sax, 0, sizeof(*self->context->sax));
    self->context->sax->initialized = XML_SAX2_MAGIC;
    self->context->sax->startDocument = on_document;
    self->context->sax->internalSubset = on_doctype;
    self->context->sax->startElementNs = on_start;
    self->context->sax->endElementNs = on_end;
    self->context->sax->characters = on_text;
    self->context->sax->ignorableWhitespace = on_text;
    self->context->sax->cdataBlock = on_text;
    self->context->sax->comment = on_comment;
    self->context->sax->processingInstruction = on_instruction;
    self->context->sax->serror = on_error;
    self->context->userData = self;
}

struct parser *parser_new(const struct pidf_limits *limits)
{
    struct parser *self = calloc(1, sizeof(*self));

    must(self != NULL);
    must(limits->bytes <= INT32_MAX / 2 && limits->depth > 0);
    xmlInitParser();
    xmlSetStructuredErrorFunc(NULL, on_stray_error);
    self->limits = *limits;
    self->open = calloc(limits->depth, sizeof(struct element *));
    self->namespaces = calloc(limits->namespaces + 1, sizeof(char *));
    must(self->open != NULL && self->namespaces != NULL);
    context_new(self);
    return self;
}

void parser_free(struct parser *self)
{
    if (self == NULL)
        return;
    xmlFreeParserCtxt(self->context);
    free(self->open);
    free(self->namespaces);
    free(self);
}

void parser_take_any_root(struct parser *self)
{
    self->any_root = true;
}

void parser_tidy(struct parser *self)
{
    if (xmlDictSize(self->context->dict) <= NAMES_KEPT_MAX)
        return;
    xmlFreeParserCtxt(self->context);
    context_new(self);
}

/*
 * Near the end of its input libxml2 tries to read more before every token, which costs a short
 * document a fifth of its time. Empty lines behind the document keep the end away.
 */
static struct span pad(struct parser *self)
{
    char *padded = scratch_alloc(self->scratch, self->body.len + PAD_BYTES);

    memcpy(padded, self->body.at, self->body.len);
    memset(padded + self->body.len, '\n', PAD_BYTES);
    return (struct span){padded, self->body.len + PAD_BYTES};
}

/*
 * NOENT: else "&amp;" in an attribute comes as "&#38;", for libxml2's own events to resolve. There
 * are no other entities to replace, since a DOCTYPE is refused.
 */
/* Asked to replace entities, of which there are none, or "&amp;" in a value becomes "&#38;". */
static void run(struct parser *self)
{
    struct span padded = pad(self);
    xmlDocPtr document = xmlCtxtReadMemory(self->context, padded.at, (int)padded.len, NULL, NULL,
                                           XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOERROR |
                                               XML_PARSE_NOWARNING);

    must(document == NULL); /* our events build no xmlDoc */
    /* Faults of namespaces came to on_error() like all others. */
    if (!self->context->wellFormed || self->element_count == 0)
        refuse(self, STATUS_MALFORMED, "Malformed XML", 0);
}

/* Some clients send an empty line first, which XML forbids in front of its declaration. */
static struct span without_leading_space(struct span body)
{
    while (!span_empty(body) && strchr(" \t\r\n", *body.at) != NULL && *body.at != '\0')
        body = span_skip(body, 1);
    return body;
}

static enum status read_body(struct parser *self, struct span body, struct scratch *scratch,
                             const struct parser_sink *sink)
{
    self->scratch = scratch;
    self->body = without_leading_space(body);
    self->depth = 0;
    self->element_count = 0;
    self->namespace_count = 0;
    self->parsed = (struct parsed){0};
    self->declarations_end = &self->parsed.declarations;
    self->sink = sink;
    self->fault = (struct pidf_fault){0};
    self->status = preflight(self->body, &self->limits, &self->fault);
    if (self->status == STATUS_OK)
        run(self);
    self->sink = NULL;
    return self->status;
}

enum status parser_parse(struct parser *self, struct span body, struct scratch *scratch,
                         struct parsed *out, struct pidf_fault *fault)
{
    enum status status = read_body(self, body, scratch, NULL);

    if (status == STATUS_OK)
        *out = self->parsed;
    else if (fault != NULL)
        *fault = self->fault;
    return status;
}

enum status parser_run(struct parser *self, struct span body, struct scratch *scratch,
                       const struct parser_sink *sink, struct pidf_fault *fault)
{
    enum status status = read_body(self, body, scratch, sink);

    if (status != STATUS_OK && fault != NULL)
        *fault = self->fault;
    return status;
}
