/* test_tcp.c - connections on 127.0.0.1 and ::1: reuse, failure, limits (RFC 3261 section 18). */
#include "tests/unit/run.h"
#include "tests/unit/transport/sockets.h"

#include <fcntl.h>
#include <sys/resource.h>

Suite *transport_tcp_suite(void);

static const struct transport_options defaults = {0};
static const char *const addresses[] = {"127.0.0.1", "[::1]"};

#define OPTIONS_HEAD(VIA)                                                                          \
    "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/TCP " VIA                                   \
    ";branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:b@example.org>;tag=f\r\n"                  \
    "To: <sip:a@example.org>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n"

#define OPTIONS OPTIONS_HEAD("192.0.2.9") "Content-Length: 0\r\n\r\n"

static struct sockets *tcp_new_on(const char *address)
{
    return sockets_new_for(address, TRANSPORT_TCP, &defaults);
}

/* A connection from a port of the kernel's choice; its own address in `out`. */
static int connect_to(struct sockets *self, struct endpoint *out)
{
    union socket_address address;
    socklen_t len = socket_address_of(&self->local, &address);
    int fd = socket(address.any.sa_family, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, &address.any, len), 0);
    ck_assert_int_eq(getsockname(fd, &address.any, &len), 0);
    socket_address_endpoint(&address, out);
    out->protocol = TRANSPORT_TCP;
    sockets_turns(self);
    return fd;
}

/* Somebody who listens; his address in `out`. */
static int listen_on(const char *address, struct endpoint *out)
{
    union socket_address bound;
    struct endpoint endpoint;
    socklen_t len;
    int fd;

    ck_assert_int_eq(endpoint_parse(span_of(address), &endpoint), STATUS_OK);
    len = socket_address_of(&endpoint, &bound);
    fd = socket(bound.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, &bound.any, len), 0);
    ck_assert_int_eq(listen(fd, 10), 0);
    ck_assert_int_eq(getsockname(fd, &bound.any, &len), 0);
    socket_address_endpoint(&bound, out);
    out->protocol = TRANSPORT_TCP;
    return fd;
}

static void put(struct sockets *self, int fd, struct span octets)
{
    ck_assert_int_eq(send(fd, octets.at, octets.len, MSG_NOSIGNAL), (ssize_t)octets.len);
    sockets_turns(self);
}

static void put_out(struct sockets *self, const struct flow *to, const char *text)
{
    ck_assert_int_eq(transport_send(self->transport, to, span_of(text), NULL), STATUS_OK);
}

static double connections_of(const struct sockets *self)
{
    struct buffer out;
    const char *line;
    double count;

    buffer_init(&out, 1 << 20);
    metrics_print(self->metrics, &out);
    buffer_put_char(&out, '\0');
    line = strstr(out.at, "\npresenced_transport_connections ");
    ck_assert_ptr_nonnull(line);
    count = strtod(line + sizeof("\npresenced_transport_connections"), NULL);
    buffer_deinit(&out);
    return count;
}

/* ---- in, and answers ---- */

START_TEST(a_message_is_delivered_with_its_connection_and_answered_on_it)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct endpoint peer;
    int fd = connect_to(self, &peer);

    put(self, fd, SPAN(OPTIONS OPTIONS));
    ck_assert_uint_eq(self->messages, 2);
    ck_assert(endpoint_equal(&self->last_from.remote, &peer));
    ck_assert_uint_ne(self->last_from.connection, 0);
    ck_assert(transport_flow_is_alive(self->transport, &self->last_from));
    put_out(self, &self->last_from, "answer");
    sockets_turns(self);
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_str_eq(self->got, "answer");
    ck_assert(connections_of(self) == 1);
    close(fd);
    sockets_turns(self);
    ck_assert(connections_of(self) == 0);
    sockets_free(self);
}
END_TEST

START_TEST(a_malformed_request_gets_its_400_stamped_and_the_connection_stays)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct endpoint peer;
    char expected[64];
    int fd = connect_to(self, &peer);

    put(self, fd,
        SPAN(OPTIONS_HEAD("192.0.2.9;rport") "Max-Forwards: x\r\nContent-Length: 0\r\n\r\n"));
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_msg(strncmp(self->got, "SIP/2.0 400 ", 12) == 0, "%s", self->got);
    snprintf(expected, sizeof(expected), "rport=%u", peer.port);
    ck_assert_msg(strstr(self->got, expected) != NULL, "%s", self->got);
    ck_assert_ptr_nonnull(strstr(self->got, _i == 0 ? "received=127.0.0.1" : "received=::1"));
    put(self, fd, SPAN(OPTIONS));
    ck_assert_uint_eq(self->messages, 1);
    close(fd);
    sockets_free(self);
}
END_TEST

/* clang-format off */
static const struct {
    const char *octets;
    const char *answer;
} lost[] = {
    {OPTIONS_HEAD("192.0.2.9") "\r\n",                            "SIP/2.0 400 Missing Content-Length"},
    {OPTIONS_HEAD("192.0.2.9") "Content-Length: one\r\n\r\n",      "SIP/2.0 400 Malformed Content-Length"},
    {OPTIONS_HEAD("192.0.2.9") "Content-Length: 4000000\r\n\r\n",  "SIP/2.0 413 "},
};
/* clang-format on */

START_TEST(without_a_length_it_is_400_and_the_end)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct endpoint peer;
    int fd = connect_to(self, &peer);

    put(self, fd, span_of(lost[_i].octets));
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_msg(span_begins(span_of(self->got), span_of(lost[_i].answer)), "%s", self->got);
    ck_assert_int_eq(recv(fd, self->got, 1, 0), 0);
    close(fd);
    sockets_turns(self);
    ck_assert(connections_of(self) == 0);
    sockets_free(self);
}
END_TEST

START_TEST(a_head_that_is_too_long_is_513_and_the_end)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct endpoint peer;
    char text[20000];
    int fd = connect_to(self, &peer);

    memset(text, 'x', sizeof(text));
    put(self, fd, SPAN(OPTIONS_HEAD("192.0.2.9") "Subject: "));
    put(self, fd, (struct span){text, sizeof(text)});
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_msg(strncmp(self->got, "SIP/2.0 513 ", 12) == 0, "%s", self->got);
    close(fd);
    sockets_free(self);
}
END_TEST

/* RFC 3261 section 18.2.2: to where it came from, at the port of sent-by. */
START_TEST(a_response_whose_connection_is_gone_goes_to_sent_by)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct endpoint peer, other;
    char text[200];
    int fd = connect_to(self, &peer), server = listen_on(addresses[_i], &other), second;

    put(self, fd, SPAN(OPTIONS));
    close(fd);
    sockets_turns(self);
    ck_assert(!transport_flow_is_alive(self->transport, &self->last_from));
    ck_assert_int_eq(transport_send(self->transport, &self->last_from, SPAN(OPTIONS), NULL),
                     STATUS_NOT_FOUND);
    snprintf(text, sizeof(text),
             "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP host.example.org:%u;branch=z9hG4bKx\r\n"
             "Content-Length: 0\r\n\r\n",
             other.port);
    put_out(self, &self->last_from, text);
    sockets_turns(self);
    second = accept(server, NULL, NULL);
    ck_assert_int_ge(second, 0);
    ck_assert(sockets_receive_on(self, second));
    ck_assert_str_eq(self->got, text);
    ck_assert_uint_eq(self->failures, 0);
    close(second);
    close(server);
    sockets_free(self);
}
END_TEST

/* ---- out ---- */

START_TEST(a_connection_is_opened_once_and_used_both_ways)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct flow flow = {.listener = self->listener};
    int server = listen_on(addresses[_i], &flow.remote), fd;
    struct blob *body = blob_new(SPAN("body"));

    ck_assert(transport_flow_is_alive(self->transport, &flow));
    put_out(self, &flow, "one ");
    ck_assert_int_eq(transport_send(self->transport, &flow, SPAN("two "), body), STATUS_OK);
    sockets_turns(self);
    put_out(self, &flow, " three");
    sockets_turns(self);
    fd = accept(server, NULL, NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_str_eq(self->got, "one two body three");
    ck_assert_int_lt(accept(server, NULL, NULL), 0);
    put(self, fd, SPAN(OPTIONS));
    ck_assert_uint_eq(self->messages, 1);
    ck_assert(endpoint_equal(&self->last_from.remote, &flow.remote));
    blob_unref(body);
    close(fd);
    close(server);
    sockets_free(self);
}
END_TEST

START_TEST(a_connection_that_the_peer_made_is_used_for_what_goes_to_its_port)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct flow flow = {.listener = self->listener};
    int fd = connect_to(self, &flow.remote);

    put_out(self, &flow, "hello");
    sockets_turns(self);
    ck_assert(sockets_receive_on(self, fd));
    ck_assert_str_eq(self->got, "hello");
    close(fd);
    sockets_free(self);
}
END_TEST

START_TEST(a_connection_that_cannot_be_made_is_told_for_each_message)
{
    struct sockets *self = tcp_new_on(addresses[_i]);
    struct flow flow = {.listener = self->listener};
    int server = listen_on(addresses[_i], &flow.remote);

    close(server);
    put_out(self, &flow, "one");
    put_out(self, &flow, "two");
    ck_assert_uint_eq(self->failures, 0);
    sockets_turns(self);
    ck_assert_uint_eq(self->failures, 2);
    ck_assert_str_eq(self->failed_octets, "two");
    ck_assert(endpoint_equal(&self->last_failed.remote, &flow.remote));
    ck_assert_uint_eq(
        sockets_count(self, "transport_connections_ended_total", "reason=\"connect_failed\""), 1);
    sockets_free(self);
}
END_TEST

START_TEST(what_the_system_refuses_at_once_is_told_too)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct flow flow = {.listener = self->listener};

    /* From 127.0.0.1 there is no way to there. */
    ck_assert_int_eq(endpoint_parse(SPAN("255.255.255.255:9"), &flow.remote), STATUS_OK);
    flow.remote.protocol = TRANSPORT_TCP;
    put_out(self, &flow, "lost");
    ck_assert_uint_eq(self->failures, 0);
    sockets_turns(self);
    ck_assert_uint_eq(self->failures, 1);
    ck_assert_str_eq(self->failed_octets, "lost");
    sockets_free(self);
}
END_TEST

START_TEST(a_connection_that_breaks_tells_what_it_did_not_send)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct endpoint peer;
    const struct linger reset = {.l_onoff = 1};
    char *text = malloc(100001);
    int fd = connect_to(self, &peer);
    unsigned sent = 0;

    memset(text, 'x', 100000);
    text[100000] = '\0';
    put(self, fd, SPAN(OPTIONS));
    while (transport_send(self->transport, &self->last_from, span_of(text), NULL) == STATUS_OK) {
        sent++;
        sockets_turns(self);
    }
    ck_assert_uint_gt(sent, 10);
    ck_assert_uint_eq(self->failures, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(fd);
    sockets_turns(self);
    ck_assert_uint_ge(self->failures, 10); /* 1 MB waited here, the rest in the kernel */
    ck_assert_uint_eq(strlen(self->failed_octets), 1024);
    ck_assert(!transport_flow_is_alive(self->transport, &self->last_from));
    free(text);
    sockets_free(self);
}
END_TEST

START_TEST(what_is_queued_leaves_before_the_end)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct endpoint peer;
    struct pollfd poll_fd = {.events = POLLIN};
    char got[16] = "";
    int fd = connect_to(self, &peer);

    put(self, fd, SPAN(OPTIONS));
    put_out(self, &self->last_from, "farewell");
    sockets_free(self);
    poll_fd.fd = fd;
    ck_assert_int_eq(poll(&poll_fd, 1, 1000), 1);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), 8);
    ck_assert_str_eq(got, "farewell");
    close(fd);
}
END_TEST

/* ---- limits ---- */

/* Closed by the other side, without a word. */
static bool is_closed(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char octet;

    return poll(&poll_fd, 1, 0) == 1 && recv(fd, &octet, 1, 0) <= 0;
}

START_TEST(more_connections_than_allowed_are_closed_at_once)
{
    const struct transport_options options = {
        .tcp = {.connections_max = _i == 0 ? 2 : 100,
                .connections_per_source_max = _i == 0 ? 100 : 2}};
    struct sockets *self = sockets_new_for("127.0.0.1", TRANSPORT_TCP, &options);
    const char *limit =
        _i == 0 ? "limit=\"connections_max\"" : "limit=\"connections_per_source_max\"";
    struct endpoint peer;
    int fds[3];

    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(self, &peer);
    ck_assert(is_closed(fds[2]));
    ck_assert_uint_eq(sockets_count(self, "transport_connections_refused_total", limit), 1);
    put(self, fds[1], SPAN(OPTIONS));
    ck_assert_uint_eq(self->messages, 1);
    close(fds[0]); /* which makes room again */
    sockets_turns(self);
    close(fds[2]);
    fds[2] = connect_to(self, &peer);
    put(self, fds[2], SPAN(OPTIONS));
    ck_assert_uint_eq(self->messages, 2);
    close(fds[1]);
    close(fds[2]);
    sockets_free(self);
}
END_TEST

START_TEST(without_descriptors_the_loop_rests_and_then_goes_on)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct rlimit limit, none;
    union socket_address address;
    socklen_t len = socket_address_of(&self->local, &address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct instant begin;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    ck_assert_int_eq(connect(fd, &address.any, len), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 20; i++)
        loop_run_once(self->loop, 1000);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_ge(sockets_count(self, "transport_accept_pauses_total", NULL), 1);
    ck_assert_uint_le(sockets_count(self, "transport_accept_pauses_total", NULL), 2);
    ck_assert_int_gt(send(fd, OPTIONS, sizeof(OPTIONS) - 1, 0), 0);
    begin = loop_now(self->loop);
    while (self->messages == 0 && loop_now(self->loop).us < begin.us + 5 * US_PER_S)
        loop_run_once(self->loop, 10000);
    ck_assert_uint_eq(self->messages, 1);
    close(fd);
    sockets_free(self);
}
END_TEST

START_TEST(numbers_of_the_dead_are_not_given_again)
{
    struct sockets *self = tcp_new_on("127.0.0.1");
    struct flow first;
    struct endpoint peer;

    for (int i = 0; i < 20; i++) {
        int fd = connect_to(self, &peer);

        put(self, fd, SPAN(OPTIONS));
        if (i == 0)
            first = self->last_from;
        else
            ck_assert_uint_ne(self->last_from.connection, first.connection);
        close(fd);
        sockets_turns(self);
    }
    ck_assert(!transport_flow_is_alive(self->transport, &first));
    sockets_free(self);
}
END_TEST

Suite *transport_tcp_suite(void)
{
    Suite *suite = suite_create("transport/tcp");
    TCase *in = tcase_create("18.2: receiving");
    TCase *out = tcase_create("18.1: sending");
    TCase *limits = tcase_create("limits");

    tcase_add_loop_test(in, a_message_is_delivered_with_its_connection_and_answered_on_it, 0, 2);
    tcase_add_loop_test(in, a_malformed_request_gets_its_400_stamped_and_the_connection_stays, 0,
                        2);
    tcase_add_loop_test(in, without_a_length_it_is_400_and_the_end, 0,
                        sizeof(lost) / sizeof(lost[0]));
    tcase_add_test(in, a_head_that_is_too_long_is_513_and_the_end);
    tcase_add_loop_test(in, a_response_whose_connection_is_gone_goes_to_sent_by, 0, 2);
    suite_add_tcase(suite, in);
    tcase_add_loop_test(out, a_connection_is_opened_once_and_used_both_ways, 0, 2);
    tcase_add_loop_test(out, a_connection_that_the_peer_made_is_used_for_what_goes_to_its_port, 0,
                        2);
    tcase_add_loop_test(out, a_connection_that_cannot_be_made_is_told_for_each_message, 0, 2);
    tcase_add_test(out, what_the_system_refuses_at_once_is_told_too);
    tcase_add_test(out, a_connection_that_breaks_tells_what_it_did_not_send);
    tcase_add_test(out, what_is_queued_leaves_before_the_end);
    suite_add_tcase(suite, out);
    tcase_set_timeout(limits, 20);
    tcase_add_loop_test(limits, more_connections_than_allowed_are_closed_at_once, 0, 2);
    tcase_add_test(limits, without_descriptors_the_loop_rests_and_then_goes_on);
    tcase_add_test(limits, numbers_of_the_dead_are_not_given_again);
    suite_add_tcase(suite, limits);
    return suite;
}
