/* partial.c - a composed document in the dress of RFC 5262, and the parser that its peers share. */
#include "pidf/partial/partial.h"

#include "pidf/partial/context.h"
#include "server/base/crypto.h"
#include "server/base/must.h"

#include <stdio.h>
#include <stdlib.h>

struct pidf_partial *pidf_partial_new(const struct pidf_limits *limits)
{
    struct pidf_partial *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->limits = limits == NULL ? pidf_limits_default : *limits;
    self->parser = parser_new(&self->limits);
    buffer_init(&self->patches, 2 * self->limits.bytes);
    crypto_random(self->key, sizeof(self->key));
    return self;
}

void pidf_partial_free(struct pidf_partial *self)
{
    if (self == NULL)
        return;
    parser_free(self->parser);
    scratch_deinit(&self->scratch);
    buffer_deinit(&self->patches);
    free(self);
}

void partial_begin(struct pidf_partial *self)
{
    scratch_reset(&self->scratch);
    parser_tidy(self->parser);
}

enum status partial_read(struct pidf_partial *self, struct span body, struct tree_node **document,
                         struct pidf_fault *fault)
{
    return tree_read(self->parser, body, &self->scratch, document, fault);
}

/* ---- versions ---- */

struct pidf_versioned pidf_versioned_of(struct span document, size_t version_at)
{
    return (struct pidf_versioned){.head = {document.at, version_at},
                                   .tail = span_skip(document, version_at)};
}

void pidf_versioned_put(struct pidf_versioned self, uint32_t version, struct buffer *out)
{
    buffer_put(out, self.head);
    buffer_put_u64(out, version);
    buffer_put(out, self.tail);
}

/* ---- pidf-full ---- */

#define ROOT_BEGIN "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence"
#define ROOT_END "</presence>\n"

void partial_prefix(char out[PARTIAL_PREFIX_BYTES], unsigned number)
{
    (void)snprintf(out, PARTIAL_PREFIX_BYTES, number == 0 ? "p" : "p%u", number);
}

bool partial_prefix_is_ours(const char *prefix)
{
    return prefix[0] == 'p' && strspn(prefix + 1, "0123456789") == strlen(prefix + 1);
}

/* One that the root tag of a composed document does not declare. */
static void pick_prefix(struct span document, char out[PARTIAL_PREFIX_BYTES])
{
    const char *end = span_find(span_skip(document, sizeof(ROOT_BEGIN) - 1), '>');
    struct span tag = span_between(document.at, end);
    char declaration[PARTIAL_PREFIX_BYTES + 16];

    for (unsigned number = 0;; number++) {
        partial_prefix(out, number);
        (void)snprintf(declaration, sizeof(declaration), " xmlns:%s=\"", out);
        if (memmem(tag.at, tag.len, declaration, strlen(declaration)) == NULL)
            return;
    }
}

enum status pidf_full(struct span document, struct buffer *out, size_t *version_at)
{
    size_t start = out->len;
    char prefix[PARTIAL_PREFIX_BYTES];
    struct span inside;

    must(span_begins(document, SPAN(ROOT_BEGIN " ")));
    must(document.len > sizeof(ROOT_BEGIN ROOT_END));
    inside = span_skip(document, sizeof(ROOT_BEGIN) - 1);
    inside.len -= sizeof(ROOT_END) - 1;
    must(memcmp(inside.at + inside.len, ROOT_END, sizeof(ROOT_END) - 1) == 0);
    pick_prefix(document, prefix);
    buffer_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s:pidf-full version=\"",
                  prefix);
    *version_at = out->len - start;
    buffer_printf(out, "\" xmlns:%s=\"" PARTIAL_NAMESPACE "\"", prefix);
    buffer_put(out, inside);
    buffer_printf(out, "</%s:pidf-full>\n", prefix);
    if (!out->overflowed)
        return STATUS_OK;
    buffer_cut(out, start);
    return STATUS_LIMIT;
}
