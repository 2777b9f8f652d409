/* roster_body.c - takes what is dirty, as much as one NOTIFY carries, and hears what became of it.
 */
#include "pidf/event/rlmi.h"
#include "server/base/must.h"
#include "server/service/rosters.h"

#include <stdlib.h>

enum {
    ELEMENT_BYTES = 256, /* about what RLMI and MIME need for a member, beside its texts */
    NAME_BYTES = 64,     /* the same of one without an instance */
    TOKEN_BYTES = 16,    /* of a boundary */
};

static void mark_all(struct roster *roster)
{
    list_append_all(&roster->dirty, &roster->telling);
    for (size_t i = 0; i < roster->count; i++) {
        struct member *member = &roster->members[i];

        member->telling = 0;
        list_remove(&member->dirty);
        list_append(&roster->dirty, &member->dirty);
    }
}

static struct rlmi_resource resource_for(struct rosters *self, struct member *member)
{
    struct rlmi_resource out = {
        .uri = member->uri,
        .name = member->name,
        .instance_id = SPAN("1"),
        .state = member->pending          ? RLMI_STATE_PENDING
                 : member->reason != NULL ? RLMI_STATE_TERMINATED
                                          : RLMI_STATE_ACTIVE,
        .reason = span_of(member->reason == NULL ? "" : member->reason),
    };

    if (member->view == NULL || member->pending)
        return out;
    out.body = view_document(self->content->views, member->view, member->number);
    out.content_type = view_content_type(member->view);
    return out;
}

/* What it takes to name every member. 0 when that alone is too much for one NOTIFY. */
static size_t bytes_of_names(const struct rosters *self, const struct roster *roster)
{
    size_t bytes = 0;

    for (size_t i = 0; i < roster->count; i++)
        bytes += NAME_BYTES + roster->members[i].uri.len + roster->members[i].name.len;
    return bytes < self->options.body_bytes_max ? bytes : 0;
}

/* Those that have no room yet are there all the same, without an instance: nothing is known of
 * them (RFC 4662 section 5.5). */
static size_t name_others(const struct roster *roster, struct rlmi_resource out[], size_t count)
{
    const struct list *link = roster->dirty.next;

    for (; link != &roster->dirty; link = link->next) {
        const struct member *member = CONTAINER_OF((struct list *)link, struct member, dirty);

        out[count++] = (struct rlmi_resource){.uri = member->uri, .name = member->name};
    }
    return count;
}

/* As many as have room beside `bytes`, at least one. Their documents are kept as offsets while they
 * grow. */
static size_t take(struct rosters *self, struct roster *roster, struct rlmi_resource out[],
                   size_t max, size_t bytes)
{
    size_t count = 0;

    buffer_reset(&self->documents);
    while (count < max && !list_empty(&roster->dirty)) {
        struct member *member = CONTAINER_OF(roster->dirty.next, struct member, dirty);
        struct rlmi_resource resource = resource_for(self, member);

        bytes += ELEMENT_BYTES + 2 * member->uri.len + member->name.len + resource.body.len;
        if (count > 0 && bytes > self->options.body_bytes_max)
            break;
        buffer_put(&self->documents, resource.body);
        member->telling = member->tag;
        member->number++;
        list_remove(&member->dirty);
        list_append(&roster->telling, &member->dirty);
        out[count++] = resource;
    }
    return count;
}

static void place_documents(const struct rosters *self, struct rlmi_resource resources[],
                            size_t count)
{
    const char *at = self->documents.at;

    for (size_t i = 0; i < count; i++) {
        resources[i].body.at = at;
        at += resources[i].body.len;
    }
}

static struct span make_token(char out[TOKEN_BYTES])
{
    static const char letters[] = "0123456789abcdef";
    const uint64_t random = crypto_random_u64();

    for (size_t i = 0; i < TOKEN_BYTES; i++)
        out[i] = letters[(random >> (4 * i)) & 15];
    return (struct span){out, TOKEN_BYTES};
}

static struct blob *compose(struct rosters *self, struct roster *roster,
                            const struct rlmi_resource resources[], size_t count, uint32_t number,
                            bool full)
{
    const struct resource *resource = subscription_resource(roster->subscription);
    const struct list_row *found =
        resource_lists_find(self->content->state->lists, resource_aor(resource));
    const struct list_row *row =
        found != NULL &&
                list_may_be_watched(found, subscription_newest(roster->subscription).watcher)
            ? found
            : NULL;
    char token[TOKEN_BYTES], octets[SIP_AOR_BYTES_MAX + 8];
    struct buffer uri;
    struct rlmi_list list = {
        .name = row == NULL ? (struct span){0} : row->name,
        .version = number,
        .full = full,
        .resources = resources,
        .count = count,
        .token = make_token(token),
        .host = domain_of_aor(resource_aor(resource)),
    };

    buffer_init_fixed(&uri, octets, sizeof(octets));
    buffer_put(&uri, SPAN("sip:"));
    buffer_put(&uri, resource_aor(resource));
    list.uri = buffer_span(&uri);
    buffer_reset(&self->body);
    buffer_reset(&roster->type);
    if (rlmi_compose(&list, &self->body, &roster->type) != STATUS_OK)
        return NULL;
    return blob_new(buffer_span(&self->body));
}

/* As many as one body can have room for: of a long list that is a small part. */
static size_t resources_max(const struct rosters *self, const struct roster *roster)
{
    const size_t room = self->options.body_bytes_max / ELEMENT_BYTES;

    return (room < roster->count ? room : roster->count) + 1;
}

struct blob *roster_body(struct rosters *self, struct roster *roster, uint32_t number, bool full)
{
    size_t max = resources_max(self, roster);
    struct rlmi_resource *resources;
    struct blob *body;
    size_t count, names = 0;

    if (full) {
        mark_all(roster);
        names = bytes_of_names(self, roster);
        (*self->full)++;
    }
    if (names > 0)
        max = roster->count + 1; /* all are named */
    resources = calloc(max, sizeof(resources[0]));
    must(resources != NULL);
    count = take(self, roster, resources, max - 1, names);
    place_documents(self, resources, count);
    if (names > 0)
        count = name_others(roster, resources, count);
    body = compose(self, roster, resources, count, number, full);
    free(resources);
    return body;
}

void roster_type(const struct roster *self, struct buffer *out)
{
    buffer_put(out, buffer_span(&self->type));
}

/* While some members are yet to be told, no watcher has what this tag stands for. */
struct span roster_entity_tag(struct rosters *self, struct roster *roster,
                              char out[ENTITY_TAG_BYTES])
{
    const uint64_t tag = list_empty(&roster->dirty) ? roster->tag : crypto_random_u64();
    struct buffer text;

    (void)self;
    buffer_init_fixed(&text, out, ENTITY_TAG_BYTES);
    buffer_put_hex64(&text, tag | (UINT64_C(1) << 63));
    return buffer_span(&text);
}

void roster_acknowledge(struct roster *self)
{
    struct list *link;

    self->told = true;
    while ((link = list_take(&self->telling)) != NULL) {
        struct member *member = CONTAINER_OF(link, struct member, dirty);

        member->told = member->telling;
        member->telling = 0;
        if (member->told != member->tag)
            list_append(&self->dirty, &member->dirty);
    }
}

void roster_miss(struct roster *self)
{
    struct list *link;

    while ((link = list_take(&self->telling)) != NULL) {
        CONTAINER_OF(link, struct member, dirty)->telling = 0;
        list_append(&self->dirty, link);
    }
}
