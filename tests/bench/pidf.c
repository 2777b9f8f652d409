/* pidf.c - how long a presence document takes: judged alone, and composed of 1, 2 and 5 sources. */
#include "pidf/pidf.h"
#include "server/base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SOURCES_MAX = 5, ROUNDS = 21, CALLS = 2000, BODY_BYTES_MAX = 4096, OUT_BYTES_MAX = 65536 };

struct work {
    struct pidf_composer *composer;
    struct buffer bodies[SOURCES_MAX];
    struct pidf_source sources[SOURCES_MAX];
    struct buffer out;
};

/* ---- what phones publish: a tuple, a rich person, a device; about 1 kB ---- */

static void put_body(struct buffer *out, unsigned phone)
{
    buffer_printf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
        " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
        " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"pres:alice@example.org\">\r\n"
        "  <tuple id=\"t%u\">\r\n    <status><basic>open</basic></status>\r\n"
        "    <dm:deviceID>urn:uuid:48662e19-5fbf-43fc-a2fd-d23002787%03u</dm:deviceID>\r\n"
        "    <rpid:relationship><rpid:self/></rpid:relationship>\r\n"
        "    <contact priority=\"0.%u\">sip:alice@192.0.2.%u:5060</contact>\r\n"
        "    <timestamp>2026-01-02T03:04:%02uZ</timestamp>\r\n  </tuple>\r\n",
        phone, phone, phone + 1, phone + 1, phone);
    buffer_printf(
        out,
        "  <dm:person id=\"p%u\">\r\n    "
        "<rpid:activities><rpid:on-the-phone/></rpid:activities>\r\n"
        "    <rpid:mood><rpid:happy/></rpid:mood>\r\n"
        "    <rpid:place-is><rpid:audio><rpid:noisy/></rpid:audio></rpid:place-is>\r\n"
        "    <rpid:time-offset description=\"Europe/Berlin\">60</rpid:time-offset>\r\n"
        "    <dm:note xml:lang=\"en\">In a call from phone %u</dm:note>\r\n  </dm:person>\r\n"
        "  <dm:device id=\"d%u\">\r\n    <rpid:user-input>active</rpid:user-input>\r\n"
        "    <dm:deviceID>urn:uuid:48662e19-5fbf-43fc-a2fd-d23002787%03u</dm:deviceID>\r\n"
        "  </dm:device>\r\n</presence>\r\n",
        phone, phone, phone, phone);
}

/* ---- the clock ---- */

static double now_us(void)
{
    struct timespec time;

    must(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* 0 sources: pidf_check() of one. */
static void call(struct work *work, size_t count)
{
    const struct pidf_view view = {0};

    if (count == 0) {
        must(pidf_check(work->composer, work->sources[0].body, NULL) == STATUS_OK);
        return;
    }
    buffer_reset(&work->out);
    must(pidf_compose(work->composer, SPAN("sip:alice@example.org"), &view, work->sources, count,
                      &work->out) == STATUS_OK);
}

/* The median of some runs, per call. */
static double measure(struct work *work, size_t count)
{
    double runs[ROUNDS];

    for (size_t round = 0; round < ROUNDS; round++) {
        double began = now_us();

        for (int i = 0; i < CALLS; i++)
            call(work, count);
        runs[round] = (now_us() - began) / CALLS;
    }
    qsort(runs, ROUNDS, sizeof(runs[0]), compare);
    return runs[ROUNDS / 2];
}

int main(void)
{
    static const size_t counts[] = {0, 1, 2, SOURCES_MAX};
    double took[sizeof(counts) / sizeof(counts[0])];
    struct work work = {.composer = pidf_composer_new(NULL)};

    buffer_init(&work.out, OUT_BYTES_MAX);
    for (unsigned i = 0; i < SOURCES_MAX; i++) {
        buffer_init(&work.bodies[i], BODY_BYTES_MAX);
        put_body(&work.bodies[i], i);
        work.sources[i] = (struct pidf_source){
            .body = buffer_span(&work.bodies[i]),
            .published_at_us = i,
        };
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        took[i] = measure(&work, counts[i]);
    fprintf(stderr, "pidf: %zu octets: check %.1f us, compose 1 %.1f us, 2 %.1f us, 5 %.1f us\n",
            work.bodies[0].len, took[0], took[1], took[2], took[3]);
    printf("{\"workload\":\"pidf\",\"octets\":%zu,\"check_us\":%.2f,\"compose_1_us\":%.2f,"
           "\"compose_2_us\":%.2f,\"compose_5_us\":%.2f}\n",
           work.bodies[0].len, took[0], took[1], took[2], took[3]);
    for (size_t i = 0; i < SOURCES_MAX; i++)
        buffer_deinit(&work.bodies[i]);
    buffer_deinit(&work.out);
    pidf_composer_free(work.composer);
    return 0;
}
