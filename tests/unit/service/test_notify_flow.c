/* test_notify_flow.c - over which flow a NOTIFY leaves. */
#include "server/service/notify_flow.h"
#include "tests/unit/run.h"
#include "tests/unit/transport/sockets.h"

Suite *service_notify_flow_suite(void);

static const struct transport_options defaults = {0};

/* Listener 0 is UDP, 1 is TCP; somebody at 127.0.0.1 has connected, and its flow is `alive`. */
struct rig {
    struct sockets *sockets;
    struct flow alive;
    int fd;
};

static struct rig rig_new(void)
{
    static const char request[] =
        "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKx\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:b@example.org>;tag=f\r\nTo: <sip:a@example.org>\r\n"
        "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    struct rig self = {.sockets = sockets_new("127.0.0.1", &defaults)};
    struct transport_listener tcp = sockets_listener("127.0.0.1");
    struct endpoint local;
    union socket_address address;
    socklen_t len;

    tcp.bind.protocol = TRANSPORT_TCP;
    ck_assert_int_eq(transport_listen(self.sockets->transport, &tcp, NULL), STATUS_OK);
    local = transport_local(self.sockets->transport, 1);
    len = socket_address_of(&local, &address);
    self.fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(self.fd, &address.any, len), 0);
    ck_assert_int_gt(send(self.fd, request, sizeof(request) - 1, 0), 0);
    sockets_turns(self.sockets);
    ck_assert_uint_eq(self.sockets->messages, 1);
    self.alive = self.sockets->last_from;
    return self;
}

static void rig_free(struct rig *self)
{
    close(self->fd);
    sockets_free(self->sockets);
}

static struct flow flow_to(const char *text, uint8_t protocol, uint32_t connection)
{
    struct flow flow = {.connection = connection, .listener = protocol == TRANSPORT_TCP};

    ck_assert_int_eq(endpoint_parse(span_of(text), &flow.remote), STATUS_OK);
    flow.remote.protocol = protocol;
    return flow;
}

/* clang-format off */
static const struct {
    const char *sentence;
    bool bound;
    const char *from; /* "alive", "dead", "nowhere", or a UDP address */
    const char *contact;
    const char *to; /* "from", or an address */
    uint8_t protocol;
} cases[] = {
    {"bound to a connection that lives: over it",    true,  "alive", "sip:b@192.0.2.1", "from", TRANSPORT_TCP},
    {"bound to a UDP flow: over it",                 true,  "192.0.2.7:99", "sip:b@192.0.2.1", "from", TRANSPORT_UDP},
    {"not bound: to the Contact",                    false, "192.0.2.7:99", "sip:b@192.0.2.1", "192.0.2.1:5060", TRANSPORT_UDP},
    {"not bound: over the connection it asks for",   false, "alive", "sip:b@192.0.2.1;transport=tcp", "192.0.2.1:5060", TRANSPORT_TCP},
    {"the connection is gone: a new one",            true,  "dead", "sip:b@192.0.2.1:7000;transport=tcp", "192.0.2.1:7000", TRANSPORT_TCP},
    {"the connection is gone, no other: nowhere",    true,  "dead", "sip:b@192.0.2.1", "from", TRANSPORT_TCP},
    {"one of another epoch, no other: nowhere",      true,  "nowhere", "sip:b@192.0.2.1", "from", TRANSPORT_UDP},
    {"one of another epoch: a new one",              true,  "nowhere", "sip:b@192.0.2.1;transport=tcp", "192.0.2.1:5060", TRANSPORT_TCP},
    {"a Contact that leads nowhere: the flow",       false, "192.0.2.7:99", "sip:b@host.example.org", "from", TRANSPORT_UDP},
};
/* clang-format on */

START_TEST(a_notify_leaves_over_the_flow_or_to_the_contact)
{
    struct rig rig = rig_new();
    struct subscription_view view = {.bound = cases[_i].bound,
                                     .ids.remote_target = span_of(cases[_i].contact)};
    struct flow flow, want;

    if (strcmp(cases[_i].from, "alive") == 0)
        view.flow = rig.alive;
    else if (strcmp(cases[_i].from, "dead") == 0)
        view.flow = flow_to("192.0.2.7:99", TRANSPORT_TCP, 4711);
    else if (strcmp(cases[_i].from, "nowhere") != 0)
        view.flow = flow_to(cases[_i].from, TRANSPORT_UDP, 0);
    want = strcmp(cases[_i].to, "from") == 0 ? view.flow
                                             : flow_to(cases[_i].to, cases[_i].protocol, 0);
    flow = notify_flow(rig.sockets->transport, &view);
    ck_assert_msg(flow_equal(&flow, &want), "%s", cases[_i].sentence);
    ck_assert_int_eq(flow.remote.protocol, cases[_i].protocol);
    rig_free(&rig);
}
END_TEST

START_TEST(a_long_notify_takes_the_connection_to_the_same_place_while_it_lives)
{
    struct rig rig = rig_new();
    struct subscription_view view = {.flow = rig.alive};
    struct flow here = flow_to("127.0.0.1:9", TRANSPORT_UDP, 0);
    struct flow there = flow_to("127.0.0.2:9", TRANSPORT_UDP, 0);

    ck_assert(!notify_flow_widen(rig.sockets->transport, &view, &there));
    ck_assert(notify_flow_widen(rig.sockets->transport, &view, &here));
    ck_assert(flow_equal(&here, &rig.alive));
    ck_assert(!notify_flow_widen(rig.sockets->transport, &view, &here)); /* it is one already */
    shutdown(rig.fd, SHUT_RDWR);
    sockets_turns(rig.sockets);
    here = flow_to("127.0.0.1:9", TRANSPORT_UDP, 0);
    ck_assert(!notify_flow_widen(rig.sockets->transport, &view, &here));
    rig_free(&rig);
}
END_TEST

Suite *service_notify_flow_suite(void)
{
    Suite *suite = suite_create("service/notify_flow");
    TCase *tcase = tcase_create("RFC 3261 section 18.1.1, RFC 6665 section 4.2.2");

    tcase_add_loop_test(tcase, a_notify_leaves_over_the_flow_or_to_the_contact, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, a_long_notify_takes_the_connection_to_the_same_place_while_it_lives);
    suite_add_tcase(suite, tcase);
    return suite;
}
