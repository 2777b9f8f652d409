/* fuzz_stream.c - a stream of octets in arbitrary pieces: what is delivered must not depend on
 * where it was cut. The first octets of the input say where that is. */
#include "tests/support/stream_rig.h"

#include "server/base/must.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CUTS = 8, OCTETS_MAX = 30000 };

/* What came of one run. */
struct heard {
    struct stream_common common; /* first: a stream leads to it */
    uint64_t counts[5];
    unsigned messages;
    unsigned ends;
    int fault;
    size_t len;
    char octets[OCTETS_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct heard *heard_of(struct stream *stream)
{
    return (struct heard *)(void *)stream->common;
}

static void on_message(struct stream *stream, struct span octets)
{
    struct heard *self = heard_of(stream);

    must(octets.len > 0 && self->len + octets.len <= sizeof(self->octets));
    memcpy(self->octets + self->len, octets.at, octets.len);
    self->len += octets.len;
    self->messages++;
}

static void on_fault(struct stream *stream, struct span octets, const struct sip_fault *fault)
{
    must(octets.len > 0);
    heard_of(stream)->fault = fault->status;
}

static void on_end(struct stream *stream, enum stream_end why)
{
    (void)why;
    heard_of(stream)->ends++;
}

static void turn(struct heard *self)
{
    struct list *link;

    loop_run_once(self->common.loop, 0);
    while ((link = list_take(&self->common.ready)) != NULL)
        stream_flush(CONTAINER_OF(link, struct stream, ready));
}

static struct heard *heard_new(struct loop *loop)
{
    static const struct sip_limits limits = {2000, 3000, 500, 50};
    struct heard *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->common = stream_rig_common(loop, &limits, on_message, on_fault, on_end, self->counts);
    stream_common_init(&self->common);
    return self;
}

static struct heard *run(struct loop *loop, const uint8_t *cuts, struct span octets)
{
    struct heard *self = heard_new(loop);
    struct stream stream;
    int fds[2];

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    stream_start(&stream, &self->common, fds[1], STREAM_OPEN, true);
    for (size_t at = 0, i = 0; at < octets.len; i++) {
        size_t left = octets.len - at;
        size_t piece = cuts == NULL ? left : 1U + cuts[i % CUTS];

        piece = piece < left ? piece : left;
        must(send(fds[0], octets.at + at, piece, 0) == (ssize_t)piece);
        at += piece;
        turn(self);
        if (stream.state != STREAM_OPEN)
            break; /* what follows is thrown away */
    }
    turn(self);
    stream_end(&stream, STREAM_END_STOP);
    write_queue_deinit(&stream.queue);
    must(self->common.partial_bytes == 0 && self->ends == 1);
    close(fds[0]);
    return self;
}

static void heard_free(struct heard *self)
{
    stream_common_deinit(&self->common);
    free(self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loop *loop;
    struct heard *whole, *pieces;
    struct span octets;

    if (size < CUTS || size > OCTETS_MAX)
        return 0;
    octets = (struct span){(const char *)data + CUTS, size - CUTS};
    loop = loop_new();
    whole = run(loop, NULL, octets);
    pieces = run(loop, data, octets);
    must(whole->messages == pieces->messages && whole->fault == pieces->fault);
    must(whole->len == pieces->len && memcmp(whole->octets, pieces->octets, whole->len) == 0);
    must(*whole->common.pings == *pieces->common.pings);
    heard_free(whole);
    heard_free(pieces);
    loop_free(loop);
    return 0;
}
