/* triples.c - prints random states, the diffs between them, and where they lead, for apply.py. */
#include "pidf/partial/diff.h"
#include "server/base/must.h"
#include "tests/support/edits/edits.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_PER_PRESENTITY = 50 };

struct run {
    struct pidf_composer *composer;
    struct pidf_partial *partial;
    struct buffer published;
    struct buffer states[2];
    struct buffer diff;
    struct buffer numbered;
};

static void compose(struct run *self, const struct edits *edits, struct buffer *out)
{
    const struct pidf_view view = {.policy = PIDF_UNION};
    struct pidf_source source;

    buffer_reset(&self->published);
    buffer_reset(out);
    edits_publish(edits, &self->published);
    source = (struct pidf_source){.body = buffer_span(&self->published)};
    must(pidf_compose(self->composer, SPAN("pres:a@example.com"), &view, &source, 1, out) ==
         STATUS_OK);
}

static void print(struct span from, struct span diff, struct span to)
{
    printf("%zu %zu %zu\n", from.len, diff.len, to.len);
    printf(SPAN_FMT SPAN_FMT SPAN_FMT, SPAN_ARG(from), SPAN_ARG(diff), SPAN_ARG(to));
}

/* One if the change was worth a diff. */
static unsigned change(struct run *self, struct span from, struct span to, uint32_t version)
{
    size_t version_at;

    buffer_reset(&self->diff);
    buffer_reset(&self->numbered);
    if (!pidf_diff(self->partial, from, to, &self->diff, &version_at))
        return 0;
    pidf_versioned_put(pidf_versioned_of(buffer_span(&self->diff), version_at), version,
                       &self->numbered);
    print(from, buffer_span(&self->numbered), to);
    return 1;
}

static void follow(struct run *self, uint64_t seed, unsigned *wanted)
{
    struct edits edits;

    edits_init(&edits, seed);
    compose(self, &edits, &self->states[0]);
    for (uint32_t step = 1; step <= STEPS_PER_PRESENTITY && *wanted > 0; step++) {
        edits_step(&edits);
        compose(self, &edits, &self->states[step % 2]);
        *wanted -= change(self, buffer_span(&self->states[(step - 1) % 2]),
                          buffer_span(&self->states[step % 2]), step + 1);
    }
}

int main(int argc, char **argv)
{
    struct run run = {.composer = pidf_composer_new(NULL), .partial = pidf_partial_new(NULL)};
    struct buffer *const buffers[] = {&run.published, &run.states[0], &run.states[1], &run.diff,
                                      &run.numbered};
    unsigned wanted;
    uint64_t seed;

    if (argc != 3) {
        fputs("triples COUNT SEED\n", stderr);
        return 64;
    }
    wanted = (unsigned)strtoul(argv[1], NULL, 10);
    seed = strtoull(argv[2], NULL, 10);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        buffer_init(buffers[i], 1 << 20);
    while (wanted > 0)
        follow(&run, seed++, &wanted);
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        buffer_deinit(buffers[i]);
    pidf_composer_free(run.composer);
    pidf_partial_free(run.partial);
    return EXIT_SUCCESS;
}
