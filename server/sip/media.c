#include "server/sip/media.h"

#include "server/sip/scan.h"

enum status sip_media_parse(struct span value, struct sip_media *out)
{
    const char *end = span_end(value), *type_end, *slash, *subtype, *stop;

    if (span_empty(value))
        return STATUS_MALFORMED;
    type_end = skip_class(value.at, end, OCTET_TOKEN);
    slash = skip_space(type_end, end);
    if (type_end == value.at || slash == end || *slash != '/')
        return STATUS_MALFORMED;
    subtype = skip_space(slash + 1, end);
    stop = skip_class(subtype, end, OCTET_TOKEN);
    if (stop == subtype || !sip_parameters_valid(span_between(stop, end)))
        return STATUS_MALFORMED;
    *out = (struct sip_media){.full = span_between(value.at, stop),
                              .type = span_between(value.at, type_end),
                              .subtype = span_between(subtype, stop),
                              .params = span_between(stop, end)};
    return STATUS_OK;
}

static bool split(struct span name, struct span *type, struct span *subtype)
{
    const char *slash = span_find(name, '/');

    if (slash == NULL)
        return false;
    *type = span_between(name.at, slash);
    *subtype = span_between(slash + 1, span_end(name));
    return true;
}

bool sip_media_is(const struct sip_media *media, struct span name)
{
    struct span type, subtype;

    return split(name, &type, &subtype) && span_equal_nocase(media->type, type) &&
           span_equal_nocase(media->subtype, subtype);
}

/* How closely a range describes `name`: 3 exactly, 2 by type, 1 as any, 0 not at all. */
static int closeness(const struct sip_media *range, struct span name)
{
    struct span type, subtype;

    if (!split(name, &type, &subtype))
        return 0;
    if (span_equal(range->type, SPAN("*")))
        return span_equal(range->subtype, SPAN("*")) ? 1 : 0;
    if (!span_equal_nocase(range->type, type))
        return 0;
    if (span_equal(range->subtype, SPAN("*")))
        return 2;
    return span_equal_nocase(range->subtype, subtype) ? 3 : 0;
}

/* The range that describes a name best so far. */
struct best {
    int closeness;
    unsigned q;
};

static void consider(struct best *best, struct span value, struct span name)
{
    struct sip_media range;
    struct span q_text;
    unsigned q = 1000;
    int close;

    if (sip_media_parse(value, &range) != STATUS_OK)
        return;
    close = closeness(&range, name);
    if (close <= best->closeness)
        return;
    if (sip_parameter(range.params, SPAN("q"), &q_text) && sip_qvalue(q_text, &q) != STATUS_OK)
        q = 1000;
    *best = (struct best){close, q};
}

unsigned sip_accept_q(struct span accept, struct span name)
{
    struct best best = {0};
    struct span value;

    while (sip_value_next(&accept, &value))
        consider(&best, value, name);
    return best.q;
}
