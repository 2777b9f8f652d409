/* fuzz_pidf.c - no two bodies make the composer fail, leak, or compose what it would refuse. */
#include "pidf/pidf.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bodies are parted by a NUL, which none of them can hold. */
static size_t split(struct span input, struct pidf_source sources[2])
{
    const char *border = span_find(input, '\0');

    sources[0] = (struct pidf_source){.body = input, .published_at_us = 1};
    if (border == NULL)
        return 1;
    sources[0].body = span_between(input.at, border);
    sources[1] = (struct pidf_source){
        .body = span_skip(input, sources[0].body.len + 1),
        .published_at_us = 2,
    };
    return 2;
}

/* Any view will do; the same input has the same. */
static struct pidf_view view_of(const uint8_t *data, size_t size)
{
    unsigned sum = 0;

    for (size_t i = 0; i < size; i++)
        sum = 31 * sum + data[i];
    return (struct pidf_view){
        .policy = (enum pidf_policy)(sum % 4),
        .dialect = (sum >> 8) % 32,
        .hidden = (sum >> 16) % 32,
    };
}

static void check(struct pidf_composer *composer, struct span body)
{
    struct pidf_fault fault = {0};

    if (pidf_check(composer, body, &fault) != STATUS_OK)
        must(fault.phrase != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Composing adds declarations and says again what was inherited: more room for the second. */
    const struct pidf_limits roomy = {.bytes = 1 << 24,
                                      .depth = 64,
                                      .elements = 1 << 20,
                                      .attributes = 1 << 16,
                                      .namespaces = 1 << 10};
    struct pidf_composer *composer = pidf_composer_new(NULL), *reader = pidf_composer_new(&roomy);
    struct pidf_source sources[2], again;
    struct pidf_fault fault;
    const struct pidf_view view = view_of(data, size);
    struct buffer first, second;
    size_t count = split((struct span){(const char *)data, size}, sources);

    buffer_init(&first, 1 << 24);
    buffer_init(&second, 1 << 24);
    for (size_t i = 0; i < count; i++)
        check(composer, sources[i].body);
    must(pidf_compose(composer, SPAN("sip:a@b"), &view, sources, count, &first) == STATUS_OK);
    must(pidf_check(reader, buffer_span(&first), &fault) == STATUS_OK);
    again = (struct pidf_source){.body = buffer_span(&first)};
    must(pidf_compose(reader, SPAN("sip:a@b"), &view, &again, 1, &second) == STATUS_OK);
    must(span_equal(buffer_span(&first), buffer_span(&second)));
    buffer_deinit(&first);
    buffer_deinit(&second);
    pidf_composer_free(composer);
    pidf_composer_free(reader);
    return 0;
}
