#include "server/sip/address.h"

#include "server/sip/scan.h"

/* *( token LWS ), and what clients put there unquoted: octets above ASCII. No space is needed
   before the '<' (RFC 4475 section 3.1.1.6). */
static bool is_bare_display(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!octet_is(text.at[i], OCTET_TOKEN | OCTET_SPACE) && (unsigned char)text.at[i] < 0x80)
            return false;
    return true;
}

/* [ display-name ] "<" addr-spec ">"; returns what is behind it, NULL when it breaks the grammar.
 */
static const char *parse_name_addr(const char *at, const char *end, struct sip_address *out)
{
    const char *open, *close;

    if (*at == '"') {
        open = sip_quoted_end(at, end);
        if (open == NULL)
            return NULL;
        out->display = span_between(at, open);
        open = skip_space(open, end);
    } else {
        open = memchr(at, '<', (size_t)(end - at));
        if (open == NULL)
            return NULL;
        out->display = sip_trim(span_between(at, open));
        if (!is_bare_display(out->display))
            return NULL;
    }
    if (open == end || *open != '<')
        return NULL;
    close = memchr(open, '>', (size_t)(end - open));
    if (close == NULL)
        return NULL;
    out->uri_text = span_between(open + 1, close);
    out->has_angle_quotes = true;
    return close + 1;
}

/* addr-spec, up to the first ';' (section 20.10). */
static const char *parse_addr_spec(const char *at, const char *end, struct sip_address *out)
{
    const char *stop = memchr(at, ';', (size_t)(end - at));

    if (stop == NULL)
        stop = end;
    out->uri_text = sip_trim(span_between(at, stop));
    if (span_find(out->uri_text, ',') != NULL || span_find(out->uri_text, '?') != NULL)
        return NULL;
    return stop;
}

enum status sip_address_parse(struct span value, struct sip_address *out)
{
    struct sip_parameter tag = {0};
    const char *at, *end;

    *out = (struct sip_address){0};
    value = sip_trim(value);
    if (span_empty(value))
        return STATUS_MALFORMED;
    if (span_equal(value, SPAN("*"))) {
        out->is_star = true;
        return STATUS_OK;
    }
    end = span_end(value);
    if (*value.at == '"' || span_find(value, '<') != NULL)
        at = parse_name_addr(value.at, end, out);
    else
        at = parse_addr_spec(value.at, end, out);
    if (at == NULL || sip_uri_parse(out->uri_text, &out->uri) != STATUS_OK)
        return STATUS_MALFORMED;
    out->params = sip_trim(span_between(at, end));
    if (!sip_parameters_valid(out->params))
        return STATUS_MALFORMED;
    if (sip_parameter_find(out->params, SPAN("tag"), &tag)) {
        /* tag-param is a token; a quoted one would be compared with its quotes */
        if (!tag.has_value || tag.value.at[0] == '"')
            return STATUS_MALFORMED;
        out->tag = tag.value;
    }
    return STATUS_OK;
}
