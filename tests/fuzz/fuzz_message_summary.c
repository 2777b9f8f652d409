/* fuzz_message_summary.c - what is read composes to what is read, and means the same. */
#include "pidf/event/message_summary.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bodies are parted by a NUL, which none of them can hold. */
static size_t split(struct span input, struct message_summary_source sources[2])
{
    const char *border = span_find(input, '\0');

    sources[0] =
        (struct message_summary_source){.body = input, .published_at_us = 1, .with_headers = true};
    if (border == NULL)
        return 1;
    sources[0].body = span_between(input.at, border);
    sources[1] = (struct message_summary_source){
        .body = span_skip(input, sources[0].body.len + 1),
        .published_at_us = 2,
    };
    return 2;
}

static void compose(const struct message_summary_source sources[], size_t count, struct buffer *out)
{
    const struct message_summary_account account = {.uri = SPAN("sip:a@b")};

    must(message_summary_compose(&account, sources, count, out) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_summary_source sources[2], again = {.with_headers = true};
    struct message_summary summary;
    struct pidf_fault fault = {0};
    struct buffer first, second;
    size_t count = split((struct span){(const char *)data, size}, sources);

    buffer_init(&first, 1 << 20);
    buffer_init(&second, 1 << 20);
    for (size_t i = 0; i < count; i++)
        if (message_summary_parse(sources[i].body, &summary, &fault) != STATUS_OK)
            must(fault.phrase != NULL);
    compose(sources, count, &first);
    again.body = buffer_span(&first);
    if (again.body.len <= MESSAGE_SUMMARY_BYTES_MAX) { /* lines grow by their CR */
        must(message_summary_parse(again.body, &summary, &fault) == STATUS_OK);
        compose(&again, 1, &second);
        must(span_equal(buffer_span(&first), buffer_span(&second)));
    }
    buffer_deinit(&first);
    buffer_deinit(&second);
    return 0;
}
