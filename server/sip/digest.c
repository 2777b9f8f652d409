#include "server/sip/digest.h"

#include "server/sip/scan.h"

/* Parameters of digest-response whose repetition would be ambiguous: which one was hashed? */
struct known {
    struct span name;
    size_t offset; /* of its span in struct sip_credentials */
    bool required;
};

#define KNOWN(text, member, is_required)                                                           \
    {                                                                                              \
        {text, sizeof(text) - 1}, offsetof(struct sip_credentials, member), is_required            \
    }

static const struct known knowns[] = {
    KNOWN("username", username, true), KNOWN("realm", realm, true),
    KNOWN("nonce", nonce, true),       KNOWN("uri", uri, true),
    KNOWN("response", response, true), KNOWN("algorithm", algorithm_name, false),
    KNOWN("qop", qop_name, false),     KNOWN("nc", nc_text, false),
    KNOWN("cnonce", cnonce, false),    KNOWN("opaque", opaque, false),
};

enum { KNOWNS = sizeof(knowns) / sizeof(knowns[0]) };

static const struct span algorithms[] = {
    [DIGEST_MD5] = {"MD5", 3},
    [DIGEST_SHA256] = {"SHA-256", 7},
    [DIGEST_SHA512_256] = {"SHA-512-256", 11},
};

struct span sip_algorithm_name(enum digest_algorithm algorithm)
{
    return algorithms[algorithm];
}

bool sip_algorithm_of(struct span name, enum digest_algorithm *out)
{
    for (int i = DIGEST_MD5; i <= DIGEST_SHA512_256; i++) {
        if (span_equal_nocase(name, algorithms[i])) {
            *out = (enum digest_algorithm)i;
            return true;
        }
    }
    return false;
}

static enum sip_qop qop_of(struct span name)
{
    if (name.at == NULL)
        return SIP_QOP_NONE;
    if (text_is(name, SPAN("auth")))
        return SIP_QOP_AUTH;
    return text_is(name, SPAN("auth-int")) ? SIP_QOP_AUTH_INT : SIP_QOP_UNKNOWN;
}

/* `name EQUAL ( token / quoted-string )`, the whole of `item`; a value without its quotes. */
static enum status parse_item(struct span item, struct span *name, struct span *value)
{
    const char *at = item.at, *end = span_end(item), *stop = skip_class(at, end, OCTET_TOKEN);

    *name = span_between(at, stop);
    at = skip_space(stop, end);
    if (span_empty(*name) || at == end || *at != '=')
        return STATUS_MALFORMED;
    at = skip_space(at + 1, end);
    if (at < end && *at == '"') {
        if (sip_quoted_end(at, end) != end)
            return STATUS_MALFORMED;
        *value = span_between(at + 1, end - 1);
        return STATUS_OK;
    }
    *value = span_between(at, end);
    return at < end && skip_class(at, end, OCTET_VALUE) == end ? STATUS_OK : STATUS_MALFORMED;
}

/* Puts the value where it belongs; a parameter that we do not know is passed over. */
static enum status take_item(struct span name, struct span value, struct sip_credentials *out)
{
    for (size_t i = 0; i < KNOWNS; i++) {
        struct span *place = (struct span *)(void *)((char *)out + knowns[i].offset);

        if (!text_is(name, knowns[i].name))
            continue;
        if (place->at != NULL)
            return STATUS_MALFORMED;
        *place = value;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static bool has_required(const struct sip_credentials *self)
{
    for (size_t i = 0; i < KNOWNS; i++) {
        const struct span *place =
            (const struct span *)(const void *)((const char *)self + knowns[i].offset);

        if (knowns[i].required && place->at == NULL)
            return false;
    }
    return true;
}

/* 8LHEX; upper case is taken too. */
static enum status parse_nc(struct span text, uint32_t *out)
{
    uint32_t number = 0;

    if (text.len != 8)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (!octet_is(text.at[i], OCTET_HEX))
            return STATUS_MALFORMED;
        number = number << 4 | octet_hex(text.at[i]);
    }
    *out = number;
    return STATUS_OK;
}

/* What follows from the parameters as text. */
static enum status interpret(struct sip_credentials *out)
{
    if (!has_required(out))
        return STATUS_MALFORMED;
    out->algorithm_known =
        out->algorithm_name.at == NULL || sip_algorithm_of(out->algorithm_name, &out->algorithm);
    out->qop = qop_of(out->qop_name);
    out->username_escaped = span_find(out->username, '\\') != NULL;
    if (out->nc_text.at != NULL && parse_nc(out->nc_text, &out->nc) != STATUS_OK)
        return STATUS_MALFORMED;
    if (out->qop != SIP_QOP_NONE && (out->nc_text.at == NULL || out->cnonce.at == NULL))
        return STATUS_MALFORMED;
    return STATUS_OK;
}

enum status sip_credentials_parse(struct span value, struct sip_credentials *out)
{
    struct span rest, item, name, text;
    const char *end = span_end(value), *stop;

    *out = (struct sip_credentials){.algorithm = DIGEST_MD5};
    if (span_empty(value))
        return STATUS_MALFORMED;
    stop = skip_class(value.at, end, OCTET_TOKEN);
    if (stop == value.at || (stop < end && !octet_is(*stop, OCTET_SPACE)))
        return STATUS_MALFORMED;
    out->scheme = span_between(value.at, stop);
    if (!text_is(out->scheme, SPAN("digest")))
        return STATUS_OK;
    out->is_digest = true;
    rest = span_between(stop, end);
    while (sip_value_next(&rest, &item)) {
        if (span_empty(item))
            continue; /* RFC 7235 section 7: recipients take empty elements of a list */
        if (parse_item(item, &name, &text) != STATUS_OK || take_item(name, text, out) != STATUS_OK)
            return STATUS_MALFORMED;
    }
    return interpret(out);
}

size_t sip_digest_ha1(enum digest_algorithm algorithm, struct span username, struct span realm,
                      struct span password, char out_hex[DIGEST_HEX_MAX])
{
    const struct span parts[] = {username, SPAN(":"), realm, SPAN(":"), password};

    return digest_hex(algorithm, parts, sizeof(parts) / sizeof(parts[0]), out_hex);
}

size_t sip_digest_response(const struct sip_digest_input *input, char out_hex[DIGEST_HEX_MAX])
{
    char ha2[DIGEST_HEX_MAX], body[DIGEST_HEX_MAX];
    struct span colon = SPAN(":"), ha2_hex, qop = SPAN("auth");
    size_t count = 3;
    struct span second[] = {input->method, colon, input->uri, colon, {0}};

    if (input->qop == SIP_QOP_AUTH_INT) {
        second[4] = (struct span){body, digest_hex(input->algorithm, &input->body, 1, body)};
        qop = SPAN("auth-int");
        count = 5;
    }
    ha2_hex = (struct span){ha2, digest_hex(input->algorithm, second, count, ha2)};
    if (input->qop == SIP_QOP_NONE) {
        const struct span parts[] = {input->ha1_hex, colon, input->nonce, colon, ha2_hex};

        return digest_hex(input->algorithm, parts, 5, out_hex);
    }
    const struct span parts[] = {input->ha1_hex, colon, input->nonce, colon, input->nc, colon,
                                 input->cnonce,  colon, qop,          colon, ha2_hex};

    return digest_hex(input->algorithm, parts, 11, out_hex);
}

bool sip_credentials_prove(const struct sip_credentials *credentials, struct span ha1_hex,
                           struct span method, struct span body)
{
    const struct sip_digest_input input = {.algorithm = credentials->algorithm,
                                           .ha1_hex = ha1_hex,
                                           .nonce = credentials->nonce,
                                           .nc = credentials->nc_text,
                                           .cnonce = credentials->cnonce,
                                           .qop = credentials->qop,
                                           .method = method,
                                           .uri = credentials->uri,
                                           .body = body};
    char expected[DIGEST_HEX_MAX], given[DIGEST_HEX_MAX];
    size_t len;

    if (!credentials->is_digest || !credentials->algorithm_known ||
        credentials->qop == SIP_QOP_UNKNOWN || credentials->response.len > DIGEST_HEX_MAX)
        return false;
    len = sip_digest_response(&input, expected);
    for (size_t i = 0; i < credentials->response.len; i++)
        given[i] = octet_lower(credentials->response.at[i]);
    return crypto_equal((struct span){expected, len},
                        (struct span){given, credentials->response.len});
}

void sip_challenge_compose(struct buffer *buffer, struct span name,
                           const struct sip_challenge *challenge)
{
    buffer_put(buffer, name);
    buffer_put(buffer, SPAN(": Digest realm=\""));
    buffer_put(buffer, challenge->realm);
    buffer_put(buffer, SPAN("\", nonce=\""));
    buffer_put(buffer, challenge->nonce);
    if (!span_empty(challenge->opaque)) {
        buffer_put(buffer, SPAN("\", opaque=\""));
        buffer_put(buffer, challenge->opaque);
    }
    buffer_put(buffer, SPAN("\", algorithm="));
    buffer_put(buffer, sip_algorithm_name(challenge->algorithm));
    if (challenge->qop_auth)
        buffer_put(buffer, SPAN(", qop=\"auth\""));
    if (challenge->stale)
        buffer_put(buffer, SPAN(", stale=true"));
    buffer_put(buffer, SPAN("\r\n"));
}
