/* test_message_summary.c - bodies of RFC 3842: what is read, refused, and made of several. */
#include "pidf/event/message_summary.h"
#include "tests/unit/run.h"

Suite *pidf_message_summary_suite(void);

enum { BYTES_MAX = 1 << 20, SOURCES_MAX = 4 };

#define BODY(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define YES "Messages-Waiting: yes\r\n"
#define NO "Messages-Waiting: no\r\n"
#define VM "Message-Account: sip:alice@vmail.example.com\r\n"
#define OTHER "Message-Account: sip:alice@fax.example.com\r\n"
#define ME "Message-Account: sip:alice@example.com\r\n"

/* ---- RFC 3842 section 4.1 ---- */

/* Message A5, whose Content-Length counts these octets. */
#define CARPOOL                                                                                    \
    "To: <alice@atlanta.example.com>\r\n"                                                          \
    "From: <bob@biloxi.example.com>\r\n"                                                           \
    "Subject: carpool tomorrow?\r\n"                                                               \
    "Date: Sun, 09 Jul 2000 21:23:01 -0700\r\n"                                                    \
    "Priority: normal\r\n"                                                                         \
    "Message-ID: 13784434989@vmail.example.com\r\n"
#define HELP                                                                                       \
    "To: <alice@example.com>\r\n"                                                                  \
    "From: <cathy-the-bob@example.com>\r\n"                                                        \
    "Subject: HELP! at home ill, present for me please\r\n"                                        \
    "Date: Sun, 09 Jul 2000 21:25:12 -0700\r\n"                                                    \
    "Priority: urgent\r\n"                                                                         \
    "Message-ID: 13684434990@vmail.example.com\r\n"
#define A3 YES VM "Voice-Message: 2/8 (0/2)\r\n"
#define A5 YES VM "Voice-Message: 4/8 (1/2)\r\n\r\n" CARPOOL "\r\n" HELP

START_TEST(alices_messages_are_read_as_in_the_rfc)
{
    struct message_summary summary;
    const struct message_counts *voice = &summary.counts[MESSAGE_CONTEXT_VOICE];

    ck_assert_int_eq(message_summary_parse(SPAN(A5), &summary, NULL), STATUS_OK);
    ck_assert(summary.waiting);
    ck_assert(span_equal(summary.account, SPAN("sip:alice@vmail.example.com")));
    ck_assert(voice->present && voice->has_urgent);
    ck_assert_uint_eq(voice->fresh, 4);
    ck_assert_uint_eq(voice->old, 8);
    ck_assert_uint_eq(voice->fresh_urgent, 1);
    ck_assert_uint_eq(voice->old_urgent, 2);
    for (size_t i = MESSAGE_CONTEXT_VIDEO; i < MESSAGE_CONTEXTS; i++)
        ck_assert(!summary.counts[i].present);
    ck_assert(span_equal(summary.headers, SPAN("\r\n" CARPOOL "\r\n" HELP)));
}
END_TEST

/* ---- section 5.2 ---- */

struct refusal {
    struct span body;
    const char *phrase;
    unsigned line;
};

/* clang-format off */
static const struct refusal refusals[] = {
    {BODY(""), "Empty Message Summary", 0},
    {BODY("\r\n"), "Messages-Waiting Missing", 1},
    {BODY("\r\n" YES), "Messages-Waiting Missing", 1},
    {BODY("yes"), "Messages-Waiting Missing", 1},
    {BODY(" " YES), "Messages-Waiting Missing", 1},
    {BODY(VM YES), "Messages-Waiting Missing", 1},
    {BODY("Voice-Message: 1/0\r\n"), "Messages-Waiting Missing", 1},
    {BODY("Messages-Waiting:\r\n"), "Bad Messages-Waiting", 1},
    {BODY("Messages-Waiting: maybe\r\n"), "Bad Messages-Waiting", 1},
    {BODY("Messages-Waiting: yes please\r\n"), "Bad Messages-Waiting", 1},
    {BODY(YES YES), "Unknown Message Context", 2},
    {BODY(YES "Smoke-Message: 1/0\r\n"), "Unknown Message Context", 2},
    {BODY(YES ": 1/0\r\n"), "Bad Summary Line", 2},
    {BODY(YES "Voice-Message 1/0\r\n"), "Bad Summary Line", 2},
    {BODY(YES VM VM), "Repeated Message-Account", 3},
    {BODY(YES "Message-Account:\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: <>\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: alice\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: sip:\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: 1sip:a@b\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: s_p:a@b\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: Alice <sip:a@b>\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: sip:a b@c\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Message-Account: sip:a\r\n b@c\r\n"), "Bad Message-Account", 2},
    {BODY(YES "Voice-Message: 1/0\r\nFax-Message: 1/0\r\nvoice-message: 1/0\r\n"), "Repeated Message Context", 4},
    {BODY(YES "Voice-Message:\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: /1\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: -1/0\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0/0\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1 0/0\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: a/b\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0 (\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0 (0/0\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0 (0)\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0 (0/0) x\r\n"), "Bad Message Count", 2},
    {BODY(YES "Voice-Message: 1/0 (0/0)(0/0)\r\n"), "Bad Message Count", 2},
    {BODY(YES "\r\nSubject\r\n"), "Bad Message Header", 3},
    {BODY(YES "\r\nSub ject: x\r\n"), "Bad Message Header", 3},
    {BODY(YES "\r\n: x\r\n"), "Bad Message Header", 3},
    {BODY(YES "\r\n Subject: x\r\n"), "Unknown Message Context", 2},
    {BODY(YES "\r\nSubject: \0\r\n"), "Control Character", 3},
    {BODY(YES "\r\nSubject: \x1b[2J\r\n"), "Control Character", 3},
    {BODY("Messages-Waiting: yes\rVoice-Message: 1/0\r\n"), "Control Character", 1},
    {BODY(YES "Voice-Message: 1/0\0\r\n"), "Control Character", 2},
};

struct reading {
    struct span body;
    bool waiting;
    uint32_t fresh, old; /* of the context voice */
};

static const struct reading readings[] = {
    {BODY("Messages-Waiting: yes"), true, 0, 0},
    {BODY("MESSAGES-WAITING:YES\n"), true, 0, 0},
    {BODY(NO "\r\n"), false, 0, 0},
    {BODY(NO "\r\n\r\n\r\n"), false, 0, 0},
    {BODY("Messages-Waiting \t:\t no \r\nVOICE-message:0/3\r\n"), false, 0, 3},
    {BODY(YES "Voice-Message: 1 / 2 ( 3 / 4 ) \r\n"), true, 1, 2},
    {BODY(YES "Voice-Message:\r\n 1/\r\n\t2\r\n (3\r\n /4)\r\n"), true, 1, 2},
    {BODY(YES "Voice-Message: 0/0 (1/0)\r\n"), true, 0, 0},
    {BODY(YES "Voice-Message: 1/2\r\n" VM), true, 1, 2},
    {BODY(YES "Message-Account: <sip:a@b>\r\nVoice-Message: 1/2\r\n"), true, 1, 2},
    {BODY(YES "Message-Account: tel:+15551234\r\nVoice-Message: 1/2\r\n"), true, 1, 2},
    {BODY(YES "Video-Message: 9/9\r\nNone: 8/8\r\nVoice-Message: 1/2\r\n"), true, 1, 2},
    {BODY(YES "Voice-Message: 4294967295/4294967296\r\n"), true, UINT32_MAX, UINT32_MAX},
    {BODY(YES "Voice-Message: 00000000000000000000000001/99999999999999999999999999\r\n"), true, 1, UINT32_MAX},
    {BODY(YES "Voice-Message: 1/2\r\n\r\nSubject: a\r\n folded\r\nX-Caf\x65: \xc3\xa9\r\n\r\n\r\nTo: b\r\n"), true, 1, 2},
};
/* clang-format on */

START_TEST(nonsense_is_refused_by_name)
{
    const struct refusal *refusal = &refusals[_i];
    struct message_summary summary;
    struct pidf_fault fault = {0};

    ck_assert_int_eq(message_summary_parse(refusal->body, &summary, &fault), STATUS_MALFORMED);
    ck_assert_str_eq(fault.phrase, refusal->phrase);
    ck_assert_uint_eq(fault.line, refusal->line);
}
END_TEST

START_TEST(what_the_grammar_allows_is_read)
{
    const struct reading *reading = &readings[_i];
    struct message_summary summary;

    ck_assert_int_eq(message_summary_parse(reading->body, &summary, NULL), STATUS_OK);
    ck_assert_int_eq(summary.waiting, reading->waiting);
    ck_assert_uint_eq(summary.counts[MESSAGE_CONTEXT_VOICE].fresh, reading->fresh);
    ck_assert_uint_eq(summary.counts[MESSAGE_CONTEXT_VOICE].old, reading->old);
}
END_TEST

START_TEST(a_body_beyond_the_limit_is_refused_and_one_at_it_is_read)
{
    struct message_summary summary;
    struct pidf_fault fault;
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    buffer_put(&body, SPAN(YES));
    while (body.len < MESSAGE_SUMMARY_BYTES_MAX)
        buffer_put_char(&body, '\n');
    ck_assert_int_eq(message_summary_parse(buffer_span(&body), &summary, &fault), STATUS_OK);
    buffer_put_char(&body, '\n');
    ck_assert_int_eq(message_summary_parse(buffer_span(&body), &summary, &fault), STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Message Summary Too Large");
    buffer_deinit(&body);
}
END_TEST

/* ---- several sources ---- */

struct scenario {
    const char *name;
    struct span bodies[SOURCES_MAX]; /* oldest first */
    unsigned kept;                   /* kept messages and one; 0: this AOR's are not kept */
    const char *composed;
};

/* clang-format off */
static const struct scenario scenarios[] = {
    {"nothing is known", {{0}}, 0, NO ME},
    {"one publication passes", {BODY(A3)}, 0, A3},
    {"one without an account gets that of the AOR", {BODY(YES "Voice-Message: 1/0\r\n")}, 0, YES ME "Voice-Message: 1/0\r\n"},
    {"headers are not repeated", {BODY(A5)}, 0, YES VM "Voice-Message: 4/8 (1/2)\r\n"},
    {"lines have one order and one form",
     {BODY("messages-waiting:YES\nnone:1/1\ntext-message:2/2\nmultimedia-message:3/3\n"
           "pager-message:4/4\nfax-message:5/5\nvideo-message:6/6\nvoice-message:7/7(0/0)\n")}, 0,
     YES ME "Voice-Message: 7/7 (0/0)\r\nVideo-Message: 6/6\r\nFax-Message: 5/5\r\nPager-Message: 4/4\r\n"
     "Multimedia-Message: 3/3\r\nText-Message: 2/2\r\nNone: 1/1\r\n"},
    {"a restarted voicemail server replaces itself", {BODY(A3), BODY(NO VM "Voice-Message: 0/1\r\n")}, 0,
     NO VM "Voice-Message: 0/1\r\n"},
    {"so does one that names no account", {BODY(YES "Voice-Message: 5/0\r\n"), BODY(NO "Voice-Message: 0/5\r\n")}, 0,
     NO ME "Voice-Message: 0/5\r\n"},
    {"and one that says only yes or no", {BODY(YES), BODY(NO)}, 0, NO ME},
    {"two servers of one account, each with its context, stand side by side",
     {BODY(YES "Voice-Message: 1/0\r\n"), BODY(NO "Fax-Message: 0/2\r\n")}, 0,
     YES ME "Voice-Message: 1/0\r\nFax-Message: 0/2\r\n"},
    {"a line that is replaced in part leaves the others",
     {BODY(YES "Voice-Message: 1/0\r\nFax-Message: 1/1\r\n"), BODY(NO "Fax-Message: 0/2\r\n")}, 0,
     YES ME "Voice-Message: 1/0\r\nFax-Message: 0/2\r\n"},
    {"different accounts are added", {BODY(A3), BODY(YES OTHER "Voice-Message: 1/2 (1/1)\r\nFax-Message: 3/0\r\n")}, 0,
     YES ME "Voice-Message: 3/10 (1/3)\r\nFax-Message: 3/0\r\n"},
    {"urgent ones are said when one source knows them",
     {BODY(YES VM "Voice-Message: 1/1\r\n"), BODY(NO OTHER "Voice-Message: 0/1 (0/1)\r\n")}, 0,
     YES ME "Voice-Message: 1/2 (0/1)\r\n"},
    {"a named account and an unnamed one are two", {BODY(A3), BODY(YES "Voice-Message: 1/1\r\n")}, 0,
     YES VM "Voice-Message: 3/9 (0/2)\r\n"},
    {"an account that was replaced is not named",
     {BODY(YES VM "Voice-Message: 1/0\r\n"), BODY(YES OTHER "Voice-Message: 2/0\r\n"), BODY(NO VM "Voice-Message: 0/0\r\n")}, 0,
     YES ME "Voice-Message: 2/0\r\n"},
    {"sums end at the greatest number",
     {BODY(YES VM "Voice-Message: 4294967295/4294967290 (9/4294967295)\r\n"), BODY(YES OTHER "Voice-Message: 1/5 (1/1)\r\n")}, 0,
     YES ME "Voice-Message: 4294967295/4294967295 (10/4294967295)\r\n"},
    {"who says yes and not of what hides all counts", {BODY(YES VM), BODY(NO OTHER "Fax-Message: 0/1\r\n")}, 0, YES ME},
    {"who says no has nothing to count", {BODY(NO VM), BODY(YES OTHER "Fax-Message: 1/1\r\n")}, 0,
     YES ME "Fax-Message: 1/1\r\n"},
    {"nonsense silences nobody", {BODY("rubbish"), BODY(A3), BODY("")}, 0, A3},
    {"kept messages are text", {{0}}, 4, YES ME "Text-Message: 3/0\r\n"},
    {"none kept is said too", {{0}}, 1, NO ME "Text-Message: 0/0\r\n"},
    {"kept messages are added", {BODY(NO VM "Voice-Message: 0/2\r\nText-Message: 1/1 (1/0)\r\n")}, 3,
     YES VM "Voice-Message: 0/2\r\nText-Message: 3/1 (1/0)\r\n"},
    {"kept messages do not turn off the lamp", {BODY(A3)}, 1, YES VM "Voice-Message: 2/8 (0/2)\r\nText-Message: 0/0\r\n"},
};
/* clang-format on */

static size_t sources_of(const struct scenario *scenario, struct message_summary_source sources[])
{
    size_t count = 0;

    for (; count < SOURCES_MAX && scenario->bodies[count].at != NULL; count++)
        sources[count] = (struct message_summary_source){.body = scenario->bodies[count],
                                                         .published_at_us = (int64_t)count + 1};
    return count;
}

static void compose(const struct scenario *scenario, const struct message_summary_source sources[],
                    size_t count)
{
    const struct message_summary_account account = {
        .uri = SPAN("sip:alice@example.com"),
        .keeps = scenario->kept > 0,
        .kept = scenario->kept > 0 ? scenario->kept - 1 : 0,
    };
    struct message_summary summary;
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    ck_assert_int_eq(message_summary_compose(&account, sources, count, &out), STATUS_OK);
    ck_assert_int_eq(message_summary_parse(buffer_span(&out), &summary, NULL), STATUS_OK);
    buffer_put_char(&out, '\0');
    ck_assert_msg(strcmp(out.at, scenario->composed) == 0, "%s: %s", scenario->name, out.at);
    buffer_deinit(&out);
}

START_TEST(every_scenario_composes_to_its_summary)
{
    struct message_summary_source sources[SOURCES_MAX];

    compose(&scenarios[_i], sources, sources_of(&scenarios[_i], sources));
}
END_TEST

START_TEST(the_order_of_the_array_does_not_count)
{
    struct message_summary_source sources[SOURCES_MAX], turned[SOURCES_MAX];
    size_t count = sources_of(&scenarios[_i], sources);

    for (size_t by = 1; by < count; by++) {
        for (size_t i = 0; i < count; i++)
            turned[i] = sources[(i + by) % count];
        compose(&scenarios[_i], turned, count);
    }
}
END_TEST

/* ---- section 3.5: headers ---- */

START_TEST(headers_of_new_messages_follow_the_summary_oldest_publication_first)
{
    const struct message_summary_source sources[] = {
        {.body = SPAN(YES OTHER "Fax-Message: 1/0\r\n\r\n\r\nSubject: a\n fax\r\n\r\n"),
         .published_at_us = 9,
         .with_headers = true},
        {.body = SPAN(A5), .published_at_us = 5, .with_headers = true},
        {.body = SPAN(YES "Text-Message: 1/0\r\n\r\nSubject: told\r\n"), .published_at_us = 7},
    };
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    ck_assert_int_eq(
        message_summary_compose(&(struct message_summary_account){0}, sources, 3, &out), STATUS_OK);
    ck_assert(
        span_equal(buffer_span(&out), SPAN(YES "Voice-Message: 4/8 (1/2)\r\nFax-Message: 1/0\r\n"
                                               "Text-Message: 1/0\r\n\r\n" CARPOOL "\r\n" HELP
                                               "\r\nSubject: a\r\n fax\r\n")));
    buffer_deinit(&out);
}
END_TEST

START_TEST(headers_of_a_publication_that_was_replaced_are_not_written)
{
    const struct message_summary_source sources[] = {
        {.body = SPAN(A5), .published_at_us = 5, .with_headers = true},
        {.body = SPAN(A3), .published_at_us = 7, .with_headers = true},
    };
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    ck_assert_int_eq(
        message_summary_compose(&(struct message_summary_account){0}, sources, 2, &out), STATUS_OK);
    ck_assert(span_equal(buffer_span(&out), SPAN(A3)));
    buffer_deinit(&out);
}
END_TEST

/* ---- the call ---- */

START_TEST(an_account_that_is_no_uri_is_not_written)
{
    static const struct span accounts[] = {BODY("sip:a@b\r\nVoice-Message: 9/9"), BODY("alice"),
                                           BODY(""), BODY("sip:\0@b")};
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    ck_assert_int_eq(message_summary_compose(&(struct message_summary_account){.uri = accounts[_i]},
                                             NULL, 0, &out),
                     STATUS_OK);
    ck_assert(span_equal(buffer_span(&out), SPAN(NO)));
    buffer_deinit(&out);
}
END_TEST

START_TEST(a_summary_that_does_not_fit_leaves_the_buffer_as_it_was)
{
    const struct message_summary_source source = {.body = SPAN(A5), .with_headers = true};

    for (size_t max = 1; max <= sizeof(A5); max++) {
        struct buffer small;
        enum status status;

        buffer_init(&small, max);
        buffer_put_char(&small, 'x');
        status = message_summary_compose(&(struct message_summary_account){0}, &source, 1, &small);
        ck_assert_int_eq(status, max == sizeof(A5) ? STATUS_OK : STATUS_LIMIT);
        ck_assert_uint_eq(small.len, max == sizeof(A5) ? sizeof(A5) : 1);
        buffer_deinit(&small);
    }
}
END_TEST

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *pidf_message_summary_suite(void)
{
    Suite *suite = suite_create("pidf/message_summary");
    TCase *bodies = tcase_create("RFC 3842 section 3.5"), *flow = tcase_create("section 4.1");
    TCase *syntax = tcase_create("section 5.2"), *several = tcase_create("section 3.10");
    TCase *call = tcase_create("the call");

    tcase_add_test(bodies, headers_of_new_messages_follow_the_summary_oldest_publication_first);
    tcase_add_test(bodies, headers_of_a_publication_that_was_replaced_are_not_written);
    tcase_add_test(flow, alices_messages_are_read_as_in_the_rfc);
    tcase_add_loop_test(syntax, nonsense_is_refused_by_name, 0, COUNT_OF(refusals));
    tcase_add_loop_test(syntax, what_the_grammar_allows_is_read, 0, COUNT_OF(readings));
    tcase_add_test(syntax, a_body_beyond_the_limit_is_refused_and_one_at_it_is_read);
    tcase_add_loop_test(several, every_scenario_composes_to_its_summary, 0, COUNT_OF(scenarios));
    tcase_add_loop_test(several, the_order_of_the_array_does_not_count, 0, COUNT_OF(scenarios));
    tcase_add_loop_test(call, an_account_that_is_no_uri_is_not_written, 0, 4);
    tcase_add_test(call, a_summary_that_does_not_fit_leaves_the_buffer_as_it_was);
    suite_add_tcase(suite, bodies);
    suite_add_tcase(suite, flow);
    suite_add_tcase(suite, syntax);
    suite_add_tcase(suite, several);
    suite_add_tcase(suite, call);
    return suite;
}
