/* fuzz_dialog_info.c - no two bodies make the composer fail, leak, or compose what it would
 * refuse, in any view, in any order, and when their dialogs end. */
#include "pidf/dialog/dialog_info.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 24, VIEWS = 16 };

/* Bodies are parted by a NUL, which none of them can hold. */
static size_t split(struct span input, struct dialog_info_source sources[2])
{
    const char *border = span_find(input, '\0');

    sources[0] = (struct dialog_info_source){.body = input, .publication = 1, .sequence = 2};
    if (border == NULL)
        return 1;
    sources[0].body = span_between(input.at, border);
    sources[1] = (struct dialog_info_source){
        .body = span_skip(input, sources[0].body.len + 1), .publication = 2, .sequence = 1};
    return 2;
}

static void check(struct dialog_info_composer *composer, struct span body)
{
    struct pidf_fault fault = {0};

    if (dialog_info_check(composer, body, &fault) != STATUS_OK)
        must(fault.phrase != NULL);
}

/* Each part alone in a document, as it is and as it ends. */
static void read_again(struct dialog_info_composer *reader, const struct parts *parts)
{
    struct buffer document, ended;

    buffer_init(&document, BYTES_MAX);
    buffer_init(&ended, BYTES_MAX);
    for (size_t i = 0; i < parts->count; i++) {
        struct part part = parts_get(parts, i);

        buffer_reset(&document);
        dialog_info_wrap(SPAN("sip:a@b"), 1, false, &part, 1, &document);
        must(dialog_info_check(reader, buffer_span(&document), NULL) == STATUS_OK);
        buffer_reset(&document);
        buffer_reset(&ended);
        dialog_info_end(part.octets, &ended);
        part.octets = buffer_span(&ended);
        dialog_info_wrap(SPAN("sip:a@b"), 2, false, &part, 1, &document);
        must(dialog_info_check(reader, buffer_span(&document), NULL) == STATUS_OK);
    }
    buffer_deinit(&document);
    buffer_deinit(&ended);
}

static void compose(struct dialog_info_composer *composer, struct dialog_info_composer *reader,
                    const struct dialog_info_source sources[2], size_t count, unsigned view)
{
    const struct dialog_info_source turned[2] = {sources[count - 1], sources[0]};
    struct parts parts, again;

    parts_init(&parts, BYTES_MAX);
    parts_init(&again, BYTES_MAX);
    dialog_info_compose(composer, view, sources, count, &parts);
    dialog_info_compose(composer, view, turned, count, &again);
    must(!parts_overflowed(&parts) && parts.count == again.count);
    must(span_equal(buffer_span(&parts.octets), buffer_span(&again.octets)));
    read_again(reader, &parts);
    parts_deinit(&parts);
    parts_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Composing escapes, and adds declarations: more room for what is read again. */
    const struct pidf_limits roomy = {.bytes = BYTES_MAX,
                                      .depth = 64,
                                      .elements = 1 << 20,
                                      .attributes = 1 << 16,
                                      .namespaces = 1 << 10};
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct dialog_info_composer *reader = dialog_info_composer_new(&roomy);
    struct dialog_info_source sources[2];
    size_t count = split((struct span){(const char *)data, size}, sources);

    for (size_t i = 0; i < count; i++)
        check(composer, sources[i].body);
    for (unsigned view = 0; view < VIEWS; view++)
        compose(composer, reader, sources, count, view);
    dialog_info_composer_free(composer);
    dialog_info_composer_free(reader);
    return 0;
}
