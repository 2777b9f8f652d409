#include "server/service/route_mark.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *service_route_mark_suite(void);

static const struct mac_key key = {{1, 2}};
static char memory[ROUTE_MARK_MAX_BYTES];
static struct sip_message message;

/* A request by its From, its To and its Call-ID. */
static void parse(const char *from, const char *to, const char *call_id)
{
    static char text[1024];
    struct sip_fault fault;

    snprintf(text, sizeof(text),
             "BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: %s\r\n"
             "To: %s\r\nCall-ID: %s\r\nCSeq: 1 BYE\r\n\r\n",
             from, to, call_id);
    ck_assert_int_eq(sip_parse_datagram(span_of(text), &sip_limits_default, &message, &fault),
                     SIP_PARSED);
}

#define ALICE "<sip:alice@x>;tag=caller"
#define BOB "<sip:bob@x>;tag=callee"

static const struct route_side sides[] = {
    {.flow = {.remote = {TRANSPORT_UDP, ENDPOINT_IPV4, 5060, {192, 0, 2, 1}}, .listener = 2},
     .is_trusted = true},
    {.flow = {.remote = {TRANSPORT_TCP, ENDPOINT_IPV6, 65535, {0x20, 1, 0xd, 0xb8, [15] = 0xff}},
              .connection = 0xfedcba98,
              .listener = 63},
     .is_bound = true},
};

static struct span marked(void)
{
    struct buffer out;

    parse(ALICE, "<sip:bob@x>", "call");
    buffer_init_fixed(&out, memory, sizeof(memory));
    route_mark_compose(&key, 1, &message, &sides[0], &sides[1], &out);
    ck_assert(!out.overflowed);
    return buffer_span(&out);
}

static bool is_taken(struct span mark, struct route_mark *out)
{
    return route_mark_parse(&key, 1, &message, mark, out);
}

static bool is_same(const struct route_side *a, const struct route_side *b)
{
    return flow_equal(&a->flow, &b->flow) && a->is_trusted == b->is_trusted &&
           a->is_bound == b->is_bound;
}

START_TEST(both_sides_of_a_dialog_are_known_by_it)
{
    const struct span mark = marked();
    struct route_mark out;

    parse(ALICE, BOB, "call");
    ck_assert(is_taken(mark, &out));
    ck_assert(out.from_caller);
    ck_assert(is_same(&out.caller, &sides[0]) && is_same(&out.callee, &sides[1]));
    parse(BOB, ALICE, "call");
    ck_assert(is_taken(mark, &out));
    ck_assert(!out.from_caller);
}
END_TEST

struct other {
    const char *sentence;
    const char *from, *to, *call_id;
};

static const struct other others[] = {
    {"another Call-ID", ALICE, BOB, "call2"},
    {"another tag", "<sip:alice@x>;tag=other", BOB, "call"},
    {"another name for the caller", "<sip:carol@x>;tag=caller", BOB, "call"},
    {"another name for the callee", ALICE, "<sip:carol@x>;tag=callee", "call"},
    {"the callee under the caller's name", "<sip:alice@x>;tag=callee", BOB, "call"},
};

START_TEST(another_dialog_is_not)
{
    const struct span mark = marked();
    struct route_mark out;

    parse(others[_i].from, others[_i].to, others[_i].call_id);
    ck_assert_msg(!is_taken(mark, &out), "%s", others[_i].sentence);
}
END_TEST

START_TEST(an_aor_may_be_written_otherwise)
{
    const struct span mark = marked();
    struct route_mark out;

    parse("\"Alice\" <sip:%61lice@X;transport=udp>;tag=caller", BOB, "call");
    ck_assert(is_taken(mark, &out));
}
END_TEST

START_TEST(whatever_octet_is_changed_or_missing_it_is_no_mark)
{
    const struct span mark = marked();
    struct route_mark out;

    parse(ALICE, BOB, "call");
    for (size_t i = 0; i < mark.len; i++) {
        const char before = memory[i];

        memory[i] = before == '0' ? '1' : '0';
        ck_assert(!is_taken(mark, &out));
        memory[i] = before;
        ck_assert(!is_taken((struct span){mark.at, i}, &out));
    }
}
END_TEST

Suite *service_route_mark_suite(void)
{
    Suite *suite = suite_create("service/route_mark");
    TCase *tcase = tcase_create("Record-Route with a MAC");

    tcase_add_test(tcase, both_sides_of_a_dialog_are_known_by_it);
    tcase_add_loop_test(tcase, another_dialog_is_not, 0, sizeof(others) / sizeof(others[0]));
    tcase_add_test(tcase, an_aor_may_be_written_otherwise);
    tcase_add_test(tcase, whatever_octet_is_changed_or_missing_it_is_no_mark);
    suite_add_tcase(suite, tcase);
    return suite;
}
