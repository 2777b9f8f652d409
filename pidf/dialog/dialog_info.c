/* dialog_info.c - the sources in order, the newest of each publication, one dialog each. */
#include "pidf/dialog/dialog_info.h"

#include "pidf/dialog/dialog_info_unite.h"
#include "pidf/dialog/dialog_info_write.h"

#include "server/base/crypto.h"
#include "server/base/must.h"

struct dialog_info_composer {
    struct parser *parser;
    struct scratch scratch;
    uint64_t key[2]; /* of hashes inside; shows in no document */
};

struct dialog_info_composer *dialog_info_composer_new(const struct pidf_limits *limits)
{
    struct dialog_info_composer *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->parser = parser_new(limits == NULL ? &pidf_limits_default : limits);
    parser_take_any_root(self->parser); /* dialog_info_read.c judges it */
    crypto_random(self->key, sizeof(self->key));
    return self;
}

void dialog_info_composer_free(struct dialog_info_composer *self)
{
    if (self == NULL)
        return;
    parser_free(self->parser);
    scratch_deinit(&self->scratch);
    free(self);
}

static void begin(struct dialog_info_composer *self)
{
    scratch_reset(&self->scratch);
    parser_tidy(self->parser);
}

static enum status read_body(struct dialog_info_composer *self, struct span body,
                             const struct dialog_info_source *source, struct report_list *out,
                             struct pidf_fault *fault)
{
    struct parsed parsed;
    enum status status = parser_parse(self->parser, body, &self->scratch, &parsed, fault);

    if (status != STATUS_OK)
        return status;
    return dialog_info_read(&parsed, source, &self->scratch, out, fault);
}

enum status dialog_info_check(struct dialog_info_composer *self, struct span body,
                              struct pidf_fault *fault)
{
    struct report_list reports = {0};

    begin(self);
    return read_body(self, body, NULL, &reports, fault);
}

/* ---- the order of sources ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By what they are and not by where they stand, so that every node composes the same. */
static int compare_sources(const void *left, const void *right)
{
    const struct dialog_info_source *a = left, *b = right;
    size_t common = a->body.len < b->body.len ? a->body.len : b->body.len;
    int order = compare_numbers(a->publication, b->publication);

    if (order == 0)
        order = compare_numbers(a->sequence, b->sequence);
    if (order == 0 && a->hard_state != b->hard_state)
        order = a->hard_state ? -1 : 1;
    if (order == 0 && common > 0)
        order = memcmp(a->body.at, b->body.at, common);
    return order != 0 ? order : (a->body.len > b->body.len) - (a->body.len < b->body.len);
}

static const struct dialog_info_source *
sort(struct dialog_info_composer *self, const struct dialog_info_source sources[], size_t count)
{
    struct dialog_info_source *sorted;

    if (count < 2)
        return sources;
    sorted = scratch_alloc(&self->scratch, count * sizeof(sorted[0]));
    memcpy(sorted, sources, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_sources);
    return sorted;
}

/* ---- the whole ---- */

static void append_all(struct report_list *into, const struct report_list *from)
{
    if (from->first == NULL)
        return;
    if (into->last == NULL)
        into->first = from->first;
    else
        into->last->next = from->first;
    into->last = from->last;
}

static void read_source(struct dialog_info_composer *self, const struct dialog_info_source *source,
                        struct report_list *out)
{
    struct report_list reports = {0};

    if (read_body(self, source->body, source, &reports, NULL) != STATUS_OK)
        return;
    dialog_info_name(&reports, &self->scratch, self->key);
    append_all(out, &reports);
}

void dialog_info_compose(struct dialog_info_composer *self, unsigned view,
                         const struct dialog_info_source sources[], size_t count, struct parts *out)
{
    const struct dialog_info_source *sorted;
    struct report_list reports = {0};

    begin(self);
    sorted = sort(self, sources, count);
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || sorted[i].publication != sorted[i + 1].publication)
            read_source(self, &sorted[i], &reports);
    dialog_info_unite(&reports, &self->scratch, self->key);
    dialog_info_write(&reports, view, &self->scratch, self->key, out);
}
