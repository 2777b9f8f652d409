/* fuzz_resource_list.c - no body makes the reader fail, leak, or lend what it should refuse. */
#include "pidf/event/resource_list.h"
#include "server/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct resource_list *list, size_t entries_max)
{
    must(list->count > 0 && list->count <= entries_max);
    for (size_t i = 0; i < list->count; i++) {
        struct span uri = list->entries[i].uri;

        must(!span_empty(uri) && span_find(uri, '\n') == NULL && span_find(uri, ' ') == NULL);
        must(span_empty(list->entries[i].language) || !span_empty(list->entries[i].name));
        for (size_t before = 0; before < i; before++)
            must(!span_equal(list->entries[before].uri, uri));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct resource_list_limits limits = {.bytes = 65536, .entries = 16, .depth = 3};
    struct resource_list_reader *reader = resource_list_reader_new(&limits);
    struct pidf_fault fault = {0};
    struct resource_list list;

    for (unsigned round = 0; round < 2; round++) { /* the reader is used again */
        struct span body = {(const char *)data, size};

        if (resource_list_read(reader, body, &list, &fault) == STATUS_OK)
            check(&list, limits.entries);
        else
            must(fault.phrase != NULL);
    }
    resource_list_reader_free(reader);
    return 0;
}
