#include "server/sip/uri.h"

#include "server/sip/host.h"
#include "server/sip/scan.h"

static enum sip_scheme scheme_of(struct span name)
{
    if (text_is(name, SPAN("sip")))
        return SIP_SCHEME_SIP;
    if (text_is(name, SPAN("sips")))
        return SIP_SCHEME_SIPS;
    return text_is(name, SPAN("tel")) ? SIP_SCHEME_TEL : SIP_SCHEME_OTHER;
}

/* Behind `userinfo "@"`, or `at` when there is none; NULL when it breaks the grammar. '@' may stand
   nowhere else in a SIP URI without being escaped. */
static const char *parse_userinfo(const char *at, const char *end, struct sip_uri *out)
{
    const char *at_sign = memchr(at, '@', (size_t)(end - at)), *stop;

    if (at_sign == NULL)
        return at;
    stop = skip_escaped(at, at_sign, OCTET_USER);
    if (stop == at)
        return NULL;
    out->user = span_between(at, stop);
    if (stop < at_sign && *stop == ':') {
        out->has_password = true;
        out->password = span_between(stop + 1, at_sign);
        stop = skip_escaped(stop + 1, at_sign, OCTET_PASSWORD);
    }
    return stop == at_sign ? at_sign + 1 : NULL;
}

/* *( ";" pname [ "=" pvalue ] ) */
static const char *parse_params(const char *at, const char *end)
{
    const char *from;

    while (at < end && *at == ';') {
        from = at + 1;
        at = skip_escaped(from, end, OCTET_PARAM);
        if (at == from)
            return NULL;
        if (at < end && *at == '=') {
            from = at + 1;
            at = skip_escaped(from, end, OCTET_PARAM);
            if (at == from)
                return NULL;
        }
    }
    return at;
}

/* hname "=" hvalue *( "&" ... ); a value may be empty */
static const char *parse_headers(const char *at, const char *end)
{
    const char *from;

    for (;;) {
        from = at;
        at = skip_escaped(from, end, OCTET_HNV);
        if (at == from || at == end || *at != '=')
            return NULL;
        at = skip_escaped(at + 1, end, OCTET_HNV);
        if (at == end || *at != '&')
            return at;
        at++;
    }
}

/* What is behind "sip:". */
static enum status parse_sip(const char *at, const char *end, struct sip_uri *out)
{
    const char *from;

    at = parse_userinfo(at, end, out);
    if (at != NULL)
        at = sip_host_parse(at, end, &out->host, &out->host_is_ipv6);
    if (at != NULL && at < end && *at == ':')
        at = sip_port_parse(at + 1, end, &out->port);
    if (at == NULL)
        return STATUS_MALFORMED;
    from = at;
    at = parse_params(from, end);
    if (at == NULL)
        return STATUS_MALFORMED;
    out->params = span_between(from, at);
    if (at < end && *at == '?') {
        from = at + 1;
        at = parse_headers(from, end);
        if (at == NULL)
            return STATUS_MALFORMED;
        out->headers = span_between(from, at);
    }
    return at == end ? STATUS_OK : STATUS_MALFORMED;
}

enum status sip_uri_parse(struct span text, struct sip_uri *out)
{
    const char *colon = span_find(text, ':'), *end = span_end(text);

    if (colon == NULL)
        return STATUS_MALFORMED;
    *out = (struct sip_uri){.text = text, .scheme_name = span_between(text.at, colon)};
    out->scheme = scheme_of(out->scheme_name);
    if (out->scheme == SIP_SCHEME_SIP || out->scheme == SIP_SCHEME_SIPS)
        return parse_sip(colon + 1, end, out);

    /* ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ":" 1*uric */
    if (colon == text.at || !octet_is(text.at[0], OCTET_TOKEN) || (text.at[0] | 0x20) < 'a' ||
        (text.at[0] | 0x20) > 'z')
        return STATUS_MALFORMED;
    for (const char *at = text.at; at < colon; at++)
        if ((!octet_is(*at, OCTET_HOST) || *at == '_') && *at != '+')
            return STATUS_MALFORMED;
    if (colon + 1 == end || skip_escaped(colon + 1, end, OCTET_URI) != end)
        return STATUS_MALFORMED;
    out->user = span_between(colon + 1, end);
    return STATUS_OK;
}

enum status sip_uri_unescape(struct span text, char *out, size_t size_bytes, struct span *plain)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char octet = text.at[i];

        if (octet == '%' && text.len - i >= 3 && octet_is(text.at[i + 1], OCTET_HEX) &&
            octet_is(text.at[i + 2], OCTET_HEX)) {
            octet = (char)(octet_hex(text.at[i + 1]) << 4 | octet_hex(text.at[i + 2]));
            i += 2;
        }
        if (len == size_bytes)
            return STATUS_LIMIT;
        out[len++] = octet;
    }
    *plain = (struct span){out, len};
    return STATUS_OK;
}

/* A composed AOR grows in borrowed memory; `len` keeps counting so that one check at the end does.
 */
struct writer {
    char *out;
    size_t size_bytes;
    size_t len;
};

static void put(struct writer *self, char octet)
{
    if (self->len < self->size_bytes)
        self->out[self->len] = octet;
    self->len++;
}

/* Only unreserved octets lose their escape: section 19.1.4 takes an escaped reserved one, "%3B",
   for another than ";" itself, and the rest may not stand there bare. */
static void put_user(struct writer *self, struct span user)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < user.len; i++) {
        unsigned octet = (unsigned char)user.at[i];

        if (octet != '%') {
            put(self, (char)octet);
            continue;
        }
        octet = octet_hex(user.at[i + 1]) << 4 | octet_hex(user.at[i + 2]);
        i += 2;
        if (octet_is((char)octet, OCTET_UNRESERVED)) {
            put(self, (char)octet);
        } else {
            put(self, '%');
            put(self, digits[octet >> 4]);
            put(self, digits[octet & 15]);
        }
    }
}

enum status sip_uri_canonical_aor(const struct sip_uri *uri, char *out, size_t size_bytes,
                                  struct span *aor)
{
    struct writer writer = {.out = out, .size_bytes = size_bytes};
    struct span host = uri->host;

    if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_SIPS)
        return STATUS_MALFORMED;
    put_user(&writer, uri->user);
    if (!span_empty(uri->user))
        put(&writer, '@');
    if (!uri->host_is_ipv6 && host.len > 1 && host.at[host.len - 1] == '.')
        host.len--;
    if (uri->host_is_ipv6)
        put(&writer, '[');
    for (size_t i = 0; i < host.len; i++)
        put(&writer, octet_lower(host.at[i]));
    if (uri->host_is_ipv6)
        put(&writer, ']');
    if (writer.len > size_bytes)
        return STATUS_LIMIT;
    *aor = (struct span){out, writer.len};
    return STATUS_OK;
}
