/* check.c - sip_check_fields(): the syntax of what parsing left alone. */
#include "server/sip/event.h"
#include "server/sip/media.h"
#include "server/sip/parse.h"

typedef bool value_fn(struct span value);

static bool is_via(struct span value)
{
    struct sip_via via;

    return sip_via_parse(value, &via) == STATUS_OK;
}

static bool is_contact(struct span value)
{
    struct sip_address address;

    return sip_address_parse(value, &address) == STATUS_OK;
}

/* Route and its kin are name-addr, always with <> (sections 20.30, 20.34). */
static bool is_route(struct span value)
{
    struct sip_address address;

    return sip_address_parse(value, &address) == STATUS_OK && address.has_angle_quotes;
}

static bool is_seconds(struct span value)
{
    uint32_t seconds;

    return sip_delta_seconds(value, &seconds) == STATUS_OK;
}

static bool is_event(struct span value)
{
    struct sip_event event;

    return sip_event_parse(value, &event) == STATUS_OK;
}

static bool is_subscription_state(struct span value)
{
    struct sip_subscription_state state;

    return sip_subscription_state_parse(value, &state) == STATUS_OK;
}

static bool is_media(struct span value)
{
    struct sip_media media;

    return sip_media_parse(value, &media) == STATUS_OK;
}

static const struct {
    enum sip_header_id id;
    value_fn *is_good;
    const char *phrase;
    bool is_list;
} checks[] = {
    {SIP_VIA, is_via, "Malformed Via", true},
    {SIP_CONTACT, is_contact, "Malformed Contact", true},
    {SIP_ROUTE, is_route, "Malformed Route", true},
    {SIP_RECORD_ROUTE, is_route, "Malformed Record-Route", true},
    {SIP_PATH, is_route, "Malformed Path", true},
    {SIP_EXPIRES, is_seconds, "Malformed Expires", false},
    {SIP_EVENT, is_event, "Malformed Event", false},
    {SIP_SUBSCRIPTION_STATE, is_subscription_state, "Malformed Subscription-State", false},
    {SIP_CONTENT_TYPE, is_media, "Malformed Content-Type", false},
};

static bool is_good(const struct sip_message *message, enum sip_header_id id, bool is_list,
                    value_fn *is_good_value)
{
    struct sip_values values = sip_values_of(message, id);
    struct span value;

    if (!is_list) /* and parsing has seen to it that it stands once */
        return values.header == NULL || is_good_value(values.header->value);
    while (sip_values_next(&values, &value))
        if (!is_good_value(value))
            return false;
    return true;
}

/* RFC 3903 section 6: a compositor ignores them. */
static bool is_ignored(const struct sip_message *message, enum sip_header_id id)
{
    return message->request && message->method == SIP_PUBLISH &&
           (id == SIP_CONTACT || id == SIP_RECORD_ROUTE);
}

bool sip_check_fields(const struct sip_message *message, struct sip_fault *fault)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!is_ignored(message, checks[i].id) &&
            !is_good(message, checks[i].id, checks[i].is_list, checks[i].is_good)) {
            *fault = (struct sip_fault){400, checks[i].phrase};
            return false;
        }
    }
    return true;
}
