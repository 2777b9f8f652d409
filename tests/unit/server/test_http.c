#include "server/http.h"
#include "tests/unit/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURNS_MAX = 300, TURN_US = 10 * 1000, RESPONSE_MAX = 4 << 20, CONNECTIONS_MAX = 3 };

static struct loop *loop;
static struct http *http;
static const char *not_ready; /* NULL: ready */
static size_t metrics_bytes;
static char *response;
static size_t response_len;

static bool on_ready(void *context, struct buffer *why)
{
    ck_assert_ptr_eq(context, &loop);
    if (not_ready != NULL)
        buffer_put(why, span_of(not_ready));
    return not_ready == NULL;
}

static void on_metrics(void *context, struct buffer *out)
{
    ck_assert_ptr_eq(context, &loop);
    buffer_put(out, SPAN("presenced_up 1\n"));
    while (out->len < metrics_bytes && !out->overflowed)
        buffer_put(out, SPAN("# filling\n"));
}

static struct http *http_at(const char *address, uint16_t port)
{
    return http_new(loop, NULL,
                    &(struct http_options){.address = address,
                                           .port = port,
                                           .connections_max = CONNECTIONS_MAX,
                                           .header_bytes_max = 1024,
                                           .idle_s = 1,
                                           .context = &loop,
                                           .on_ready = on_ready,
                                           .on_metrics = on_metrics});
}

static void set_up(void)
{
    not_ready = NULL;
    metrics_bytes = 0;
    response = calloc(1, RESPONSE_MAX);
    loop = loop_new();
    http = http_at("127.0.0.1", 0);
    ck_assert_ptr_nonnull(http);
    ck_assert_uint_ne(http_port(http), 0);
}

static void tear_down(void)
{
    http_free(http);
    loop_free(loop);
    free(response);
}

static int client(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(http_port(http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static bool response_is_whole(void)
{
    const char *end = strstr(response, "\r\n\r\n");
    const char *length = strcasestr(response, "content-length:");

    return end != NULL && length != NULL &&
           response_len >= (size_t)(end + 4 - response) + strtoull(length + 15, NULL, 10);
}

/* Lets the loop turn until `fd` has got one response (true) or is closed (false). */
static bool receive(int fd)
{
    response_len = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        ssize_t len;

        loop_run_once(loop, TURN_US);
        len = recv(fd, response + response_len, RESPONSE_MAX - 1 - response_len, MSG_DONTWAIT);
        if (len == 0 || (len < 0 && errno != EAGAIN))
            return false;
        response_len += len > 0 ? (size_t)len : 0;
        response[response_len] = '\0';
        if (response_is_whole())
            return true;
    }
    ck_abort_msg("neither a response nor an end; got %zu: %.300s", response_len, response);
}

static bool ask(int fd, const char *request)
{
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return receive(fd);
}

static const char *body(void)
{
    return strstr(response, "\r\n\r\n") + 4;
}

/* What is asked, how ready the server is, and what must come back. */
static const struct {
    const char *request;
    const char *not_ready;
    const char *status;
    const char *body;
} cases[] = {
    {"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 200", "ok\n"},
    {"GET /healthz HTTP/1.0\r\n\r\n", "away", "HTTP/1.0 200", "ok\n"},
    {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 200", "ready\n"},
    {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "database is away", "HTTP/1.1 503",
     "database is away\n"},
    {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 200", "presenced_up 1\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 404", "not found\n"},
    {"GET /healthz/x HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 404", "not found\n"},
    {"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 404", "not found\n"},
    {"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", NULL, "HTTP/1.1 405",
     "method not allowed\n"},
    {"PUT /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", NULL, "HTTP/1.1 405",
     "method not allowed\n"},
    {"DELETE /readyz HTTP/1.1\r\nHost: a\r\n\r\n", NULL, "HTTP/1.1 405", "method not allowed\n"},
};

START_TEST(each_path_and_method_gets_its_answer)
{
    int fd = client();

    not_ready = cases[_i].not_ready;
    ck_assert_msg(ask(fd, cases[_i].request), "closed: %s", cases[_i].request);
    ck_assert_msg(strncmp(response, cases[_i].status, strlen(cases[_i].status)) == 0, "%s",
                  response);
    ck_assert_str_eq(body(), cases[_i].body);
    close(fd);
}
END_TEST

START_TEST(a_head_request_gets_the_head_alone)
{
    static const char request[] = "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = client();

    ck_assert_int_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
    for (int turn = 0; turn < 20; turn++)
        loop_run_once(loop, TURN_US);
    response_len = (size_t)recv(fd, response, RESPONSE_MAX - 1, MSG_DONTWAIT);
    ck_assert_ptr_nonnull(strstr(response, "HTTP/1.1 200"));
    ck_assert_ptr_nonnull(strcasestr(response, "content-length: 3\r\n"));
    ck_assert_str_eq(body(), "");
    close(fd);
}
END_TEST

START_TEST(a_connection_carries_one_request_after_the_other)
{
    int fd = client();

    for (int i = 0; i < 3; i++) {
        ck_assert(ask(fd, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"));
        ck_assert_str_eq(body(), "ready\n");
    }
    close(fd);
}
END_TEST

START_TEST(metrics_larger_than_a_socket_buffer_arrive_whole)
{
    int fd = client();

    metrics_bytes = 3 << 20;
    ck_assert(ask(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    ck_assert_uint_gt(strlen(body()), 3000000);
    ck_assert_str_eq(response + response_len - 10, "# filling\n");
    close(fd);
}
END_TEST

START_TEST(metrics_beyond_every_measure_are_an_error)
{
    int fd = client();

    metrics_bytes = 5 << 20;
    ck_assert(ask(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
    ck_assert_ptr_nonnull(strstr(response, "HTTP/1.1 500"));
    close(fd);
}
END_TEST

static bool is_refusal(void)
{
    return strncmp(response, "HTTP/1.", 7) == 0 && strncmp(response + 8, " 4", 2) == 0;
}

START_TEST(header_fields_beyond_the_limit_end_the_connection)
{
    int fd = client();
    char request[4096];

    snprintf(request, sizeof(request), "GET /healthz HTTP/1.1\r\nHost: %03000d\r\n\r\n", 0);
    if (ask(fd, request))
        ck_assert_msg(is_refusal(), "%s", response);
    close(fd);
}
END_TEST

START_TEST(what_is_no_http_ends_the_connection)
{
    int fd = client();

    if (ask(fd, "\x16\x03\x01\x02\r\n\r\n\r\n"))
        ck_assert_msg(is_refusal(), "%s", response);
    close(fd);
}
END_TEST

START_TEST(connections_beyond_the_limit_are_closed_and_their_places_given_again)
{
    int fds[CONNECTIONS_MAX];
    int one_more;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            fds[i] = client();
            ck_assert(ask(fds[i], "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
        }
        one_more = client();
        ck_assert(!ask(one_more, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
        close(one_more);
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            close(fds[i]);
        for (int turn = 0; turn < 10; turn++)
            loop_run_once(loop, TURN_US);
    }
}
END_TEST

START_TEST(a_silent_connection_is_closed)
{
    int fd = client();

    ck_assert(!receive(fd));
    close(fd);
}
END_TEST

START_TEST(a_server_may_stop_in_the_middle_of_a_request)
{
    int fd = client();

    ck_assert_int_eq(send(fd, "GET /hea", 8, MSG_NOSIGNAL), 8);
    loop_run_once(loop, TURN_US);
    http_free(http);
    http = NULL;
    ck_assert(!receive(fd));
    close(fd);
}
END_TEST

START_TEST(a_port_that_is_taken_is_an_error)
{
    ck_assert_ptr_null(http_at("127.0.0.1", http_port(http)));
    ck_assert_ptr_null(http_at("192.0.2.1", 0));
    ck_assert_ptr_null(http_at("nonsense", 0));
}
END_TEST

START_TEST(it_listens_on_ipv6)
{
    struct http *six = http_at("::1", 0);

    if (six == NULL) {
        fprintf(stderr, "it_listens_on_ipv6: skipped, there is no ::1 here\n");
        return;
    }
    ck_assert_uint_ne(http_port(six), 0);
    http_free(six);
}
END_TEST

Suite *server_http_suite(void);

Suite *server_http_suite(void)
{
    Suite *suite = suite_create("server/http");
    TCase *answers = tcase_create("answers");
    TCase *limits = tcase_create("limits");

    tcase_add_checked_fixture(answers, set_up, tear_down);
    tcase_add_loop_test(answers, each_path_and_method_gets_its_answer, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(answers, a_head_request_gets_the_head_alone);
    tcase_add_test(answers, a_connection_carries_one_request_after_the_other);
    tcase_add_test(answers, metrics_larger_than_a_socket_buffer_arrive_whole);
    tcase_add_test(answers, metrics_beyond_every_measure_are_an_error);
    tcase_add_test(answers, it_listens_on_ipv6);
    suite_add_tcase(suite, answers);
    tcase_add_checked_fixture(limits, set_up, tear_down);
    tcase_set_timeout(limits, 30);
    tcase_add_test(limits, header_fields_beyond_the_limit_end_the_connection);
    tcase_add_test(limits, what_is_no_http_ends_the_connection);
    tcase_add_test(limits, connections_beyond_the_limit_are_closed_and_their_places_given_again);
    tcase_add_test(limits, a_silent_connection_is_closed);
    tcase_add_test(limits, a_server_may_stop_in_the_middle_of_a_request);
    tcase_add_test(limits, a_port_that_is_taken_is_an_error);
    suite_add_tcase(suite, limits);
    return suite;
}
