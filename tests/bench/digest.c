/* digest.c - RFC 7616 section 3.4.1, MD5 alone. */
#include "tests/bench/digest.h"

#include "tests/bench/scan.h"

#include <openssl/evp.h>

#define HEX_LEN 32

static void md5_hex(char out[HEX_LEN], const struct text *input)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char sum[16];

    must(EVP_Digest(input->at, input->len, sum, NULL, EVP_md5(), NULL) == 1);
    for (size_t i = 0; i < sizeof(sum); i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
}

static bool keep(char *out, size_t size, struct span value)
{
    if (value.len >= size)
        return false;
    if (value.len > 0)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return true;
}

static struct span quoted(struct span challenge, struct span start)
{
    struct span value = scan_behind(challenge, start);
    const char *end = span_find(value, '"');

    return end == NULL ? (struct span){0} : span_between(value.at, end);
}

bool digest_accept(struct credential *self, struct span challenge, bool proxy)
{
    struct span algorithm = scan_behind(challenge, SPAN("algorithm="));

    if (!span_begins(challenge, SPAN("Digest")))
        return false;
    if (!span_empty(algorithm) && !span_begins(algorithm, SPAN("MD5")) &&
        !span_begins(algorithm, SPAN("\"MD5")))
        return false;
    self->qop = !span_empty(scan_behind(challenge, SPAN("qop=")));
    self->count = 0;
    self->proxy = proxy;
    return keep(self->realm, sizeof(self->realm), quoted(challenge, SPAN("realm=\""))) &&
           keep(self->nonce, sizeof(self->nonce), quoted(challenge, SPAN("nonce=\""))) &&
           keep(self->opaque, sizeof(self->opaque), quoted(challenge, SPAN("opaque=\"")));
}

static void response(char out[HEX_LEN], const struct credential *self, struct span user,
                     struct span password, struct span method, struct span uri, struct span count)
{
    char ha1[HEX_LEN];
    char ha2[HEX_LEN];
    char bytes[1024];
    struct text input = {bytes, 0, sizeof(bytes)};

    text_put(&input, user);
    TEXT(&input, ":");
    text_put(&input, span_of(self->realm));
    TEXT(&input, ":");
    text_put(&input, password);
    md5_hex(ha1, &input);
    input.len = 0;
    text_put(&input, method);
    TEXT(&input, ":");
    text_put(&input, uri);
    md5_hex(ha2, &input);
    input.len = 0;
    text_put(&input, (struct span){ha1, HEX_LEN});
    TEXT(&input, ":");
    text_put(&input, span_of(self->nonce));
    if (self->qop) {
        TEXT(&input, ":");
        text_put(&input, count);
        TEXT(&input, ":0a4f113b:auth");
    }
    TEXT(&input, ":");
    text_put(&input, (struct span){ha2, HEX_LEN});
    md5_hex(out, &input);
}

void digest_line(struct credential *self, struct text *out, struct span user, struct span password,
                 struct span method, struct span uri)
{
    char sum[HEX_LEN];
    char count[9];

    if (self->nonce[0] == '\0')
        return;
    (void)snprintf(count, sizeof(count), "%08x", ++self->count);
    response(sum, self, user, password, method, uri, span_of(count));
    if (self->proxy)
        TEXT(out, "Proxy-");
    TEXT(out, "Authorization: Digest username=\"");
    text_put(out, user);
    TEXT(out, "\", realm=\"");
    text_put(out, span_of(self->realm));
    TEXT(out, "\", nonce=\"");
    text_put(out, span_of(self->nonce));
    TEXT(out, "\", uri=\"");
    text_put(out, uri);
    TEXT(out, "\", response=\"");
    text_put(out, (struct span){sum, HEX_LEN});
    TEXT(out, "\", algorithm=MD5");
    if (self->qop) {
        TEXT(out, ", qop=auth, cnonce=\"0a4f113b\", nc=");
        text_put(out, span_of(count));
    }
    if (self->opaque[0] != '\0') {
        TEXT(out, ", opaque=\"");
        text_put(out, span_of(self->opaque));
        TEXT(out, "\"");
    }
    TEXT(out, "\r\n");
}
