#include "server/sip/uri.h"

#include "server/sip/scan.h"

/* One octet of a URI part, and whether it is a reserved one that was escaped. Section 19.1.4:
   octets are equivalent to their %HH unless they are in the reserved set. */
struct unit {
    char octet;
    bool escaped_reserved;
};

static struct unit take(const char **at, const char *end)
{
    static const char reserved[] = ";/?:@&=+$,";
    struct unit unit = {**at, false};

    if (unit.octet == '%' && end - *at >= 3) {
        unit.octet = (char)(octet_hex((*at)[1]) << 4 | octet_hex((*at)[2]));
        unit.escaped_reserved = unit.octet != '\0' && strchr(reserved, unit.octet) != NULL;
        *at += 2;
    }
    (*at)++;
    return unit;
}

static bool part_equal(struct span a, struct span b, bool nocase)
{
    const char *at_a = a.at, *at_b = b.at, *end_a = span_end(a), *end_b = span_end(b);

    if (a.len == 0 || b.len == 0)
        return a.len == b.len;
    while (at_a < end_a && at_b < end_b) {
        struct unit x = take(&at_a, end_a), y = take(&at_b, end_b);

        if (nocase) {
            x.octet = octet_lower(x.octet);
            y.octet = octet_lower(y.octet);
        }
        if (x.octet != y.octet || x.escaped_reserved != y.escaped_reserved)
            return false;
    }
    return at_a == end_a && at_b == end_b;
}

struct pair {
    struct span name;
    struct span value;
};

/* The next `name[=value]` of a list that `separator` divides; the first may lack it. */
static bool pair_next(struct span *rest, char separator, struct pair *out)
{
    const char *end, *equals;
    struct span text = *rest;

    if (text.len > 0 && text.at[0] == separator)
        text = span_skip(text, 1);
    if (text.len == 0)
        return false;
    end = span_find(text, separator);
    if (end == NULL)
        end = span_end(text);
    *rest = span_between(end, span_end(text));
    text = span_between(text.at, end);
    equals = span_find(text, '=');
    out->name = equals == NULL ? text : span_between(text.at, equals);
    out->value = equals == NULL ? (struct span){0} : span_between(equals + 1, end);
    return true;
}

static bool pair_find(struct span list, char separator, struct span name, struct span *value)
{
    struct pair pair;

    while (pair_next(&list, separator, &pair)) {
        if (part_equal(pair.name, name, true)) {
            *value = pair.value;
            return true;
        }
    }
    return false;
}

bool sip_uri_parameter(const struct sip_uri *uri, struct span name, struct span *value)
{
    return pair_find(uri->params, ';', name, value);
}

/* Those that never match when they stand in one URI alone. Section 19.1.4 names user, ttl, method
   and maddr; transport is among its examples of URIs that are not equivalent. */
static bool must_stand_in_both(struct span name)
{
    static const struct span names[] = {
        {"user", 4}, {"ttl", 3}, {"method", 6}, {"maddr", 5}, {"transport", 9},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (part_equal(name, names[i], true))
            return true;
    return false;
}

/* Whether `list` has a pair of that name, and one that has that value too: a name that stands
   twice, which the grammar lets pass, must not make a URI unequal to itself. */
struct match {
    bool name;
    bool value;
};

static struct match find_match(struct span list, const struct pair *pair)
{
    struct match match = {false, false};
    struct pair other;

    while (!match.value && pair_next(&list, ';', &other)) {
        if (!part_equal(other.name, pair->name, true))
            continue;
        match.name = true;
        match.value = part_equal(other.value, pair->value, true);
    }
    return match;
}

/* Everything that stands in `a` agrees with `b`. */
static bool params_agree(struct span a, struct span b)
{
    struct pair pair;

    while (pair_next(&a, ';', &pair)) {
        struct match match = find_match(b, &pair);

        if (match.name ? !match.value : must_stand_in_both(pair.name))
            return false;
    }
    return true;
}

/* Every header of `a` stands in `b`, as often; header components are never ignored. */
static bool headers_within(struct span a, struct span b)
{
    struct span rest = a, other;
    struct pair pair, candidate;

    while (pair_next(&rest, '&', &pair)) {
        size_t here = 0, there = 0;

        for (other = a; pair_next(&other, '&', &candidate);)
            here += part_equal(candidate.name, pair.name, true) &&
                    part_equal(candidate.value, pair.value, false);
        for (other = b; pair_next(&other, '&', &candidate);)
            there += part_equal(candidate.name, pair.name, true) &&
                     part_equal(candidate.value, pair.value, false);
        if (here != there)
            return false;
    }
    return true;
}

static bool is_visual_separator(char octet)
{
    return octet == '-' || octet == '.' || octet == '(' || octet == ')';
}

/* The number without its visual separators, case ignored (RFC 3966 section 5). */
static bool number_equal(struct span a, struct span b)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < a.len && is_visual_separator(a.at[i]))
            i++;
        while (j < b.len && is_visual_separator(b.at[j]))
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (octet_lower(a.at[i++]) != octet_lower(b.at[j++]))
            return false;
    }
}

/* All parameters stand in both, in any order. */
static bool tel_params_within(struct span a, struct span b)
{
    struct pair pair;

    while (pair_next(&a, ';', &pair))
        if (!find_match(b, &pair).value)
            return false;
    return true;
}

static bool tel_equal(struct span a, struct span b)
{
    const char *semi_a = span_find(a, ';'), *semi_b = span_find(b, ';');
    const char *end_a = span_end(a), *end_b = span_end(b);
    struct span params_a = semi_a == NULL ? (struct span){0} : span_between(semi_a, end_a);
    struct span params_b = semi_b == NULL ? (struct span){0} : span_between(semi_b, end_b);

    return number_equal(span_between(a.at, semi_a == NULL ? end_a : semi_a),
                        span_between(b.at, semi_b == NULL ? end_b : semi_b)) &&
           tel_params_within(params_a, params_b) && tel_params_within(params_b, params_a);
}

bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
    if (a->scheme != b->scheme || !span_equal_nocase(a->scheme_name, b->scheme_name))
        return false;
    switch (a->scheme) {
    case SIP_SCHEME_OTHER:
        return span_equal(a->user, b->user);
    case SIP_SCHEME_TEL:
        return tel_equal(a->user, b->user);
    case SIP_SCHEME_SIP:
    case SIP_SCHEME_SIPS:
        break;
    }
    return part_equal(a->user, b->user, false) && a->has_password == b->has_password &&
           part_equal(a->password, b->password, false) && a->host_is_ipv6 == b->host_is_ipv6 &&
           span_equal_nocase(a->host, b->host) && a->port == b->port &&
           params_agree(a->params, b->params) && params_agree(b->params, a->params) &&
           headers_within(a->headers, b->headers) && headers_within(b->headers, a->headers);
}
