/* test_route.c - where responses go (18.2.2, RFC 3581), where requests go, what we say of us. */
#include "tests/unit/run.h"
#include "tests/unit/transport/sockets.h"

Suite *transport_route_suite(void);

static const struct transport_options defaults = {0};

/* ---- responses ---- */

/* The request comes from 192.0.2.9:4000 on the first listener, an IPv4 one. */
/* clang-format off */
static const struct {
    const char *via; /* behind "SIP/2.0/UDP " */
    const char *to;
} responses[] = {
    {"192.0.2.9;branch=z9hG4bKx",                           "192.0.2.9:5060"},
    {"192.0.2.9:7000;branch=z9hG4bKx",                      "192.0.2.9:7000"},
    {"192.0.2.9:7000;rport;branch=z9hG4bKx",                "192.0.2.9:4000"},
    {"192.0.2.9:7000;rport=1;branch=z9hG4bKx",              "192.0.2.9:4000"},
    /* behind a NAT: never to what sent-by says */
    {"10.0.0.1:7000;branch=z9hG4bKx",                       "192.0.2.9:7000"},
    {"10.0.0.1;rport;branch=z9hG4bKx",                      "192.0.2.9:4000"},
    {"phone.example.org:7000;branch=z9hG4bKx",              "192.0.2.9:7000"},
    {"[2001:db8::1]:7000;branch=z9hG4bKx",                  "192.0.2.9:7000"},
    /* what the client writes into received itself does not count */
    {"10.0.0.1;received=203.0.113.5;branch=z9hG4bKx",       "192.0.2.9:5060"},
    {"10.0.0.1;received=203.0.113.5;rport=9;branch=z9hG4bKx", "192.0.2.9:4000"},
    /* maddr, which RFC 3581 section 4 leaves first */
    {"192.0.2.9;maddr=192.0.2.77;branch=z9hG4bKx",          "192.0.2.77:5060"},
    {"192.0.2.9:7000;maddr=192.0.2.77;rport;branch=z9hG4bKx", "192.0.2.77:7000"},
    {"192.0.2.9:7000;maddr=name.example.org;branch=z9hG4bKx", "192.0.2.9:7000"},
    {"192.0.2.9:7000;maddr=[2001:db8::7];rport;branch=z9hG4bKx", "192.0.2.9:4000"},
};
/* clang-format on */

static void check_endpoint(const struct endpoint *endpoint, const char *expected, const char *what)
{
    char text[ENDPOINT_TEXT_MAX];
    struct buffer out;

    buffer_init_fixed(&out, text, sizeof(text));
    endpoint_compose(endpoint, &out);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(expected)), "%s: " SPAN_FMT, what,
                  SPAN_ARG(buffer_span(&out)));
}

static struct flow response_flow(const struct sockets *self, const char *via_text)
{
    struct flow from = {.listener = self->listener};
    struct flow to = {0};
    struct sip_via via = {0};
    char text[256];

    snprintf(text, sizeof(text), "SIP/2.0/UDP %s", via_text);
    ck_assert_int_eq(sip_via_parse(span_of(text), &via), STATUS_OK);
    ck_assert_int_eq(endpoint_parse(SPAN("192.0.2.9:4000"), &from.remote), STATUS_OK);
    transport_response_flow(self->transport, &from, &via, &to);
    ck_assert_uint_eq(to.listener, from.listener);
    return to;
}

START_TEST(a_response_goes_where_18_2_2_and_rfc_3581_say)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct flow to = response_flow(self, responses[_i].via);

    check_endpoint(&to.remote, responses[_i].to, responses[_i].via);
    sockets_free(self);
}
END_TEST

START_TEST(maddr_can_be_ignored)
{
    struct transport_options options = {.ignore_maddr = true};
    struct sockets *self = sockets_new("127.0.0.1", &options);
    struct flow to = response_flow(self, "192.0.2.9;maddr=192.0.2.77;branch=z9hG4bKx");

    check_endpoint(&to.remote, "192.0.2.9:5060", "ignored");
    sockets_free(self);
}
END_TEST

START_TEST(over_a_connection_a_response_goes_back_on_it)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct flow from = {.listener = 0, .connection = 12};
    struct flow to = {0};
    struct sip_via via = {0};

    ck_assert_int_eq(
        sip_via_parse(SPAN("SIP/2.0/TCP 192.0.2.1;maddr=192.0.2.3;branch=z9hG4bKx"), &via),
        STATUS_OK);
    ck_assert_int_eq(endpoint_parse(SPAN("192.0.2.9:4000"), &from.remote), STATUS_OK);
    from.remote.protocol = TRANSPORT_TCP;
    transport_response_flow(self->transport, &from, &via, &to);
    ck_assert(flow_equal(&from, &to));
    sockets_free(self);
}
END_TEST

/* ---- what a 400 looks like on the wire: stamped, and where it arrives ---- */

struct stamp {
    const char *via;     /* %u: the port of the peer's own socket */
    const char *stamped; /* %u: the same */
};

/* clang-format off */
static const struct stamp stamps[] = {
    {"127.0.0.1:%u;branch=z9hG4bKx",       "127.0.0.1:%u;branch=z9hG4bKx\r\n"},
    {"localhost:%u;branch=z9hG4bKx",       "localhost:%u;branch=z9hG4bKx;received=127.0.0.1\r\n"},
    {"192.0.2.1:%u;branch=z9hG4bKx",       "192.0.2.1:%u;branch=z9hG4bKx;received=127.0.0.1\r\n"},
};
/* clang-format on */

START_TEST(received_is_stamped_whenever_sent_by_is_not_the_source)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    char via[128], expected[128], text[1024];

    /* The formats are this file's own; the compiler just cannot see it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(via, sizeof(via), stamps[_i].via, self->peer_endpoint.port);
    snprintf(expected, sizeof(expected), stamps[_i].stamped, self->peer_endpoint.port);
#pragma GCC diagnostic pop
    snprintf(text, sizeof(text),
             "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP %s\r\n"
             "From: <sip:b@example.org>;tag=f\r\nTo: <sip:a@example.org>\r\nCall-ID: c\r\n"
             "CSeq: 1 OPTIONS\r\nMax-Forwards: x\r\n\r\n",
             via);
    sockets_send(self, span_of(text));
    ck_assert(sockets_receive(self));
    ck_assert_msg(strstr(self->got, expected) != NULL, "%s", self->got);
    sockets_free(self);
}
END_TEST

START_TEST(rport_is_filled_in_and_answered_over_ipv6)
{
    struct sockets *self = sockets_new("[::1]", &defaults);
    char expected[128];

    sockets_send(self, SPAN("OPTIONS sip:a@example.org SIP/2.0\r\n"
                            "Via: SIP/2.0/UDP [2001:db8::1]:9;rport;branch=z9hG4bKx\r\n"
                            "From: <sip:b@example.org>;tag=f\r\nTo: <sip:a@example.org>\r\n"
                            "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: x\r\n\r\n"));
    ck_assert(sockets_receive(self));
    snprintf(expected, sizeof(expected), "rport=%u", self->peer_endpoint.port);
    ck_assert_msg(strstr(self->got, expected) != NULL, "%s", self->got);
    ck_assert_msg(strstr(self->got, "received=::1") != NULL, "%s", self->got);
    sockets_free(self);
}
END_TEST

/* ---- requests ---- */

/* Listeners: 0 on 127.0.0.1, 1 on ::1, 2 on 127.0.0.1; over TCP 3 and 4 on 127.0.0.1, 5 on ::1. */
/* clang-format off */
static const struct {
    const char *uri;
    const char *to; /* NULL: no way */
    int arrived_on; /* -1: none */
    int listener;
} routes[] = {
    {"sip:bob@192.0.2.5",                       "192.0.2.5:5060", -1, 0},
    {"sip:bob@192.0.2.5:7000",                  "192.0.2.5:7000", 2, 2},
    {"sip:bob@192.0.2.5:7000",                  "192.0.2.5:7000", 1, 0},
    {"sip:192.0.2.5;transport=UDP",             "192.0.2.5:5060", 0, 0},
    {"sip:bob@[2001:db8::5]:7000",              "[2001:db8::5]:7000", -1, 1},
    {"sip:bob@example.org;maddr=192.0.2.6",     "192.0.2.6:5060", 0, 0},
    {"sip:bob@example.org:7000;maddr=192.0.2.6","192.0.2.6:7000", 0, 0},
    {"sip:bob@192.0.2.5;maddr=example.org",     NULL, 0, 0},
    {"sip:bob@example.org",                     NULL, 0, 0},
    {"sip:bob@192.0.2.5;transport=tcp",         "192.0.2.5:5060", -1, 3},
    {"sip:bob@192.0.2.5:7000;transport=TCP",    "192.0.2.5:7000", 0, 3},
    {"sip:bob@192.0.2.5:7000;transport=tcp",    "192.0.2.5:7000", 4, 4},
    {"sip:bob@[2001:db8::5];transport=tcp",     "[2001:db8::5]:5060", 1, 5},
    {"sip:bob@192.0.2.5;transport=tls",         NULL, 0, 0},
    {"sip:bob@192.0.2.5;transport=sctp",        NULL, 0, 0},
    {"sips:bob@192.0.2.5",                      NULL, 0, 0},
    {"sips:bob@192.0.2.5;transport=udp",        NULL, 0, 0},
    {"tel:+15551234",                           NULL, 0, 0},
};
/* clang-format on */

static void listen_tcp(struct sockets *self, const char *address)
{
    struct transport_listener tcp = sockets_listener(address);

    tcp.bind.protocol = TRANSPORT_TCP;
    ck_assert_int_eq(transport_listen(self->transport, &tcp, NULL), STATUS_OK);
}

START_TEST(a_request_goes_where_its_uri_says)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct transport_listener ipv6 = sockets_listener("[::1]");
    struct transport_listener second = sockets_listener("127.0.0.1");
    struct flow arrived_on = {.listener = (uint16_t)routes[_i].arrived_on};
    struct flow out = {0};
    struct sip_uri uri;
    enum status status;

    ck_assert_int_eq(transport_listen(self->transport, &ipv6, NULL), STATUS_OK);
    ck_assert_int_eq(transport_listen(self->transport, &second, NULL), STATUS_OK);
    listen_tcp(self, "127.0.0.1");
    listen_tcp(self, "127.0.0.1");
    listen_tcp(self, "[::1]");
    ck_assert_int_eq(sip_uri_parse(span_of(routes[_i].uri), &uri), STATUS_OK);
    status = transport_route(self->transport, &uri, routes[_i].arrived_on < 0 ? NULL : &arrived_on,
                             &out);
    if (routes[_i].to == NULL) {
        ck_assert_msg(status == STATUS_NOT_FOUND, "%s", routes[_i].uri);
    } else {
        ck_assert_msg(status == STATUS_OK, "%s", routes[_i].uri);
        check_endpoint(&out.remote, routes[_i].to, routes[_i].uri);
        ck_assert_int_eq(out.listener, routes[_i].listener);
    }
    sockets_free(self);
}
END_TEST

/* RFC 3261 section 18.1.1. Listeners: 0 UDP and 1 TCP on 127.0.0.1, 2 UDP on ::1. */
/* clang-format off */
static const struct {
    const char *uri;
    size_t bytes;
    bool wide;
} widths[] = {
    {"sip:bob@192.0.2.5",               1301, true},
    {"sip:bob@192.0.2.5",               1300, false},
    {"sip:bob@192.0.2.5;transport=udp", 5000, false},
    {"sip:bob@192.0.2.5;transport=tcp", 5000, false}, /* it is already */
    {"sip:bob@[2001:db8::5]",           5000, false}, /* nothing to connect from */
};
/* clang-format on */

START_TEST(a_long_request_is_widened_to_tcp_where_that_is_possible)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct transport_listener ipv6 = sockets_listener("[::1]");
    struct flow flow = {0}, before;
    struct sip_uri uri;

    listen_tcp(self, "127.0.0.1");
    ck_assert_int_eq(transport_listen(self->transport, &ipv6, NULL), STATUS_OK);
    ck_assert_int_eq(sip_uri_parse(span_of(widths[_i].uri), &uri), STATUS_OK);
    ck_assert_int_eq(transport_route(self->transport, &uri, NULL, &flow), STATUS_OK);
    before = flow;
    ck_assert(!transport_widen(self->transport, NULL, NULL, widths[_i].bytes, &flow));
    ck_assert(transport_widen(self->transport, &uri, NULL, widths[_i].bytes, &flow) ==
              widths[_i].wide);
    if (widths[_i].wide) {
        ck_assert_int_eq(flow.remote.protocol, TRANSPORT_TCP);
        ck_assert_uint_eq(flow.listener, 1);
        flow.remote.protocol = TRANSPORT_UDP;
        flow.listener = 0;
    }
    ck_assert(flow_equal(&flow, &before));
    sockets_free(self);
}
END_TEST

/* ---- what we say of ourselves ---- */

static void check_via(const struct sockets *self, uint16_t listener, const char *expected)
{
    struct endpoint local = transport_local(self->transport, listener);
    struct flow flow = {.listener = listener, .remote.protocol = local.protocol};
    struct buffer out;

    buffer_init(&out, 1000);
    transport_via(self->transport, &flow, SPAN("z9hG4bKb"), &out);
    transport_contact_host(self->transport, &flow, &out);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(expected)), SPAN_FMT,
                  SPAN_ARG(buffer_span(&out)));
    buffer_deinit(&out);
}

START_TEST(via_and_contact_have_the_advertised_address)
{
    struct sockets *self = sockets_new("127.0.0.1", &defaults);
    struct transport_listener named = sockets_listener("127.0.0.1");
    struct transport_listener ipv6 = sockets_listener("[::1]");
    struct transport_listener tcp = sockets_listener("[::1]");
    char expected[256];

    tcp.bind.protocol = TRANSPORT_TCP;
    tcp.advertised_port = 5060;
    named.advertised_host = SPAN("sip.example.org");
    named.advertised_port = 5070;
    ipv6.advertised_host = SPAN("2001:db8::1");
    ipv6.advertised_port = 5060;
    ck_assert_int_eq(transport_listen(self->transport, &named, NULL), STATUS_OK);
    ck_assert_int_eq(transport_listen(self->transport, &ipv6, NULL), STATUS_OK);
    snprintf(expected, sizeof(expected),
             "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKb;rport\r\n127.0.0.1:%u",
             self->local.port, self->local.port);
    check_via(self, 0, expected);
    check_via(self, 1,
              "Via: SIP/2.0/UDP sip.example.org:5070;branch=z9hG4bKb;rport\r\n"
              "sip.example.org:5070");
    check_via(self, 2,
              "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKb;rport\r\n[2001:db8::1]:5060");
    ck_assert_int_eq(transport_listen(self->transport, &tcp, NULL), STATUS_OK);
    check_via(self, 3,
              "Via: SIP/2.0/TCP [::1]:5060;branch=z9hG4bKb;rport\r\n[::1]:5060;transport=tcp");
    sockets_free(self);
}
END_TEST

Suite *transport_route_suite(void)
{
    Suite *suite = suite_create("transport/route");
    TCase *back = tcase_create("18.2.2, RFC 3581: responses");
    TCase *forth = tcase_create("18.1.1, RFC 3263: requests");

    tcase_add_loop_test(back, a_response_goes_where_18_2_2_and_rfc_3581_say, 0,
                        sizeof(responses) / sizeof(responses[0]));
    tcase_add_test(back, maddr_can_be_ignored);
    tcase_add_test(back, over_a_connection_a_response_goes_back_on_it);
    tcase_add_loop_test(back, received_is_stamped_whenever_sent_by_is_not_the_source, 0,
                        sizeof(stamps) / sizeof(stamps[0]));
    tcase_add_test(back, rport_is_filled_in_and_answered_over_ipv6);
    tcase_add_loop_test(forth, a_request_goes_where_its_uri_says, 0,
                        sizeof(routes) / sizeof(routes[0]));
    tcase_add_loop_test(forth, a_long_request_is_widened_to_tcp_where_that_is_possible, 0,
                        sizeof(widths) / sizeof(widths[0]));
    tcase_add_test(forth, via_and_contact_have_the_advertised_address);
    suite_add_tcase(suite, back);
    suite_add_tcase(suite, forth);
    return suite;
}
