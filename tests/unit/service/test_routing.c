/* test_routing.c - whose entries Route has, and what goes on of them (RFC 3261
 * sections 16.4, 16.6).
 */
#include "server/service/relay.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *service_routing_suite(void);

enum { TEXT = 4096 };

static struct loop *loop;
static struct metrics *metrics;
static struct transport *transport;
static struct state *state;
static struct sip_message message;
static char own[64]; /* "127.0.0.1:PORT" */
static char mark[ROUTE_MARK_MAX_BYTES + 1];
static char octets[TEXT];

static const struct flow datagrams = {
    .remote = {TRANSPORT_UDP, ENDPOINT_IPV4, 5090, {192, 0, 2, 7}}};
static const struct flow connection = {
    .remote = {TRANSPORT_TCP, ENDPOINT_IPV4, 40000, {192, 0, 2, 8}},
    .connection = 7,
    .listener = 1};

static void listen_on(enum transport_protocol protocol)
{
    const struct transport_listener listener = {
        .bind = {(uint8_t)protocol, ENDPOINT_IPV4, 0, {127, 0, 0, 1}}};

    ck_assert_int_eq(transport_listen(transport, &listener, NULL), STATUS_OK);
}

static void set_up(void)
{
    const struct transport_options none = {0};
    const struct state_options options = {
        .storage = {.node_id = 1},
        .batch = {.rows_max = 10, .bytes_max = 1000, .patience_us = 1000},
        .publication = {.per_resource_max = 4, .publications_max = 4},
        .subscription = {.per_resource_max = 4, .per_watcher_max = 4, .subscriptions_max = 4},
        .bindings_max = 4,
        .expiry_per_s = 10};
    const struct domain_row org = {.id = 1, .name = {"example.org", 11}};

    loop = loop_new();
    metrics = metrics_new();
    transport = transport_new(loop, NULL, metrics, &none);
    listen_on(TRANSPORT_UDP);
    listen_on(TRANSPORT_TCP);
    state = state_new(loop, NULL, metrics, transport, &options);
    domains_put(state->domains, &org);
    snprintf(own, sizeof(own), "127.0.0.1:%u", transport_local(transport, 0).port);
}

static void tear_down(void)
{
    state_free(state);
    transport_free(transport);
    loop_free(loop);
    metrics_free(metrics);
}

/* As the INVITE of the dialog got it. */
static void make_mark(void)
{
    static const char invite[] =
        "INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5090;branch=z9hG4bK1\r\n"
        "From: <sip:a@example.org>;tag=caller\r\nTo: <sip:b@example.org>\r\nCall-ID: call\r\n"
        "CSeq: 1 INVITE\r\n\r\n";
    const struct route_side caller = {.flow = datagrams}, callee = {.flow = connection};
    struct sip_fault fault;
    struct buffer out;

    ck_assert_int_eq(sip_parse_datagram(span_of(invite), &sip_limits_default, &message, &fault),
                     SIP_PARSED);
    buffer_init_fixed(&out, mark, sizeof(mark) - 1);
    route_mark_compose(&state->node.mark_key, 1, &message, &caller, &callee, &out);
    mark[out.len] = '\0';
}

/* A request of the caller's dialog; %1 in `lines` and `uri` is our address, %2 our mark. */
static void expand(char *to, const char *from)
{
    size_t at = 0;

    for (; *from != '\0'; from++) {
        const char *word = from[0] == '%' ? (from[1] == '1' ? own : mark) : NULL;

        if (word == NULL) {
            to[at++] = *from;
            continue;
        }
        at += (size_t)snprintf(to + at, TEXT - at, "%s", word);
        from++;
    }
    to[at] = '\0';
}

static void parse(const char *method, const char *uri, const char *lines)
{
    char template[TEXT];
    struct sip_fault fault;

    snprintf(
        template, sizeof(template),
        "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5090;branch=z9hG4bK1\r\n"
        "From: <sip:a@example.org>;tag=caller\r\nTo: <sip:b@example.org>%s\r\nCall-ID: call\r\n"
        "CSeq: 1 %s\r\n%s\r\n",
        method, uri, strcmp(method, "INVITE") == 0 ? "" : ";tag=callee", method, lines);
    expand(octets, template);
    ck_assert_msg(sip_parse_datagram(span_of(octets), &sip_limits_default, &message, &fault) ==
                      SIP_PARSED,
                  "%s: %s", fault.phrase, octets);
}

struct route_case {
    const char *sentence;
    const char *uri, *lines;
    size_t taken;
    bool last_taken, has_next, is_marked, is_local;
    const char *goes_to; /* the Request-URI that goes on */
};

static const struct route_case cases[] = {
    {"our domain without a route is local", "sip:b@example.org", "", 0, false, false, false, true,
     "sip:b@example.org"},
    {"so is our address", "sip:b@%1", "", 0, false, false, false, true, NULL},
    {"another host is not", "sip:b@192.0.2.1", "", 0, false, false, false, false,
     "sip:b@192.0.2.1"},
    {"a preloaded route to us goes", "sip:b@example.org", "Route: <sip:%1;lr>\r\n", 1, false, false,
     false, true, "sip:b@example.org"},
    {"by our domain's name too", "sip:b@example.org", "Route: <sip:EXAMPLE.org;lr>\r\n", 1, false,
     false, false, true, "sip:b@example.org"},
    {"what is behind it is the next hop", "sip:b@example.org",
     "Route: <sip:%1;lr>, <sip:192.0.2.2;lr>\r\n", 1, false, true, false, false,
     "sip:b@example.org"},
    {"the route of another stays", "sip:b@example.org", "Route: <sip:192.0.2.2;lr>\r\n", 0, false,
     true, false, false, "sip:b@example.org"},
    {"our mark is known", "sip:b@192.0.2.1", "Route: <sip:%2@%1;lr>\r\n", 1, false, false, true,
     false, "sip:b@192.0.2.1"},
    {"twice is as good", "sip:b@192.0.2.1", "Route: <sip:%2@%1;lr>\r\nRoute: <sip:%2@%1;lr>\r\n", 2,
     false, false, true, false, "sip:b@192.0.2.1"},
    {"another user part is no mark", "sip:b@192.0.2.1", "Route: <sip:x@%1;lr>\r\n", 1, false, false,
     false, false, "sip:b@192.0.2.1"},
    {"a strict router is undone", "sip:%2@%1;lr", "Route: <sip:b@192.0.2.1>\r\n", 0, true, false,
     true, false, "sip:b@192.0.2.1"},
    {"with more hops before the target", "sip:%2@%1;lr",
     "Route: <sip:192.0.2.2;lr>, <sip:b@192.0.2.1>\r\n", 0, true, true, true, false,
     "sip:b@192.0.2.1"},
};

START_TEST(routing_is_read_as_section_16_4_says)
{
    const struct route_case *it = &cases[_i];
    struct routing routing;

    make_mark();
    parse("BYE", it->uri, it->lines);
    ck_assert_int_eq(routing_read(state, &message, &routing), STATUS_OK);
    ck_assert_msg(routing.routes_taken == it->taken && routing.last_route_taken == it->last_taken,
                  "%s", it->sentence);
    ck_assert_msg(routing.has_next == it->has_next && routing.is_local == it->is_local, "%s",
                  it->sentence);
    ck_assert_msg(routing.is_marked == it->is_marked, "%s", it->sentence);
    if (it->goes_to != NULL)
        ck_assert_msg(span_equal(routing.request_uri, span_of(it->goes_to)), "%s", it->sentence);
}
END_TEST

START_TEST(a_mark_tells_both_sides_and_is_none_outside_of_a_dialog)
{
    struct routing routing;

    make_mark();
    parse("BYE", "sip:b@10.0.0.1", "Route: <sip:%2@%1;lr>\r\n");
    ck_assert_int_eq(routing_read(state, &message, &routing), STATUS_OK);
    ck_assert(routing.is_marked && routing.mark.from_caller);
    ck_assert(flow_equal(&routing.mark.caller.flow, &datagrams));
    ck_assert(flow_equal(&routing.mark.callee.flow, &connection));
    parse("INVITE", "sip:b@10.0.0.1", "Route: <sip:%2@%1;lr>\r\n");
    ck_assert_int_eq(routing_read(state, &message, &routing), STATUS_OK);
    ck_assert(!routing.is_marked);
}
END_TEST

START_TEST(a_route_that_is_no_sip_uri_is_malformed)
{
    struct routing routing;

    parse("BYE", "sip:b@example.org", "Route: <sip:>\r\n");
    ck_assert_int_eq(routing_read(state, &message, &routing), STATUS_MALFORMED);
}
END_TEST

/* ---- what goes on ---- */

static const char *relayed(const struct flow *from, const struct flow *to)
{
    static char memory[TEXT];
    struct routing routing;
    const struct target target = {.uri = SPAN("sip:b@192.0.2.8"), .flow = *to};
    struct relay relay = {.request = &message,
                          .from = from,
                          .routing = &routing,
                          .target = &target,
                          .to = to,
                          .branch = SPAN("z9hG4bKx")};
    struct buffer out;

    ck_assert_int_eq(routing_read(state, &message, &routing), STATUS_OK);
    buffer_init_fixed(&out, memory, sizeof(memory) - 1);
    relay_compose(state, &relay, &out);
    ck_assert(!out.overflowed);
    memory[out.len] = '\0';
    return memory;
}

static size_t count(const char *text, const char *word)
{
    size_t found = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        found++;
    }
    return found;
}

START_TEST(record_route_is_one_where_both_sides_are_alike)
{
    parse("INVITE", "sip:b@example.org", "");
    ck_assert_uint_eq(count(relayed(&datagrams, &datagrams), "Record-Route: <sip:"), 1);
}
END_TEST

START_TEST(record_route_is_two_where_the_transport_changes)
{
    const char *text;

    parse("INVITE", "sip:b@example.org", "");
    text = relayed(&datagrams, &connection);
    ck_assert_uint_eq(count(text, "Record-Route: <sip:"), 2);
    /* The callee's side comes first: it is the one that the callee sends to (RFC 5658). */
    ck_assert_ptr_nonnull(strstr(text, ";transport=tcp;lr>\r\nRecord-Route: <sip:"));
    ck_assert_uint_eq(count(text, ";transport=tcp"), 1);
}
END_TEST

START_TEST(record_route_is_none_within_a_dialog)
{
    make_mark();
    parse("UPDATE", "sip:b@192.0.2.8", "Route: <sip:%2@%1;lr>\r\n");
    ck_assert_uint_eq(count(relayed(&datagrams, &datagrams), "Record-Route"), 0);
}
END_TEST

START_TEST(a_strict_router_ahead_gets_its_uri_in_the_request_line)
{
    const char *text;

    parse("INVITE", "sip:b@192.0.2.8", "Route: <sip:%1;lr>, <sip:192.0.2.2>\r\n");
    text = relayed(&datagrams, &datagrams);
    ck_assert_int_eq(strncmp(text, "INVITE sip:192.0.2.2 SIP/2.0\r\n", 30), 0);
    ck_assert_ptr_nonnull(strstr(text, "\r\nRoute: <sip:b@192.0.2.8>\r\n"));
}
END_TEST

Suite *service_routing_suite(void)
{
    Suite *suite = suite_create("service/routing");
    TCase *tcase = tcase_create("RFC 3261 section 16.4");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, routing_is_read_as_section_16_4_says, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, a_mark_tells_both_sides_and_is_none_outside_of_a_dialog);
    tcase_add_test(tcase, a_route_that_is_no_sip_uri_is_malformed);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("RFC 3261 section 16.6");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, record_route_is_one_where_both_sides_are_alike);
    tcase_add_test(tcase, record_route_is_two_where_the_transport_changes);
    tcase_add_test(tcase, record_route_is_none_within_a_dialog);
    tcase_add_test(tcase, a_strict_router_ahead_gets_its_uri_in_the_request_line);
    suite_add_tcase(suite, tcase);
    return suite;
}
