/* fuzz_uri.c - two URIs, a line break between them: comparison is reflexive and symmetric, and
   equal ones have one AOR. */
#include "server/base/must.h"
#include "server/sip/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_one(const struct sip_uri *uri)
{
    char first[4096], second[4096];
    struct span aor, again, value;
    struct sip_uri canonical;

    must(sip_uri_equal(uri, uri));
    sip_uri_parameter(uri, SPAN("lr"), &value);
    if (sip_uri_canonical_aor(uri, first + 4, sizeof(first) - 4, &aor) != STATUS_OK)
        return;
    memcpy(first, "sip:", 4);
    must(sip_uri_parse((struct span){first, aor.len + 4}, &canonical) == STATUS_OK);
    must(sip_uri_canonical_aor(&canonical, second, sizeof(second), &again) == STATUS_OK);
    must(span_equal(aor, again));
}

static void check_two(const struct sip_uri *a, const struct sip_uri *b)
{
    char first[4096], second[4096];
    struct span aor_a, aor_b;

    must(sip_uri_equal(a, b) == sip_uri_equal(b, a));
    if (sip_uri_equal(a, b) &&
        sip_uri_canonical_aor(a, first, sizeof(first), &aor_a) == STATUS_OK &&
        sip_uri_canonical_aor(b, second, sizeof(second), &aor_b) == STATUS_OK)
        must(span_equal(aor_a, aor_b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size}, rest = {0};
    const char *line = span_find(text, '\n');
    struct sip_uri a, b;

    if (line != NULL) {
        rest = span_between(line + 1, text.at + text.len);
        text = span_between(text.at, line);
    }
    if (sip_uri_parse(text, &a) != STATUS_OK)
        return 0;
    check_one(&a);
    if (sip_uri_parse(rest, &b) == STATUS_OK)
        check_two(&a, &b);
    return 0;
}
