/* rlmi.c - first the elements, one after the other, then the bodies in the same order. */
#include "pidf/event/rlmi.h"

#include "pidf/xml/markup.h"
#include "server/base/must.h"

/* A boundary has at most 70 characters (RFC 2046 section 5.1.1). */
enum { TOKEN_MIN = 8, TOKEN_MAX = 40, BOUNDARY_MAX = 70, BOUNDARIES_TRIED_MAX = 16 };

/* What it takes to write one body. */
struct writing {
    const struct rlmi_list *list;
    struct buffer *out;
    struct span boundary;
};

static const char *const states[] = {
    [RLMI_STATE_PENDING] = "pending",
    [RLMI_STATE_ACTIVE] = "active",
    [RLMI_STATE_TERMINATED] = "terminated",
};

/* RFC 4662 section 5.5: `cid` must be there for an active instance. */
static bool has_part(const struct rlmi_resource *resource)
{
    return !span_empty(resource->instance_id) &&
           (resource->state == RLMI_STATE_ACTIVE || !span_empty(resource->body));
}

/* ---- the document ---- */

/* The root is number 0. The dot keeps the boundary, which has none, out of it. */
static void put_cid(struct buffer *out, const struct rlmi_list *list, size_t number)
{
    buffer_put_u64(out, number);
    buffer_put_char(out, '.');
    buffer_put(out, list->token);
    buffer_put_char(out, '@');
    buffer_put(out, list->host);
}

static void put_name(struct buffer *out, struct span name, struct span language)
{
    if (span_empty(name))
        return;
    buffer_put(out, SPAN("<name"));
    markup_put_language(out, language);
    buffer_put_char(out, '>');
    markup_put_text(out, name);
    buffer_put(out, SPAN("</name>"));
}

static void put_instance(const struct writing *self, size_t i)
{
    const struct rlmi_resource *resource = &self->list->resources[i];

    if (span_empty(resource->instance_id))
        return;
    must(resource->state != RLMI_STATE_TERMINATED || !span_empty(resource->reason));
    buffer_put(self->out, SPAN("<instance"));
    markup_put_attribute(self->out, "id", resource->instance_id);
    markup_put_attribute(self->out, "state", span_of(states[resource->state]));
    markup_put_optional(self->out, "reason", resource->reason);
    if (has_part(resource)) {
        buffer_put(self->out, SPAN(" cid=\""));
        put_cid(self->out, self->list, i + 1);
        buffer_put_char(self->out, '"');
    }
    buffer_put(self->out, SPAN("/>"));
}

static void put_resource(const struct writing *self, size_t i)
{
    const struct rlmi_resource *resource = &self->list->resources[i];

    buffer_put(self->out, SPAN("<resource"));
    markup_put_uri_attribute(self->out, "uri", resource->uri);
    buffer_put_char(self->out, '>');
    put_name(self->out, resource->name, resource->language);
    put_instance(self, i);
    buffer_put(self->out, SPAN("</resource>"));
}

static void put_list(const struct writing *self)
{
    const struct rlmi_list *list = self->list;

    buffer_put(self->out, SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                               "<list xmlns=\"urn:ietf:params:xml:ns:rlmi\""));
    markup_put_uri_attribute(self->out, "uri", list->uri);
    markup_put_number(self->out, "version", list->version);
    markup_put_attribute(self->out, "fullState", list->full ? SPAN("true") : SPAN("false"));
    buffer_put_char(self->out, '>');
    put_name(self->out, list->name, list->language);
    for (size_t i = 0; i < list->count; i++)
        put_resource(self, i);
    buffer_put(self->out, SPAN("</list>"));
}

/* ---- the parts ---- */

/* RFC 4662 sends binary: SIP is clean for eight bits (RFC 3261 section 7.4.1). */
static void put_part_head(const struct writing *self, size_t number, struct span content_type)
{
    buffer_put(self->out, SPAN("--"));
    buffer_put(self->out, self->boundary);
    buffer_put(self->out, SPAN("\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <"));
    put_cid(self->out, self->list, number);
    buffer_put(self->out, SPAN(">\r\nContent-Type: "));
    buffer_put(self->out, content_type);
    buffer_put(self->out, SPAN("\r\n\r\n"));
}

static void put_root(const struct writing *self)
{
    put_part_head(self, 0, SPAN("application/rlmi+xml;charset=\"UTF-8\""));
    put_list(self);
    buffer_put(self->out, SPAN("\r\n"));
}

static void put_bodies(const struct writing *self)
{
    for (size_t i = 0; i < self->list->count; i++) {
        const struct rlmi_resource *resource = &self->list->resources[i];

        if (!has_part(resource))
            continue;
        put_part_head(self, i + 1, resource->content_type);
        buffer_put(self->out, resource->body);
        buffer_put(self->out, SPAN("\r\n"));
    }
    buffer_put(self->out, SPAN("--"));
    buffer_put(self->out, self->boundary);
    buffer_put(self->out, SPAN("--\r\n"));
}

/* ---- the boundary ---- */

static bool occurs(struct span needle, struct span bytes)
{
    return !span_empty(bytes) && memmem(bytes.at, bytes.len, needle.at, needle.len) != NULL;
}

static bool occurs_in_a_body(struct span boundary, const struct rlmi_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (has_part(&list->resources[i]) && occurs(boundary, list->resources[i].body))
            return true;
    return false;
}

/* What was written last is the root: its head holds the boundary once, in the third octet. */
static bool occurs_in_root(const struct writing *self, size_t root_at)
{
    struct span root = span_skip(buffer_span(self->out), root_at);

    return occurs(self->boundary, span_skip(root, 2 + self->boundary.len));
}

static bool is_token(struct span token)
{
    for (size_t i = 0; i < token.len; i++)
        if (!((token.at[i] >= '0' && token.at[i] <= '9') ||
              (token.at[i] >= 'A' && token.at[i] <= 'Z') ||
              (token.at[i] >= 'a' && token.at[i] <= 'z')))
            return false;
    return token.len >= TOKEN_MIN && token.len <= TOKEN_MAX;
}

/* False, and nothing was written, when the boundary occurs in a part. */
static bool put_all(const struct writing *self)
{
    size_t begin = self->out->len;

    if (occurs_in_a_body(self->boundary, self->list))
        return false;
    put_root(self);
    if (occurs_in_root(self, begin)) {
        buffer_cut(self->out, begin);
        return false;
    }
    put_bodies(self);
    return true;
}

/* The boundary is a token and stands without quotes: Linphone takes them for a part of it, finds no
 * part and crashes. */
static void put_content_type(const struct writing *self, struct buffer *out)
{
    buffer_put(out, SPAN("multipart/related;type=\"application/rlmi+xml\";start=\"<"));
    put_cid(out, self->list, 0);
    buffer_put(out, SPAN(">\";boundary="));
    buffer_put(out, self->boundary);
}

/* The token alone suffices unless someone learnt it, or a list is in the list. */
static bool try_boundaries(struct writing *self, struct buffer *content_type)
{
    char memory[BOUNDARY_MAX];
    struct buffer boundary;

    buffer_init_fixed(&boundary, memory, sizeof(memory));
    for (uint64_t i = 0; i < BOUNDARIES_TRIED_MAX; i++) {
        buffer_reset(&boundary);
        buffer_put(&boundary, self->list->token);
        buffer_put_char(&boundary, '_');
        buffer_put_u64(&boundary, i);
        buffer_put_char(&boundary, '_'); /* so that no boundary begins with another */
        self->boundary = buffer_span(&boundary);
        if (put_all(self)) {
            put_content_type(self, content_type);
            return true;
        }
    }
    return false;
}

enum status rlmi_compose(const struct rlmi_list *list, struct buffer *out,
                         struct buffer *content_type)
{
    size_t out_before = out->len, content_type_before = content_type->len;
    struct writing writing = {.list = list, .out = out};

    must(is_token(list->token));
    if (try_boundaries(&writing, content_type) && !out->overflowed && !content_type->overflowed)
        return STATUS_OK;
    buffer_cut(out, out_before);
    buffer_cut(content_type, content_type_before);
    return STATUS_LIMIT;
}
