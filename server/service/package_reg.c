/* package_reg.c - the event package `reg` (RFC 3680, RFC 5628): composed out of bindings. */
#include "server/service/packages.h"

#include "pidf/event/reginfo.h"
#include "server/base/must.h"
#include "server/sip/parameter.h"

#include <stdio.h>
#include <stdlib.h>

enum { ID_BYTES = 24, PARAMS_MAX = 32, Q_BYTES = 8 };

struct reg_package {
    struct event_package package; /* first: the interface */
    const struct state *state;
};

/* Where parts go, while the bindings of one AOR are walked. */
struct walk {
    const struct reg_package *self;
    struct parts *out;
};

/* Parameters of the Contact that RFC 3261 does not define (RFC 3680 section 5.3). */
static size_t read_params(struct span from, struct reginfo_param out[PARAMS_MAX])
{
    struct sip_parameter parameter;
    size_t count = 0;

    while (count < PARAMS_MAX && sip_parameter_next(&from, &parameter))
        if (!span_equal_nocase(parameter.name, SPAN("q")) &&
            !span_equal_nocase(parameter.name, SPAN("expires")))
            out[count++] = (struct reginfo_param){parameter.name, parameter.value};
    return count;
}

static void add(struct binding *binding, void *context)
{
    const struct walk *walk = context;
    const struct binding_view view = binding_seen(binding);
    struct reginfo_param params[PARAMS_MAX];
    char id_octets[ID_BYTES], q[Q_BYTES] = "";
    struct buffer id;

    buffer_init_fixed(&id, id_octets, sizeof(id_octets));
    buffer_put_char(&id, 'c');
    buffer_put_hex64(&id, (uint64_t)view.id);
    if (view.q_thousandths >= 0)
        (void)snprintf(q, sizeof(q), "%d.%03d", view.q_thousandths / 1000 % 10,
                       view.q_thousandths % 1000);
    (void)reginfo_add(walk->out, &(struct reginfo_contact){
                                     .id = buffer_span(&id),
                                     .event = REGINFO_EVENT_REGISTERED,
                                     .uri = view.contact,
                                     .q = span_of(q),
                                     .params = params,
                                     .param_count = read_params(view.parameters, params),
                                     .deadline_us = view.deadline.us,
                                 });
}

static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    const struct reg_package *self = (const struct reg_package *)package;
    const struct location *location = bindings_find(self->state->bindings, resource_aor(resource));
    struct walk walk = {self, out};

    (void)key;
    if (location != NULL)
        location_each_seen(location, add, &walk);
}

static size_t count_ended(const struct event_document *document)
{
    size_t count = 0;

    for (size_t i = 0; i < document->count; i++)
        count += document->parts[i].last;
    return count;
}

static void wrap(const struct event_package *package, const struct event_document *document,
                 struct buffer *out)
{
    const struct reg_package *self = (const struct reg_package *)package;
    const int64_t now_us = loop_now(self->state->node.loop).us;
    char octets[ENTITY_BYTES];
    const struct reginfo_registration registration = {
        .aor = package_entity(document->resource, octets),
        .id = SPAN("r"),
        .state = reginfo_state(document->in_force, count_ended(document)),
    };

    reginfo_begin(out, document->number, document->full, &registration);
    for (size_t i = 0; i < document->count; i++)
        reginfo_put_part(out, &document->parts[i], now_us);
    reginfo_end(out);
}

static void end_part(const struct event_package *package, struct span octets, bool expired,
                     struct buffer *out)
{
    (void)package;
    reginfo_put_gone(out, octets, expired);
}

struct event_package *package_reg_new(const struct state *state)
{
    struct reg_package *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->package = (struct event_package){
        .name = SPAN("reg"),
        .audience = AUDIENCE_PRESENTITY,
        .formats = {{.content_type = SPAN("application/reginfo+xml")}},
        .compose = compose,
        .compose_closed = package_compose_nothing,
        .wrap = wrap,
        .end_part = end_part,
        .end = package_end_plain,
    };
    return &self->package;
}
