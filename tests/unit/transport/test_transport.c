/* test_transport.c - datagrams on 127.0.0.1 and ::1 (RFC 3261 section 18). */
#include "tests/unit/run.h"
#include "tests/unit/transport/sockets.h"

Suite *transport_transport_suite(void);

static const struct transport_options defaults = {0};
static const char *const addresses[] = {"127.0.0.1", "[::1]"};

#define OPTIONS_HEAD(VIA)                                                                          \
    "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP " VIA                                   \
    ";branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:b@example.org>;tag=f\r\n"                  \
    "To: <sip:a@example.org>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"

#define OPTIONS OPTIONS_HEAD("192.0.2.9;rport") "Content-Length: 0\r\n\r\n"

/* ---- in ---- */

START_TEST(a_message_is_delivered_with_its_flow)
{
    struct sockets *self = sockets_new(addresses[_i], &defaults);
    struct flow flow = sockets_flow(self);

    sockets_send(self, SPAN(OPTIONS));
    ck_assert_uint_eq(self->messages, 1);
    ck_assert(flow_equal(&self->last_from, &flow));
    sockets_free(self);
}
END_TEST

START_TEST(many_datagrams_of_one_turn_are_all_delivered)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    union socket_address to;
    socklen_t len = socket_address_of(&self->local, &to);

    for (int i = 0; i < 150; i++)
        ck_assert_int_gt(sendto(self->peer, OPTIONS, sizeof(OPTIONS) - 1, 0, &to.any, len), 0);
    sockets_turns(self);
    ck_assert_uint_eq(self->messages, 150);
    ck_assert_uint_eq(sockets_count(self, "transport_datagrams_total", "direction=\"in\""), 150);
    sockets_free(self);
}
END_TEST

START_TEST(a_malformed_request_gets_a_400_that_names_the_fault)
{
    struct sockets *self = sockets_new(addresses[_i], &defaults);

    sockets_send(self, SPAN(OPTIONS_HEAD("192.0.2.9;rport") "Max-Forwards: x\r\n\r\n"));
    ck_assert_uint_eq(self->messages, 0);
    ck_assert(sockets_receive(self));
    ck_assert_msg(strncmp(self->got, "SIP/2.0 400 ", 12) == 0, "%s", self->got);
    ck_assert_ptr_nonnull(strstr(self->got, "Max-Forwards"));
    ck_assert_ptr_nonnull(strstr(self->got, ";received="));
    ck_assert_ptr_nonnull(strstr(self->got, "\r\nTo: <sip:a@example.org>;tag="));
    sockets_free(self);
}
END_TEST

START_TEST(the_same_malformed_request_gets_the_same_tag_again)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    char first[2048];

    sockets_send(self, SPAN(OPTIONS_HEAD("192.0.2.9;rport") "Max-Forwards: x\r\n\r\n"));
    ck_assert(sockets_receive(self));
    snprintf(first, sizeof(first), "%.2000s", self->got);
    sockets_send(self, SPAN(OPTIONS_HEAD("192.0.2.9;rport") "Max-Forwards: x\r\n\r\n"));
    ck_assert(sockets_receive(self));
    ck_assert_str_eq(self->got, first);
    sockets_free(self);
}
END_TEST

/* clang-format off */
static const char *const silent[] = {
    "\r\n\r\n", "\r\n", "\n", "",
    ("ACK sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bKx\r\n"
    "From: <sip:b@example.org>;tag=f\r\nTo: <sip:a@example.org>\r\nCall-ID: c\r\nCSeq: x ACK\r\n\r\n"),
    "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bKx\r\nCSeq: x y\r\n\r\n",
    "SIP/2.0 200 OK\r\n\r\n", "hello", "OPTIONS", " ", "\x80\x80\x80\x80\x80",
};
/* clang-format on */

START_TEST(what_cannot_or_need_not_be_answered_is_dropped_in_silence)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);

    sockets_send(self, span_of(silent[_i]));
    ck_assert_uint_eq(self->messages, 0);
    ck_assert_msg(!sockets_receive(self), "%s: %s", silent[_i], self->got);
    sockets_free(self);
}
END_TEST

START_TEST(stun_is_a_keep_alive)
{
    static const char stun[20] = {0, 1, 0, 0, 0x21, 0x12, (char)0xa4, 0x42};
    struct sockets *self = sockets_new("127.0.0.1", &defaults);

    sockets_send(self, (struct span){stun, sizeof(stun)});
    sockets_send(self, SPAN("\r\n\r\n"));
    ck_assert(!sockets_receive(self));
    ck_assert_uint_eq(sockets_count(self, "transport_keep_alives_total", NULL), 2);
    sockets_free(self);
}
END_TEST

START_TEST(a_datagram_above_the_limit_is_dropped_and_counted)
{
    struct transport_options options = {.datagram_max_bytes = 600};
    struct sockets *self = sockets_new("127.0.0.1", &options);
    char octets[700];

    memset(octets, ' ', sizeof(octets));
    memcpy(octets, OPTIONS, sizeof(OPTIONS) - 1);
    sockets_send(self, (struct span){octets, 600});
    ck_assert_uint_eq(self->messages, 1);
    sockets_send(self, (struct span){octets, 601});
    ck_assert_uint_eq(self->messages, 1);
    ck_assert_uint_eq(sockets_count(self, "transport_dropped_total", "reason=\"too_long\""), 1);
    sockets_free(self);
}
END_TEST

/* ---- out ---- */

START_TEST(head_and_body_go_out_as_one_datagram_at_the_end_of_the_turn)
{
    struct sockets *self = sockets_new(addresses[_i], &defaults);
    struct flow flow = sockets_flow(self);
    struct blob *body = blob_new(SPAN("body"));

    ck_assert_int_eq(transport_send(self->transport, &flow, SPAN("head "), body), STATUS_OK);
    blob_unref(body);
    ck_assert(!sockets_receive(self));
    sockets_turns(self);
    ck_assert(sockets_receive(self));
    ck_assert_str_eq(self->got, "head body");
    sockets_free(self);
}
END_TEST

/* The longest of IPv4; each octet stands for where it is. */
START_TEST(the_longest_datagram_passes_both_ways)
{
    struct sockets *self = sockets_new(addresses[_i], &defaults);
    struct flow flow = sockets_flow(self);
    char *octets = malloc(TRANSPORT_UDP_MAX_BYTES + 1);
    int head = snprintf(octets, 1000, OPTIONS_HEAD("192.0.2.9") "Content-Length: 65200\r\n\r\n");
    struct blob *body;

    for (int i = head; i <= TRANSPORT_UDP_MAX_BYTES; i++)
        octets[i] = (char)('a' + i % 26);
    body = blob_new((struct span){octets + head, (size_t)(TRANSPORT_UDP_MAX_BYTES - head)});
    ck_assert_int_eq(
        transport_send(self->transport, &flow, (struct span){octets, (size_t)head}, body),
        STATUS_OK);
    ck_assert_int_eq(
        transport_send(self->transport, &flow, (struct span){octets, (size_t)head + 1}, body),
        STATUS_LIMIT);
    sockets_turns(self);
    ck_assert(sockets_receive(self));
    ck_assert_int_eq(self->got_len, TRANSPORT_UDP_MAX_BYTES);
    ck_assert(memcmp(self->got, octets, TRANSPORT_UDP_MAX_BYTES) == 0);

    sockets_send(self, (struct span){octets, (size_t)head + 65200});
    ck_assert_uint_eq(self->messages, 1);
    ck_assert_uint_eq(self->last_body_len, 65200);
    blob_unref(body);
    free(octets);
    sockets_free(self);
}
END_TEST

START_TEST(more_than_a_batch_goes_out_in_order)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct flow flow = sockets_flow(self);
    char number[16];

    for (int i = 0; i < 200; i++) {
        snprintf(number, sizeof(number), "%d", i);
        ck_assert_int_eq(transport_send(self->transport, &flow, span_of(number), NULL), STATUS_OK);
    }
    sockets_turns(self);
    for (int i = 0; i < 200; i++) {
        ck_assert(sockets_receive(self));
        ck_assert_int_eq(strtol(self->got, NULL, 10), i);
    }
    sockets_free(self);
}
END_TEST

START_TEST(a_bad_datagram_does_not_disturb_the_others_of_its_batch)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct flow good = sockets_flow(self);
    struct flow bad = good;

    /* To the broadcast address without leave: the system refuses it at once. */
    ck_assert_int_eq(endpoint_parse(SPAN("255.255.255.255:9"), &bad.remote), STATUS_OK);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(transport_send(self->transport, i % 4 == 1 ? &bad : &good,
                                        i % 4 == 1 ? SPAN("bad one") : SPAN("good one"), NULL),
                         STATUS_OK);
    ck_assert_uint_eq(self->failures, 0);
    sockets_turns(self);
    for (int i = 0; i < 30; i++)
        ck_assert(sockets_receive(self));
    ck_assert(!sockets_receive(self));
    ck_assert_uint_eq(self->failures, 10);
    ck_assert(flow_equal(&self->last_failed, &bad));
    ck_assert_str_eq(self->failed_octets, "bad one");
    ck_assert_uint_eq(sockets_count(self, "transport_dropped_total", "reason=\"unreachable\""), 10);
    sockets_free(self);
}
END_TEST

START_TEST(a_closed_port_is_told_and_does_not_disturb_the_others)
{
    struct sockets *self = sockets_new(addresses[_i], &defaults);
    struct flow good = sockets_flow(self);
    struct flow closed = good;
    int fd = sockets_peer(addresses[_i], &closed.remote);

    close(fd);
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(transport_send(self->transport, i % 4 == 1 ? &closed : &good,
                                        i % 4 == 1 ? SPAN("closed") : SPAN("good"), NULL),
                         STATUS_OK);
    }
    sockets_turns(self);
    for (int i = 0; i < 30; i++)
        ck_assert(sockets_receive(self));
    ck_assert(!sockets_receive(self));
    ck_assert_uint_ge(self->failures, 1); /* the system limits how many ICMP errors it makes */
    ck_assert(flow_equal(&self->last_failed, &closed));
    ck_assert_str_eq(self->failed_octets, "closed");
    sockets_send(self, SPAN(OPTIONS)); /* and receiving goes on */
    ck_assert_uint_eq(self->messages, 1);
    sockets_free(self);
}
END_TEST

/* clang-format off */
static const struct {
    const char *remote;
    uint8_t protocol;
    uint16_t listener;
} no_way[] = {
    {"127.0.0.1:9", TRANSPORT_TCP, 0}, {"127.0.0.1:9", TRANSPORT_UDP, 1},
    {"[::1]:9", TRANSPORT_UDP, 0},     {"127.0.0.1", TRANSPORT_UDP, 0},
};
/* clang-format on */

START_TEST(a_flow_that_its_listener_cannot_serve_is_no_more)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct flow flow = {.listener = no_way[_i].listener};

    ck_assert_int_eq(endpoint_parse(span_of(no_way[_i].remote), &flow.remote), STATUS_OK);
    flow.remote.protocol = no_way[_i].protocol;
    ck_assert_int_eq(transport_send(self->transport, &flow, SPAN("x"), NULL), STATUS_NOT_FOUND);
    sockets_free(self);
}
END_TEST

/* ---- listeners ---- */

START_TEST(both_families_listen_on_one_port)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct transport_listener ipv6 = sockets_listener("[::]");
    struct transport_listener ipv4 = sockets_listener("0.0.0.0");
    uint16_t number = 0;

    ck_assert_int_eq(transport_listen(self->transport, &ipv6, &number), STATUS_OK);
    ipv4.bind.port = transport_local(self->transport, number).port;
    ck_assert_int_eq(transport_listen(self->transport, &ipv4, &number), STATUS_OK);
    ck_assert_uint_eq(transport_listener_count(self->transport), 3);
    sockets_free(self);
}
END_TEST

START_TEST(an_address_in_use_or_a_protocol_not_served_is_refused)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct transport_listener listener = sockets_listener("127.0.0.1");

    listener.bind.port = self->local.port;
    ck_assert_int_eq(transport_listen(self->transport, &listener, NULL), STATUS_UNAVAILABLE);
    listener.bind.protocol = TRANSPORT_TLS;
    ck_assert_int_eq(transport_listen(self->transport, &listener, NULL), STATUS_MALFORMED);
    ck_assert_uint_eq(transport_listener_count(self->transport), 1);
    sockets_free(self);
}
END_TEST

START_TEST(socket_buffers_are_what_was_asked_for_or_the_log_says_so)
{
    static const size_t asked[] = {64 * 1024, 1000 * 1024 * 1024};
    struct endpoint local = {.family = ENDPOINT_IPV4, .address = {127, 0, 0, 1}};
    char text[4096] = "";
    FILE *file = tmpfile();
    struct log *log = log_new(fileno(file), LOG_INFO, false);
    struct udp_buffers ask = {asked[_i], asked[_i]};
    int given = 0;
    socklen_t len = sizeof(given);
    int fd = udp_socket_open(&local, &ask, log);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &given, &len), 0);
    log_flush(log);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    ck_assert_int_eq((size_t)given / 2 < asked[_i], strstr(text, "net.core.rmem_max") != NULL);
    if (_i == 0)
        ck_assert_str_eq(text, "");
    log_free(log);
    fclose(file);
    close(fd);
}
END_TEST

static void add_in(Suite *suite)
{
    TCase *in = tcase_create("18.1.2, 18.2.1: receiving");

    tcase_add_loop_test(in, a_message_is_delivered_with_its_flow, 0, 2);
    tcase_add_test(in, many_datagrams_of_one_turn_are_all_delivered);
    tcase_add_loop_test(in, a_malformed_request_gets_a_400_that_names_the_fault, 0, 2);
    tcase_add_test(in, the_same_malformed_request_gets_the_same_tag_again);
    tcase_add_loop_test(in, what_cannot_or_need_not_be_answered_is_dropped_in_silence, 0,
                        sizeof(silent) / sizeof(silent[0]));
    tcase_add_test(in, stun_is_a_keep_alive);
    tcase_add_test(in, a_datagram_above_the_limit_is_dropped_and_counted);
    suite_add_tcase(suite, in);
}

static void add_out(Suite *suite)
{
    TCase *out = tcase_create("18.1.1, 18.4: sending");

    tcase_add_loop_test(out, head_and_body_go_out_as_one_datagram_at_the_end_of_the_turn, 0, 2);
    tcase_add_loop_test(out, the_longest_datagram_passes_both_ways, 0, 2);
    tcase_add_test(out, more_than_a_batch_goes_out_in_order);
    tcase_add_test(out, a_bad_datagram_does_not_disturb_the_others_of_its_batch);
    tcase_add_loop_test(out, a_closed_port_is_told_and_does_not_disturb_the_others, 0, 2);
    tcase_add_loop_test(out, a_flow_that_its_listener_cannot_serve_is_no_more, 0,
                        sizeof(no_way) / sizeof(no_way[0]));
    suite_add_tcase(suite, out);
}

Suite *transport_transport_suite(void)
{
    Suite *suite = suite_create("transport/transport");
    TCase *listeners = tcase_create("listeners");

    add_in(suite);
    add_out(suite);
    tcase_add_test(listeners, both_families_listen_on_one_port);
    tcase_add_test(listeners, an_address_in_use_or_a_protocol_not_served_is_refused);
    tcase_add_loop_test(listeners, socket_buffers_are_what_was_asked_for_or_the_log_says_so, 0, 2);
    suite_add_tcase(suite, listeners);
    return suite;
}
