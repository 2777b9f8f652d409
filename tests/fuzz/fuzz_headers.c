/* fuzz_headers.c - one field value, read as every field there is. */
#include "server/base/must.h"
#include "server/sip/address.h"
#include "server/sip/cseq.h"
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/rate.h"
#include "server/sip/via.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span part, struct span whole)
{
    must(part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len));
}

static void read_parameters(struct span params, struct span whole)
{
    struct sip_parameter parameter;
    char out[256];
    struct span text;

    while (sip_parameter_next(&params, &parameter)) {
        inside(parameter.name, whole);
        inside(parameter.value, whole);
        if (sip_unquote(parameter.value, out, sizeof(out), &text) == STATUS_OK)
            must(text.len <= parameter.value.len);
    }
}

static void read_value(struct span value, struct span whole)
{
    struct sip_address address;
    struct sip_via via;
    struct sip_media media;
    struct sip_cseq cseq;
    uint32_t seconds;
    unsigned q;

    inside(value, whole);
    if (sip_address_parse(value, &address) == STATUS_OK && !address.is_star) {
        must(!span_empty(address.uri_text));
        inside(address.uri_text, value);
        inside(address.display, value);
        inside(address.tag, value);
        read_parameters(address.params, value);
    }
    if (sip_via_parse(value, &via) == STATUS_OK) {
        must(via.has_sent_by && !span_empty(via.host));
        inside(via.branch, value);
        inside(via.received, value);
        read_parameters(via.params, value);
    }
    if (sip_media_parse(value, &media) == STATUS_OK)
        read_parameters(media.params, value);
    if (sip_cseq_parse(value, &cseq) == STATUS_OK)
        must(cseq.number <= INT32_MAX && !span_empty(cseq.method_name));
    if (sip_qvalue(value, &q) == STATUS_OK)
        must(q <= 1000);
    if (sip_delta_seconds(value, &seconds) == STATUS_OK)
        must(!span_empty(value));
}

static void read_state(struct span value)
{
    struct sip_subscription_state state, again;
    struct buffer buffer;

    if (sip_subscription_state_parse(value, &state) != STATUS_OK)
        return;
    buffer_init(&buffer, 1 << 20);
    sip_subscription_state_compose(&buffer, &state);
    must(sip_subscription_state_parse(buffer_span(&buffer), &again) == STATUS_OK);
    must(span_equal(state.state, again.state) && state.expires_s == again.expires_s);
    buffer_deinit(&buffer);
}

/* What is said again is the same (RFC 6446). */
static void read_rates(struct span params)
{
    struct sip_rates rates, again;
    const char *phrase;
    char octets[128];
    struct buffer buffer;

    if (sip_rates_parse(params, &rates, &phrase) != STATUS_OK)
        return;
    buffer_init_fixed(&buffer, octets, sizeof(octets));
    sip_rates_compose(&buffer, &rates);
    must(!buffer.overflowed);
    must(sip_rates_parse(buffer_span(&buffer), &again, &phrase) == STATUS_OK);
    must(rates.max == again.max && rates.min == again.min &&
         rates.adaptive_min == again.adaptive_min);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span whole = {(const char *)data, size};
    struct span rest = whole, value;
    struct sip_event event;

    read_parameters(whole, whole);
    read_state(whole);
    if (sip_event_parse(whole, &event) == STATUS_OK) {
        must(sip_event_equal(&event, &event));
        read_rates(event.params);
    }
    while (sip_value_next(&rest, &value))
        read_value(value, whole);
    return 0;
}
