/* fuzz_patch.c - no patch makes the server fail, or makes a document that it would refuse. */
#include "pidf/partial/patch.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was stored, a NUL, what is received. */
static void split(struct span input, struct span *stored, struct span *body)
{
    const char *border = span_find(input, '\0');

    *stored = border == NULL ? (struct span){0} : span_between(input.at, border);
    *body = border == NULL ? input : span_skip(input, stored->len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char nothing[] = "<p:pidf-diff xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\"/>";
    struct pidf_partial *partial = pidf_partial_new(NULL);
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_fault fault = {0};
    struct span stored, body;
    struct buffer patched, again;

    split((struct span){(const char *)data, size}, &stored, &body);
    buffer_init(&patched, 1 << 24);
    buffer_init(&again, 1 << 24);
    if (pidf_patch(partial, stored, body, &patched, &fault) == STATUS_OK) {
        must(pidf_check(composer, buffer_span(&patched), &fault) == STATUS_OK);
        must(pidf_patch(partial, buffer_span(&patched), SPAN(nothing), &again, &fault) ==
             STATUS_OK);
        must(span_equal(buffer_span(&patched), buffer_span(&again)));
    } else {
        must(fault.phrase != NULL && patched.len == 0);
    }
    buffer_deinit(&patched);
    buffer_deinit(&again);
    pidf_composer_free(composer);
    pidf_partial_free(partial);
    return 0;
}
