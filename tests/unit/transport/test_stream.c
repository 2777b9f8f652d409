/* test_stream.c - one connection over a socket pair: framing, pings, deadlines, back-pressure. */
#include "tests/unit/run.h"

#include "tests/support/stream_rig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *transport_stream_suite(void);

#define MESSAGE(ID, LENGTH, BODY)                                                                  \
    "MESSAGE sip:a@example.org SIP/2.0\r\nCall-ID: " ID "\r\nContent-Length: " LENGTH              \
    "\r\n\r\n" BODY

enum { GOT_MAX = 400000, SHORT_US = 20000 };

struct rig {
    struct stream_common common; /* first: a stream leads to its rig */
    struct stream stream;
    int peer;
    uint64_t counts[5];
    unsigned messages;
    unsigned faults;
    int last_status;
    size_t last_fault_len;
    unsigned ends;
    enum stream_end why;
    size_t got_len;
    char got[GOT_MAX]; /* all messages, one behind the other */
};

static struct rig *rig_of(struct stream *stream)
{
    return (struct rig *)(void *)stream->common;
}

static void on_message(struct stream *stream, struct span octets)
{
    struct rig *self = rig_of(stream);

    ck_assert_uint_lt(self->got_len + octets.len, GOT_MAX);
    memcpy(self->got + self->got_len, octets.at, octets.len);
    self->got_len += octets.len;
    self->messages++;
}

static void on_fault(struct stream *stream, struct span octets, const struct sip_fault *fault)
{
    struct rig *self = rig_of(stream);

    self->faults++;
    self->last_status = fault->status;
    self->last_fault_len = octets.len;
    ck_assert_int_eq(stream_send(stream, SPAN("answer"), NULL), STATUS_OK);
}

static void on_end(struct stream *stream, enum stream_end why)
{
    struct rig *self = rig_of(stream);

    self->ends++;
    self->why = why;
}

/* `first_us`: how long it may be silent. */
static struct rig *rig_silent(int64_t first_us)
{
    static const struct sip_limits limits = {
        .header_bytes = 60000, .body_bytes = 60000, .uri_bytes = 1000, .headers = 100};
    struct rig *self = calloc(1, sizeof(*self));
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    self->peer = fds[0];
    self->common =
        stream_rig_common(loop_new(), &limits, on_message, on_fault, on_end, self->counts);
    self->common.first_us = first_us;
    stream_common_init(&self->common);
    stream_start(&self->stream, &self->common, fds[1], STREAM_OPEN, true);
    return self;
}

static struct rig *rig_new(void)
{
    return rig_silent(US_PER_S * 60);
}

static void rig_free(struct rig *self)
{
    stream_end(&self->stream, STREAM_END_STOP);
    write_queue_deinit(&self->stream.queue);
    ck_assert_uint_eq(self->common.partial_bytes, 0);
    ck_assert_uint_eq(self->common.write_bytes, 0);
    ck_assert_uint_eq(self->ends, 1);
    close(self->peer);
    stream_common_deinit(&self->common);
    loop_free(self->common.loop);
    free(self);
}

static void turn(struct rig *self, int64_t wait_us)
{
    struct list *link;

    loop_run_once(self->common.loop, wait_us);
    while ((link = list_take(&self->common.ready)) != NULL)
        stream_flush(CONTAINER_OF(link, struct stream, ready));
}

/* From the peer, and lets the loop see it. */
static void put(struct rig *self, struct span octets)
{
    while (octets.len > 0) {
        ssize_t sent = send(self->peer, octets.at, octets.len, 0);

        if (sent > 0)
            octets = span_skip(octets, (size_t)sent);
        turn(self, 0);
    }
    turn(self, 0);
}

/* What the peer has received, NUL-terminated. */
static const char *get(struct rig *self)
{
    static char got[4096];
    ssize_t len = recv(self->peer, got, sizeof(got) - 1, 0);

    got[len < 0 ? 0 : len] = '\0';
    return got;
}

/* ---- framing ---- */

static const char two[] = MESSAGE("one", "4", "body") "\r\n" MESSAGE("two", "0", "");

START_TEST(a_message_may_be_split_at_every_octet)
{
    for (size_t at = 0; at < sizeof(two) - 1; at++) {
        struct rig *self = rig_new();

        put(self, (struct span){two, at});
        put(self, (struct span){two + at, sizeof(two) - 1 - at});
        ck_assert_uint_eq(self->messages, 2);
        ck_assert_uint_eq(self->got_len, sizeof(two) - 1 - 2);
        rig_free(self);
    }
}
END_TEST

START_TEST(messages_may_come_octet_by_octet)
{
    struct rig *self = rig_new();

    for (size_t at = 0; at < sizeof(two) - 1; at++)
        put(self, (struct span){two + at, 1});
    ck_assert_uint_eq(self->messages, 2);
    ck_assert_uint_eq(self->got_len, sizeof(two) - 1 - 2);
    rig_free(self);
}
END_TEST

START_TEST(many_messages_of_one_read_are_all_delivered_in_order)
{
    struct rig *self = rig_new();
    char text[60000];
    size_t len = 0;

    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "MESSAGE sip:a@x SIP/2.0\r\nCall-ID: %d\r\nl: 3\r\n\r\nabc", i);
    put(self, (struct span){text, len});
    ck_assert_uint_eq(self->messages, 300);
    ck_assert_uint_eq(self->got_len, len);
    ck_assert(memcmp(self->got, text, len) == 0);
    rig_free(self);
}
END_TEST

/* 50,000 octets of head and as many of body, with the next message close behind. */
START_TEST(long_messages_in_small_pieces_are_whole_and_leave_no_memory)
{
    struct rig *self = rig_new();
    char *text = malloc(220000);
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        len += (size_t)snprintf(text + len, 100, "MESSAGE sip:a@x SIP/2.0\r\nSubject: ");
        memset(text + len, 's', 50000);
        len += 50000;
        len += (size_t)snprintf(text + len, 100, "\r\nContent-Length: 50000\r\n\r\n");
        memset(text + len, 'b', 50000);
        len += 50000;
    }
    for (size_t at = 0; at < len; at += 777)
        put(self, (struct span){text + at, len - at < 777 ? len - at : 777});
    ck_assert_uint_eq(self->messages, 2);
    ck_assert_uint_eq(self->got_len, len);
    ck_assert(memcmp(self->got, text, len) == 0);
    ck_assert_uint_eq(self->common.partial_bytes, 0);
    free(text);
    rig_free(self);
}
END_TEST

/* clang-format off */
static const struct {
    const char *octets;
    int status;
} faults[] = {
    {"MESSAGE sip:a@x SIP/2.0\r\nCall-ID: c\r\n\r\n", 400},
    {"MESSAGE sip:a@x SIP/2.0\r\nContent-Length: x\r\n\r\n", 400},
    {"MESSAGE sip:a@x SIP/2.0\r\nContent-Length: -1\r\n\r\n", 400},
    {"MESSAGE sip:a@x SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\nb", 400},
    {"MESSAGE sip:a@x SIP/2.0\r\nContent-Length: 60001\r\n\r\n", 413},
    {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
};
/* clang-format on */

START_TEST(lost_framing_is_answered_and_the_connection_closed)
{
    struct rig *self = rig_new();

    put(self, SPAN(MESSAGE("good", "0", "")));
    put(self, span_of(faults[_i].octets));
    put(self, SPAN(MESSAGE("late", "0", "")));
    ck_assert_uint_eq(self->messages, 1);
    ck_assert_uint_eq(self->faults, 1);
    ck_assert_int_eq(self->last_status, faults[_i].status);
    ck_assert_uint_gt(self->last_fault_len, 0);
    ck_assert_str_eq(get(self), "answer");
    ck_assert_int_eq(recv(self->peer, &(char){0}, 1, 0), 0); /* we have said that it is over */
    ck_assert_uint_eq(self->ends, 0);
    close(self->peer);
    self->peer = -1;
    turn(self, SHORT_US);
    ck_assert_uint_eq(self->ends, 1);
    ck_assert_int_eq(self->why, STREAM_END_FAULT);
    rig_free(self);
}
END_TEST

START_TEST(a_head_without_end_is_513)
{
    struct rig *self = rig_new();
    char text[70000];

    memset(text, 'x', sizeof(text));
    for (size_t at = 0; at < sizeof(text) && self->faults == 0; at += 10000)
        put(self, (struct span){text + at, 10000});
    ck_assert_uint_eq(self->faults, 1);
    ck_assert_int_eq(self->last_status, 513);
    ck_assert_str_eq(get(self), "answer");
    rig_free(self);
}
END_TEST

START_TEST(unfinished_messages_of_all_have_a_cap)
{
    struct rig *self = rig_new();
    char text[50000];

    self->common.partial_bytes_max = 30000;
    memset(text, 'x', sizeof(text));
    put(self, (struct span){text, 20000});
    ck_assert_uint_eq(self->ends, 0);
    send(self->peer, text, 20000, 0);
    turn(self, SHORT_US);
    ck_assert_uint_eq(self->ends, 1);
    ck_assert_int_eq(self->why, STREAM_END_MEMORY);
    rig_free(self);
}
END_TEST

/* ---- RFC 5626 section 4.4.1 ---- */

START_TEST(each_ping_gets_a_pong_also_between_messages)
{
    struct rig *self = rig_new();

    put(self, SPAN("\r\n\r\n"));
    ck_assert_str_eq(get(self), "\r\n");
    put(self, SPAN("\r\n"));
    put(self, SPAN("\r"));
    ck_assert_str_eq(get(self), "");
    put(self, SPAN("\n"));
    ck_assert_str_eq(get(self), "\r\n");
    put(self, SPAN("\r\n\r\n" MESSAGE("one", "0", "") "\r\n\r\n\r\n\r\n"));
    ck_assert_str_eq(get(self), "\r\n\r\n\r\n");
    ck_assert_uint_eq(self->messages, 1);
    ck_assert_uint_eq(*self->common.pings, 5);
    ck_assert_uint_eq(*self->common.messages_out, 0);
    rig_free(self);
}
END_TEST

/* ---- deadlines ---- */

static void wait_for_end(struct rig *self, enum stream_end why)
{
    struct instant begin = loop_now(self->common.loop);

    while (self->ends == 0 && loop_now(self->common.loop).us < begin.us + 5 * US_PER_S)
        turn(self, SHORT_US);
    ck_assert_uint_eq(self->ends, 1);
    ck_assert_int_eq(self->why, why);
    ck_assert_int_ge(loop_now(self->common.loop).us, begin.us + SHORT_US);
}

START_TEST(who_never_says_a_word_is_closed)
{
    struct rig *self = rig_silent(SHORT_US);

    wait_for_end(self, STREAM_END_SILENT);
    rig_free(self);
}
END_TEST

START_TEST(who_has_spoken_has_the_longer_time)
{
    struct rig *self = rig_new();
    struct instant begin;

    self->common.first_us = SHORT_US;
    put(self, SPAN(MESSAGE("one", "0", "")));
    begin = loop_now(self->common.loop);
    while (loop_now(self->common.loop).us < begin.us + 3 * SHORT_US)
        turn(self, SHORT_US);
    ck_assert_uint_eq(self->ends, 0);
    self->common.idle_us = SHORT_US;
    put(self, SPAN(MESSAGE("two", "0", "") "\r\n"));
    wait_for_end(self, STREAM_END_IDLE);
    rig_free(self);
}
END_TEST

/* A byte now and then is traffic, but it does not finish the message. */
START_TEST(a_message_that_drips_is_closed)
{
    struct rig *self = rig_new();
    size_t at = 0;

    self->common.message_us = 3 * SHORT_US;
    put(self, SPAN(MESSAGE("one", "0", "")));
    while (self->ends == 0 && at < sizeof(two)) {
        (void)send(self->peer, two + at++, 1, MSG_NOSIGNAL);
        turn(self, SHORT_US);
        turn(self, SHORT_US);
    }
    ck_assert_uint_eq(self->ends, 1);
    ck_assert_int_eq(self->why, STREAM_END_MESSAGE);
    ck_assert_uint_lt(at, 10);
    rig_free(self);
}
END_TEST

static void fill(struct rig *self)
{
    char text[1000];

    memset(text, 't', sizeof(text));
    while (stream_send(&self->stream, (struct span){text, sizeof(text)}, NULL) == STATUS_OK)
        turn(self, 0);
}

START_TEST(a_peer_that_does_not_read_costs_its_queue_and_its_deadline)
{
    struct rig *self = rig_new();

    self->common.write_us = 3 * SHORT_US;
    put(self, SPAN(MESSAGE("one", "0", "")));
    fill(self);
    ck_assert_uint_le(self->stream.queue.octets, self->common.write_queue_bytes_max);
    ck_assert_uint_gt(self->stream.queue.octets, self->common.write_queue_bytes_max - 1000);
    put(self, SPAN(MESSAGE("two", "0", ""))); /* we are deaf to more requests */
    ck_assert_uint_eq(self->messages, 1);
    wait_for_end(self, STREAM_END_WRITE);
    ck_assert_ptr_nonnull(self->stream.queue.first);
    rig_free(self);
}
END_TEST

START_TEST(who_reads_again_is_heard_again)
{
    struct rig *self = rig_new();
    char got[5000];

    self->common.message_us = 3 * SHORT_US;
    put(self, (struct span){two, 20}); /* a message whose end we do not look for meanwhile */
    fill(self);
    put(self, (struct span){two + 20, sizeof(two) - 1 - 20});
    for (int i = 0; i < 5; i++)
        turn(self, SHORT_US);
    ck_assert_uint_eq(self->messages, 0);
    while (self->messages < 2 && self->ends == 0) {
        (void)recv(self->peer, got, sizeof(got), 0);
        turn(self, 0);
    }
    ck_assert_uint_eq(self->messages, 2);
    ck_assert_uint_eq(self->ends, 0);
    rig_free(self);
}
END_TEST

START_TEST(what_waits_for_all_has_a_cap)
{
    struct rig *self = rig_new();

    self->common.write_bytes_max = 500000;
    fill(self);
    ck_assert_uint_le(self->common.write_bytes, 500000);
    ck_assert_uint_eq(self->common.write_bytes, self->stream.queue.octets);
    ck_assert_uint_lt(self->stream.queue.octets, self->common.write_queue_bytes_max);
    rig_free(self);
}
END_TEST

START_TEST(what_was_queued_arrives_whole_and_in_order_when_the_peer_reads_again)
{
    struct rig *self = rig_new();
    struct blob *body = blob_new(SPAN("-body "));
    char head[32];
    char *got = malloc(2 << 20);
    size_t sent = 0, len = 0, at = 0;

    for (;; sent++) {
        snprintf(head, sizeof(head), "%zu", sent);
        if (stream_send(&self->stream, span_of(head), body) != STATUS_OK)
            break;
        if (sent % 10 == 0)
            turn(self, 0);
    }
    while (self->stream.queue.octets > 0 || len < *self->common.bytes_out) {
        ssize_t count = recv(self->peer, got + len, 5000, 0);

        len += count > 0 ? (size_t)count : 0;
        turn(self, 0);
    }
    for (size_t i = 0; i < sent; i++) {
        size_t want = (size_t)snprintf(head, sizeof(head), "%zu-body ", i);

        ck_assert(memcmp(got + at, head, want) == 0);
        at += want;
    }
    ck_assert_uint_eq(at, len);
    ck_assert_uint_eq(*self->common.messages_out, sent);
    blob_unref(body);
    free(got);
    rig_free(self);
}
END_TEST

START_TEST(the_peer_closing_ends_it_behind_its_last_message)
{
    struct rig *self = rig_new();

    send(self->peer, two, sizeof(two) - 1, 0);
    shutdown(self->peer, SHUT_WR);
    turn(self, SHORT_US);
    turn(self, SHORT_US);
    ck_assert_uint_eq(self->messages, 2);
    ck_assert_uint_eq(self->ends, 1);
    ck_assert_int_eq(self->why, STREAM_END_PEER);
    rig_free(self);
}
END_TEST

Suite *transport_stream_suite(void)
{
    Suite *suite = suite_create("transport/stream");
    TCase *framing = tcase_create("18.3: framing");
    TCase *deadlines = tcase_create("deadlines");

    tcase_set_timeout(framing, 60);
    tcase_add_test(framing, a_message_may_be_split_at_every_octet);
    tcase_add_test(framing, messages_may_come_octet_by_octet);
    tcase_add_test(framing, many_messages_of_one_read_are_all_delivered_in_order);
    tcase_add_test(framing, long_messages_in_small_pieces_are_whole_and_leave_no_memory);
    tcase_add_loop_test(framing, lost_framing_is_answered_and_the_connection_closed, 0,
                        sizeof(faults) / sizeof(faults[0]));
    tcase_add_test(framing, a_head_without_end_is_513);
    tcase_add_test(framing, unfinished_messages_of_all_have_a_cap);
    tcase_add_test(framing, each_ping_gets_a_pong_also_between_messages);
    suite_add_tcase(suite, framing);
    tcase_set_timeout(deadlines, 20);
    tcase_add_test(deadlines, who_never_says_a_word_is_closed);
    tcase_add_test(deadlines, who_has_spoken_has_the_longer_time);
    tcase_add_test(deadlines, a_message_that_drips_is_closed);
    tcase_add_test(deadlines, who_reads_again_is_heard_again);
    tcase_add_test(deadlines, what_waits_for_all_has_a_cap);
    tcase_add_test(deadlines, a_peer_that_does_not_read_costs_its_queue_and_its_deadline);
    tcase_add_test(deadlines, what_was_queued_arrives_whole_and_in_order_when_the_peer_reads_again);
    tcase_add_test(deadlines, the_peer_closing_ends_it_behind_its_last_message);
    suite_add_tcase(suite, deadlines);
    return suite;
}
