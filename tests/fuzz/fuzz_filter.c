/* fuzz_filter.c - no filter makes the parser fail, reads otherwise than it was written, leaves what
 * is no document, or takes longer than it may. */
#include "pidf/filter/filter.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_uri(struct span a, struct span b)
{
    return span_equal_nocase(a, b);
}

/* Three parts: the filter, what was, what is; without the others the filter is used on itself. */
struct input {
    struct span filter;
    struct span before;
    struct span now;
};

static struct span next_part(struct span *rest)
{
    const char *border = span_find(*rest, '\0');
    struct span part = border == NULL ? *rest : span_between(rest->at, border);

    *rest = span_skip(*rest, part.len + 1);
    return part;
}

static struct input split(struct span bytes)
{
    struct input input = {.filter = next_part(&bytes)};

    input.before = span_empty(bytes) ? input.filter : next_part(&bytes);
    input.now = span_empty(bytes) ? input.before : next_part(&bytes);
    return input;
}

static void read_again(struct filterer *filterer, const struct filter_scope *scope,
                       const struct simple_filter *filter)
{
    struct simple_filter *again = NULL;
    struct buffer first, second;

    buffer_init(&first, 1 << 20);
    buffer_init(&second, 1 << 20);
    simple_filter_write(filter, &first);
    must(simple_filter_update(filterer, scope, NULL, buffer_span(&first), &again, NULL) ==
         FILTER_ACCEPTED);
    simple_filter_write(again, &second);
    must(span_equal(buffer_span(&first), buffer_span(&second)));
    buffer_deinit(&first);
    buffer_deinit(&second);
    simple_filter_free(again);
}

/* What is left has to be a document, and to be left again when nothing is to be left out. */
static void apply(struct filterer *filterer, const struct filter_rules *rules, struct span document)
{
    struct buffer out, again;

    buffer_init(&out, 1 << 20);
    buffer_init(&again, 1 << 20);
    if (filter_apply(filterer, rules, document, &out) == STATUS_OK && out.len > 0) {
        must(out.len <= document.len);
        must(filter_apply(filterer, rules, buffer_span(&out), &again) != STATUS_MALFORMED);
    }
    buffer_deinit(&out);
    buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct filter_scope scope = {SPAN("sip:a@x"), SPAN("presence"), same_uri};
    struct input input = split((struct span){(const char *)data, size});
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = NULL;
    struct pidf_fault fault = {0};

    if (simple_filter_update(filterer, &scope, NULL, input.filter, &filter, &fault) !=
        FILTER_ACCEPTED)
        must(fault.phrase != NULL && filter == NULL);
    if (filter != NULL) {
        const struct filter_rules *rules = simple_filter_for(filter, scope.resource);

        read_again(filterer, &scope, filter);
        if (rules != NULL) {
            apply(filterer, rules, input.before);
            (void)filter_triggers(filterer, rules, input.before, input.now);
        }
    }
    simple_filter_free(filter);
    filterer_free(filterer);
    return 0;
}
