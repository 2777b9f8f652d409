/* fuzz_diff.c - whatever two states are composed of, the diff between them leads there. */
#include "pidf/partial/diff.h"
#include "pidf/partial/patch.h"
#include "server/base/must.h"
#include "tests/support/edits/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compose(struct pidf_composer *composer, struct span body, struct buffer *out)
{
    const struct pidf_view view = {.policy = PIDF_UNION};
    struct pidf_source source = {.body = body};

    must(pidf_compose(composer, SPAN("sip:a@b"), &view, &source, 1, out) == STATUS_OK);
}

static void check(struct pidf_partial *partial, struct span from, struct span to)
{
    struct pidf_fault fault;
    struct buffer diff, numbered, patched;
    size_t version_at;

    buffer_init(&diff, 1 << 24);
    buffer_init(&numbered, 1 << 24);
    buffer_init(&patched, 1 << 24);
    if (pidf_diff(partial, from, to, &diff, &version_at)) {
        pidf_versioned_put(pidf_versioned_of(buffer_span(&diff), version_at), 1, &numbered);
        must(pidf_patch(partial, from, buffer_span(&numbered), &patched, &fault) == STATUS_OK);
        must(canonical_equal(buffer_span(&patched), to));
    }
    buffer_deinit(&diff);
    buffer_deinit(&numbered);
    buffer_deinit(&patched);
}

/* Two bodies are parted by a NUL, which neither can hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Composing adds declarations and says again what was inherited. */
    const struct pidf_limits roomy = {.bytes = 1 << 24,
                                      .depth = 64,
                                      .elements = 1 << 20,
                                      .attributes = 1 << 16,
                                      .namespaces = 1 << 10};
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_partial *partial = pidf_partial_new(&roomy);
    struct span input = {(const char *)data, size};
    const char *border = span_find(input, '\0');
    struct span first = border == NULL ? input : span_between(input.at, border);
    struct buffer from, to;

    buffer_init(&from, 1 << 24);
    buffer_init(&to, 1 << 24);
    compose(composer, first, &from);
    compose(composer, span_skip(input, first.len + 1), &to);
    check(partial, buffer_span(&from), buffer_span(&to));
    check(partial, buffer_span(&to), buffer_span(&from));
    buffer_deinit(&from);
    buffer_deinit(&to);
    pidf_composer_free(composer);
    pidf_partial_free(partial);
    return 0;
}
