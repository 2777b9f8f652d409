/* partial.c - octets and time that partial presence costs and saves (RFC 5263), without a server.
 */
#include "pidf/partial/diff.h"
#include "server/base/must.h"
#include "tests/bench/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 2000, TUPLES_SMALL = 2, TUPLES_LARGE = 11 };

/* What a state says. */
struct state {
    unsigned tuples;
    bool open;
    const char *activity;
    const char *note;
};

struct workload {
    const char *name;
    struct state to;
};

static void publish(const struct state *state, struct buffer *out)
{
    buffer_put(out, SPAN("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
                         " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
                         " xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\""
                         " xmlns:c=\"urn:ietf:params:xml:ns:pidf:caps\""
                         " entity=\"pres:alice@example.org\">"));
    for (unsigned i = 0; i < state->tuples; i++)
        buffer_printf(out,
                      "<tuple id=\"t%08x\"><status><basic>%s</basic></status>"
                      "<c:servcaps><c:audio>true</c:audio><c:video>false</c:video></c:servcaps>"
                      "<dm:deviceID>urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e%04x</dm:deviceID>"
                      "<contact priority=\"0.8\">sip:alice@192.0.2.%u:5060</contact>"
                      "<timestamp>2026-01-01T10:00:00Z</timestamp></tuple>",
                      i * 2654435761U, state->open || i > 0 ? "open" : "closed", i, i + 1);
    buffer_printf(out,
                  "<dm:person id=\"p1\"><r:activities><r:%s/></r:activities>"
                  "<dm:note>%s</dm:note></dm:person></presence>",
                  state->activity, state->note);
}

static void compose(struct pidf_composer *composer, const struct state *state, struct buffer *out)
{
    struct buffer body;
    const struct pidf_view view = {.policy = PIDF_UNION};
    struct pidf_source source;

    buffer_init(&body, 1 << 20);
    publish(state, &body);
    source = (struct pidf_source){.body = buffer_span(&body)};
    must(pidf_compose(composer, SPAN("pres:alice@example.org"), &view, &source, 1, out) ==
         STATUS_OK);
    buffer_deinit(&body);
}

static void print(const char *size, const char *change, size_t full_bytes, size_t diff_bytes,
                  double diff_us)
{
    printf("{\"workload\":\"partial\",\"label\":\"%s %s\",\"full_bytes\":%zu,\"diff_bytes\":%zu,"
           "\"saved_percent\":%.1f,\"diff_us\":%.1f}\n",
           size, change, full_bytes, diff_bytes,
           100.0 * (1 - (double)diff_bytes / (double)full_bytes), diff_us);
}

static void measure(struct pidf_partial *partial, const char *size, const char *change,
                    struct span from, struct span to)
{
    struct buffer full, diff;
    size_t version_at;
    bool worth = false;
    int64_t began_us;

    buffer_init(&full, 1 << 20);
    buffer_init(&diff, 1 << 20);
    must(pidf_full(to, &full, &version_at) == STATUS_OK);
    began_us = wire_now_us();
    for (unsigned round = 0; round < ROUNDS; round++) {
        buffer_reset(&diff);
        worth = pidf_diff(partial, from, to, &diff, &version_at);
    }
    print(size, change, full.len, worth ? diff.len : full.len,
          (double)(wire_now_us() - began_us) / ROUNDS);
    buffer_deinit(&full);
    buffer_deinit(&diff);
}

static void run(const char *size, unsigned tuples)
{
    const struct state from = {tuples, true, "busy", "in a meeting until four"};
    const struct workload workloads[] = {
        {"basic", {tuples, false, "busy", from.note}},
        {"activity", {tuples, true, "away", from.note}},
        {"note", {tuples, true, "busy", "back in the office"}},
        {"tuple comes", {tuples + 1, true, "busy", from.note}},
        {"tuple goes", {tuples - 1, true, "busy", from.note}},
        {"nothing", from},
    };
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_partial *partial = pidf_partial_new(NULL);
    struct buffer before, after;

    buffer_init(&before, 1 << 20);
    buffer_init(&after, 1 << 20);
    compose(composer, &from, &before);
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        buffer_reset(&after);
        compose(composer, &workloads[i].to, &after);
        measure(partial, size, workloads[i].name, buffer_span(&before), buffer_span(&after));
    }
    buffer_deinit(&before);
    buffer_deinit(&after);
    pidf_composer_free(composer);
    pidf_partial_free(partial);
}

/* One JSON object per line, as bench_load prints them. */
int main(void)
{
    run("1kB", TUPLES_SMALL);
    run("4kB", TUPLES_LARGE);
    return EXIT_SUCCESS;
}
