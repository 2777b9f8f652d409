#include "server/sip/event.h"

#include "server/sip/scan.h"

/* token, then *( SEMI param ): the shape of both fields. */
static enum status parse_head(struct span value, struct span *head, struct span *params)
{
    const char *end = span_end(value), *stop;

    if (span_empty(value))
        return STATUS_MALFORMED;
    stop = skip_class(value.at, end, OCTET_TOKEN);
    if (stop == value.at || !sip_parameters_valid(span_between(stop, end)))
        return STATUS_MALFORMED;
    *head = span_between(value.at, stop);
    *params = span_between(stop, end);
    return STATUS_OK;
}

enum status sip_event_parse(struct span value, struct sip_event *out)
{
    struct sip_parameter id = {0};
    struct span package, params;

    if (parse_head(value, &package, &params) != STATUS_OK)
        return STATUS_MALFORMED;
    sip_parameter_find(params, SPAN("id"), &id);
    *out = (struct sip_event){
        .package = package, .id = id.value, .params = params, .has_id = id.name.at != NULL};
    return STATUS_OK;
}

bool sip_event_equal(const struct sip_event *a, const struct sip_event *b)
{
    return span_equal(a->package, b->package) && a->has_id == b->has_id && span_equal(a->id, b->id);
}

static int64_t seconds(struct span params, struct span name)
{
    struct span value;
    uint32_t number;

    if (!sip_parameter(params, name, &value) || sip_delta_seconds(value, &number) != STATUS_OK)
        return -1;
    return number;
}

enum status sip_subscription_state_parse(struct span value, struct sip_subscription_state *out)
{
    struct span state, params, reason = {0};

    if (parse_head(value, &state, &params) != STATUS_OK)
        return STATUS_MALFORMED;
    sip_parameter(params, SPAN("reason"), &reason);
    *out = (struct sip_subscription_state){.state = state,
                                           .reason = reason,
                                           .expires_s = seconds(params, SPAN("expires")),
                                           .retry_after_s = seconds(params, SPAN("retry-after"))};
    return STATUS_OK;
}

void sip_subscription_state_compose(struct buffer *buffer,
                                    const struct sip_subscription_state *state)
{
    buffer_put(buffer, state->state);
    if (!span_empty(state->reason)) {
        buffer_put(buffer, SPAN(";reason="));
        buffer_put(buffer, state->reason);
    }
    if (state->expires_s >= 0) {
        buffer_put(buffer, SPAN(";expires="));
        buffer_put_u64(buffer, (uint64_t)state->expires_s);
    }
    if (state->retry_after_s >= 0) {
        buffer_put(buffer, SPAN(";retry-after="));
        buffer_put_u64(buffer, (uint64_t)state->retry_after_s);
    }
}
