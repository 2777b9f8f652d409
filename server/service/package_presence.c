/* package_presence.c - the event package `presence` (RFC 3856): composed out of publications and,
 * where a domain says so, bindings; filtered, and told in part where the watcher takes that. */
#include "server/service/packages.h"

#include "pidf/filter/filter.h"
#include "pidf/partial/diff.h"
#include "pidf/partial/patch.h"
#include "server/base/must.h"
#include "server/sip/uri.h"

#include <stdlib.h>

enum { SOURCES_MAX = 256, CONTACTS_MAX = 100, REGISTRATION_BYTES_MAX = 65536, COMPOSED_TIMES = 16 };

/* The order of the package's formats. */
enum { FORMAT_FULL, FORMAT_PARTIAL };

struct presence {
    struct event_package package; /* first: the interface */
    const struct state *state;
    struct pidf_composer *composer;
    struct pidf_partial *publishing; /* limits of what is published */
    struct pidf_partial *notifying;  /* of what many publications make */
    struct filterer *filterer;
    struct buffer registration; /* the document that bindings make */
    struct buffer difference;
};

static struct presence *of(const struct event_package *package)
{
    return (struct presence *)package;
}

/* ---- what is published ---- */

static enum status check_partial(const struct presence *self, struct span body, struct span before,
                                 struct buffer *out, const char **phrase)
{
    struct pidf_fault fault = {0};
    enum status status = pidf_patch(self->publishing, before, body, out, &fault);

    if (status == STATUS_OK)
        status = pidf_check(self->composer, buffer_span(out), &fault);
    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

/* RFC 5264: what came in part is kept whole. */
static enum status check(const struct event_package *package, struct span content_type,
                         struct span body, struct span before, struct buffer *out,
                         const char **phrase)
{
    const struct presence *self = of(package);
    struct pidf_fault fault = {0};
    enum status status;

    if (span_equal(content_type, package->publishes[FORMAT_PARTIAL]))
        return check_partial(self, body, before, out, phrase);
    status = pidf_check(self->composer, body, &fault);
    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

/* ---- what is shown ---- */

static enum pidf_policy policy_of(const struct domain_row *domain)
{
    if (domain == NULL)
        return PIDF_UNION;
    switch (domain->presence_policy) {
    case POLICY_UNION:
        return PIDF_UNION;
    case POLICY_LATEST:
        return PIDF_LATEST;
    case POLICY_PRIORITY:
        return PIDF_PRIORITY;
    case POLICY_SINGLE:
        break;
    }
    return PIDF_SINGLE;
}

struct contacts {
    struct pidf_contact at[CONTACTS_MAX];
    size_t count;
};

static void add_contact(struct binding *binding, void *context)
{
    struct contacts *contacts = context;
    const struct binding_view view = binding_seen(binding);

    if (contacts->count < CONTACTS_MAX)
        contacts->at[contacts->count++] = (struct pidf_contact){
            .uri = view.contact,
            .q_thousandths = view.q_thousandths,
            .instance = view.instance,
        };
}

/* Who is registered can be reached, whatever nobody has published. False when there is nobody. */
static bool compose_registration(struct presence *self, const struct resource *resource,
                                 struct span entity)
{
    const struct location *location = bindings_find(self->state->bindings, resource_aor(resource));
    struct contacts contacts = {.count = 0};

    buffer_reset(&self->registration);
    if (location != NULL)
        location_each_seen(location, add_contact, &contacts);
    return contacts.count > 0 &&
           pidf_registration(entity, contacts.at, contacts.count, &self->registration) == STATUS_OK;
}

static size_t gather(struct presence *self, const struct resource *resource, struct span entity,
                     const struct domain_row *domain, struct pidf_source sources[])
{
    struct publication_view views[SOURCES_MAX];
    size_t count = publication_views(resource, views, SOURCES_MAX - 1);

    for (size_t i = 0; i < count; i++)
        sources[i] = (struct pidf_source){
            .body = views[i].document,
            .published_at_us = views[i].sequence,
            .hard_state = views[i].hard_state,
        };
    if (domain != NULL && domain->presence_from_registration &&
        compose_registration(self, resource, entity))
        sources[count++] = (struct pidf_source){
            .body = buffer_span(&self->registration),
            .from_registration = true,
        };
    return count;
}

static void put(const struct presence *self, struct span entity, const struct pidf_view *view,
                const struct pidf_source sources[], size_t count, struct parts *out)
{
    struct buffer *document = parts_begin(out, (struct span){0});

    if (pidf_compose(self->composer, entity, view, sources, count, document) == STATUS_OK &&
        parts_end(out, false, 0))
        return;
    if (count == 0)
        return;
    /* Too much for one NOTIFY: one publication says more than nothing. */
    parts_reset(out);
    put(self, entity, view, sources, count > 1 ? 1 : 0, out);
}

static int newest_first(const void *a, const void *b)
{
    const struct pidf_source *left = a;
    const struct pidf_source *right = b;

    return (left->published_at_us < right->published_at_us) -
           (left->published_at_us > right->published_at_us);
}

static struct pidf_view view_of(const struct domain_row *domain, const struct view_key *key)
{
    return (struct pidf_view){
        .policy = policy_of(domain), .dialect = key->dialect, .hidden = key->hidden};
}

static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    struct presence *self = of(package);
    const struct domain_row *domain =
        domains_find(self->state->domains, domain_of_aor(resource_aor(resource)));
    const struct pidf_view view = view_of(domain, key);
    struct pidf_source sources[SOURCES_MAX];
    char octets[ENTITY_BYTES];
    const struct span entity = package_entity(resource, octets);
    const size_t count = gather(self, resource, entity, domain, sources);

    qsort(sources, count, sizeof(sources[0]), newest_first);
    put(self, entity, &view, sources, count, out);
}

/* RFC 3856 section 6.6.2: pending is said in a note. */
#define PENDING                                                                                    \
    SPAN("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:anonymous@invalid\">"       \
         "<tuple id=\"pending\"><status><basic>closed</basic></status></tuple>"                    \
         "<note xml:lang=\"en\">Pending: waits for permission to see more</note></presence>")

/* As of someone who has published nothing, by the same policy: nothing tells the two apart. */
static void compose_closed(const struct event_package *package, const struct resource *resource,
                           const struct view_key *key, struct parts *out)
{
    const struct presence *self = of(package);
    const struct pidf_source pending = {.body = PENDING};
    struct pidf_view view =
        view_of(domains_find(self->state->domains, domain_of_aor(resource_aor(resource))), key);
    char octets[ENTITY_BYTES];

    if (key->pending)
        view.hidden = 0; /* it is we who say it */
    put(self, package_entity(resource, octets), &view, &pending, key->pending ? 1 : 0, out);
}

/* ---- partial notification (RFC 5263) ---- */

static void differ(const struct event_package *package, struct span before, struct span now,
                   uint32_t number, struct buffer *out)
{
    struct presence *self = of(package);
    size_t version_at = 0;

    buffer_reset(&self->difference);
    if ((span_empty(before) ||
         !pidf_diff(self->notifying, before, now, &self->difference, &version_at)) &&
        pidf_full(now, &self->difference, &version_at) != STATUS_OK)
        return;
    pidf_versioned_put(pidf_versioned_of(buffer_span(&self->difference), version_at), number, out);
}

/* ---- filters (RFC 4660, RFC 4661) ---- */

static bool same_uri(struct span a, struct span b)
{
    struct sip_uri left, right;

    return sip_uri_parse(a, &left) == STATUS_OK && sip_uri_parse(b, &right) == STATUS_OK &&
           sip_uri_equal(&left, &right);
}

static struct filter_scope scope_of(const struct event_package *package, struct span entity)
{
    return (struct filter_scope){
        .resource = entity, .package = package->name, .same_uri = same_uri};
}

/* The standing set as it was written: NULL for none, or for one that cannot be read any more. */
static struct simple_filter *read_filter(const struct event_package *package, struct span entity,
                                         struct span written)
{
    const struct filter_scope scope = scope_of(package, entity);
    struct simple_filter *filter = NULL;

    if (!span_empty(written) && simple_filter_update(of(package)->filterer, &scope, NULL, written,
                                                     &filter, NULL) != FILTER_ACCEPTED)
        return NULL;
    return filter;
}

/* A member of a list is looked at by the filters of the list's subscription. */
static struct simple_filter *read_key(const struct event_package *package,
                                      const struct resource *resource, const struct view_key *key)
{
    char octets[ENTITY_BYTES];
    const struct span aor = span_empty(key->list) ? resource_aor(resource) : key->list;

    return read_filter(package, package_uri(aor, octets), key->filter);
}

static enum status status_of(enum filter_verdict verdict)
{
    switch (verdict) {
    case FILTER_ACCEPTED:
        return STATUS_OK;
    case FILTER_TOO_LARGE:
        return STATUS_LIMIT;
    case FILTER_NOT_ACCEPTABLE:
        return STATUS_CONFLICT;
    case FILTER_MALFORMED:
        break;
    }
    return STATUS_MALFORMED;
}

static enum status check_filter(const struct event_package *package, struct span aor,
                                struct span body, struct span before, struct buffer *out,
                                const char **phrase)
{
    char octets[ENTITY_BYTES];
    const struct span entity = package_uri(aor, octets);
    const struct filter_scope scope = scope_of(package, entity);
    struct simple_filter *standing = read_filter(package, entity, before);
    struct simple_filter *filter = NULL;
    struct pidf_fault fault = {0};
    const enum filter_verdict verdict =
        simple_filter_update(of(package)->filterer, &scope, standing, body, &filter, &fault);

    if (verdict != FILTER_ACCEPTED)
        *phrase = fault.phrase;
    if (filter != NULL)
        simple_filter_write(filter, out);
    simple_filter_free(filter);
    simple_filter_free(standing);
    if (out->overflowed) {
        *phrase = "Too Many Filters";
        return STATUS_LIMIT;
    }
    return status_of(verdict);
}

static void filter(const struct event_package *package, const struct resource *resource,
                   const struct view_key *key, struct span document, struct buffer *out)
{
    char octets[ENTITY_BYTES];
    const struct span entity = package_entity(resource, octets);
    struct simple_filter *set = read_key(package, resource, key);
    const struct filter_rules *rules = simple_filter_for(set, entity);

    /* What cannot be filtered within its limits is told whole (RFC 4660 section 5.3.1). */
    if (rules == NULL || filter_apply(of(package)->filterer, rules, document, out) != STATUS_OK)
        buffer_put(out, document);
    simple_filter_free(set);
}

static bool triggers(const struct event_package *package, const struct resource *resource,
                     const struct view_key *key, struct span before, struct span now)
{
    char octets[ENTITY_BYTES];
    const struct span entity = package_entity(resource, octets);
    struct simple_filter *set = read_key(package, resource, key);
    const struct filter_rules *rules = simple_filter_for(set, entity);
    const bool told = !filter_rules_have_triggers(rules) ||
                      filter_triggers(of(package)->filterer, rules, before, now);

    simple_filter_free(set);
    return told;
}

/* ---- life ---- */

static void end(struct event_package *package)
{
    struct presence *self = of(package);

    pidf_composer_free(self->composer);
    pidf_partial_free(self->publishing);
    pidf_partial_free(self->notifying);
    filterer_free(self->filterer);
    buffer_deinit(&self->registration);
    buffer_deinit(&self->difference);
    free(self);
}

struct event_package *package_presence_new(const struct state *state,
                                           const struct pidf_limits *limits)
{
    struct presence *self = calloc(1, sizeof(*self));
    struct pidf_limits composed = *limits;

    must(self != NULL);
    self->state = state;
    self->composer = pidf_composer_new(limits);
    self->publishing = pidf_partial_new(limits);
    composed.bytes *= COMPOSED_TIMES;
    composed.elements *= COMPOSED_TIMES;
    composed.namespaces *= COMPOSED_TIMES;
    self->notifying = pidf_partial_new(&composed);
    self->filterer = filterer_new(NULL);
    buffer_init(&self->registration, REGISTRATION_BYTES_MAX);
    buffer_init(&self->difference, UINT32_MAX);
    self->package = (struct event_package){
        .name = SPAN("presence"),
        .audience = AUDIENCE_BY_RULES,
        .formats = {[FORMAT_FULL] = {.content_type = SPAN("application/pidf+xml")},
                    [FORMAT_PARTIAL] = {.content_type = SPAN("application/pidf-diff+xml"),
                                        .differs = true,
                                        .first_number = 1}},
        .publishes = {[FORMAT_FULL] = SPAN("application/pidf+xml"),
                      [FORMAT_PARTIAL] = SPAN("application/pidf-diff+xml")},
        .check = check,
        .compose = compose,
        .compose_closed = compose_closed,
        .differ = differ,
        .check_filter = check_filter,
        .filter = filter,
        .triggers = triggers,
        .end = end,
    };
    return &self->package;
}
