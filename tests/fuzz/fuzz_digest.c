/* fuzz_digest.c - credentials: spans stay inside, and only the right response proves anything. */
#include "server/base/must.h"
#include "server/sip/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span part, struct span whole)
{
    must(part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span whole = {(const char *)data, size};
    struct sip_credentials credentials;
    struct sip_digest_input input;
    char hex[DIGEST_HEX_MAX], out[256];
    struct span text;

    if (sip_credentials_parse(whole, &credentials) != STATUS_OK || !credentials.is_digest)
        return 0;
    inside(credentials.username, whole);
    inside(credentials.response, whole);
    inside(credentials.opaque, whole);
    if (sip_unescape_quoted(credentials.username, out, sizeof(out), &text) == STATUS_OK)
        must(text.len <= credentials.username.len);
    must(!sip_credentials_prove(&credentials, SPAN("secret"), SPAN("REGISTER"), SPAN("body")));
    if (!credentials.algorithm_known || credentials.qop == SIP_QOP_UNKNOWN)
        return 0;
    input = (struct sip_digest_input){credentials.algorithm, SPAN("secret"),     credentials.nonce,
                                      credentials.nc_text,   credentials.cnonce, credentials.qop,
                                      SPAN("REGISTER"),      credentials.uri,    SPAN("body")};
    credentials.response = (struct span){hex, sip_digest_response(&input, hex)};
    must(sip_credentials_prove(&credentials, SPAN("secret"), SPAN("REGISTER"), SPAN("body")));
    return 0;
}
