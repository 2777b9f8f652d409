/* test_server_transaction.c - every arrow of RFC 3261 figures 7 (by RFC 6026) and 8, by a script.
 */
#include "tests/unit/run.h"
#include "tests/unit/transaction/rig.h"

/*
 * request, ack   the peer's; say=STATUS  the layer above responds; wait=MS
 * icmp           what was sent last comes back;  broken=0/1  the sink refuses for good; full=0/1
 * sent, up, failed, repeated   counts since they were last asked;  last=STATUS  of what was sent
 * alive, over, answered, unanswered
 */
struct script {
    const char *name;
    const char *method;
    bool reliable;
    const char *steps;
};

/* clang-format off */
static const struct script scripts[] = {
    /* Figure 8, TRYING */
    {"a_new_request_goes_up_once", "PUBLISH", false, "request up=1 sent=0 alive unanswered"},
    {"trying__request__is_absorbed_in_silence", "PUBLISH", false,
     "request request request up=1 sent=0 alive"},
    {"trying__100_at_once_over_udp__is_held_back", "PUBLISH", false,
     "request say=100 sent=0 request sent=0"},
    {"trying__100_after_timer_e_reached_t2__goes_out", "PUBLISH", false,
     "request wait=3499 sent=0 wait=1 sent=1 last=100 request sent=1 last=100 up=1"},
    {"trying__100_over_tcp__goes_out_at_once", "PUBLISH", true,
     "request say=100 sent=1 last=100 alive unanswered"},
    {"trying__180__is_never_sent", "PUBLISH", true, "request say=180 sent=0 alive unanswered"},
    {"trying__2xx__completes", "PUBLISH", false, "request say=200 sent=1 last=200 alive answered"},
    {"trying__refusal__completes", "PUBLISH", false, "request say=412 sent=1 last=412 answered"},
    {"trying__408__ends_without_a_word", "PUBLISH", false,
     "request say=408 sent=0 answered request sent=0 up=1 wait=31999 alive wait=1 over"},
    {"trying__never_answered__ends_after_64_t1", "PUBLISH", false,
     "request wait=31999 alive wait=1 over"},
    /* Figure 8, PROCEEDING */
    {"proceeding__request__repeats_the_100", "PUBLISH", false,
     "request wait=3500 sent=1 request request sent=2 last=100 repeated=2 up=1"},
    {"proceeding__100_again__goes_out", "PUBLISH", false,
     "request wait=3500 sent=1 say=100 sent=1 last=100 alive"},
    {"proceeding__2xx__completes", "PUBLISH", false,
     "request wait=3500 sent=1 say=200 sent=1 last=200 answered"},
    {"proceeding__refusal__completes", "PUBLISH", false,
     "request wait=3500 sent=1 say=500 sent=1 last=500 answered"},
    {"proceeding__never_answered__ends_after_64_t1", "PUBLISH", false,
     "request wait=3500 sent=1 wait=28499 alive wait=1 over sent=0"},
    {"proceeding__error__is_told_and_ends_nothing", "PUBLISH", true,
     "request broken=1 say=100 failed=0 wait=1 failed=1 alive unanswered broken=0 say=200 sent=1"},
    /* Figure 8, COMPLETED */
    {"completed__request__repeats_the_final_response", "PUBLISH", false,
     "request say=200 sent=1 request request request sent=3 last=200 repeated=3 up=1"},
    {"completed__second_final_response__is_ignored", "PUBLISH", false,
     "request say=200 sent=1 say=500 sent=0 request sent=1 last=200"},
    {"completed__timer_j__ends_after_64_t1", "PUBLISH", false,
     "request wait=10 say=200 wait=31999 alive wait=1 over"},
    {"completed__timer_j_over_tcp__ends_at_once", "PUBLISH", true,
     "request say=200 sent=1 wait=1 over"},
    {"completed__error__is_told_and_ends_nothing", "PUBLISH", false,
     "request broken=1 say=200 failed=0 wait=1 failed=1 alive broken=0 request sent=1 last=200"},
    {"completed__icmp_error__is_told_and_ends_nothing", "PUBLISH", false,
     "request say=200 sent=1 icmp failed=1 alive request sent=1"},
    {"completed__error__does_not_stop_timer_j", "PUBLISH", false,
     "request broken=1 say=200 wait=1 failed=1 wait=31998 alive wait=1 over"},
    {"after_the_end_a_request_is_new_again", "PUBLISH", false,
     "request say=200 sent=1 wait=32000 over request up=2 sent=0 alive"},
    {"a_full_queue_over_udp_is_no_error", "PUBLISH", false,
     "request full=1 say=200 wait=1 failed=0 full=0 request sent=1 last=200"},

    /* Figure 7 by RFC 6026, PROCEEDING */
    {"invite_proceeding__unanswered_for_200_ms__gets_100", "INVITE", false,
     "request wait=199 sent=0 wait=1 sent=1 last=100 unanswered"},
    {"invite_proceeding__answered_in_200_ms__gets_no_100", "INVITE", false,
     "request say=180 sent=1 wait=500 sent=0"},
    {"invite_proceeding__request__repeats_the_last_provisional", "INVITE", false,
     "request request sent=0 say=180 say=183 sent=2 request sent=1 last=183 up=1"},
    {"invite_proceeding__stays_as_long_as_it_rings", "INVITE", false,
     "request say=180 wait=100000 alive unanswered"},
    {"invite_proceeding__2xx__is_accepted", "INVITE", false,
     "request say=200 sent=1 last=200 alive answered"},
    {"invite_proceeding__refusal__completes", "INVITE", false,
     "request say=486 sent=1 last=486 answered"},
    {"invite_proceeding__error__is_told_and_ends_nothing", "INVITE", false,
     "request broken=1 say=180 wait=1 failed=1 alive unanswered"},
    {"invite_proceeding__ack__is_ignored", "INVITE", false, "request ack up=1 unanswered"},
    /* COMPLETED */
    {"invite_completed__request__repeats_the_refusal", "INVITE", false,
     "request say=486 sent=1 request sent=1 last=486 up=1"},
    {"invite_completed__timer_g__repeats_with_doubling_up_to_t2", "INVITE", false,
     "request say=486 sent=1 wait=499 sent=0 wait=1 sent=1 wait=999 sent=0 wait=1 sent=1 "
     "wait=2000 sent=1 wait=4000 sent=1 wait=3999 sent=0 wait=1 sent=1"},
    {"invite_completed__timer_g_over_tcp__does_not_run", "INVITE", true,
     "request say=486 sent=1 wait=31000 sent=0 alive"},
    {"invite_completed__timer_h__tells_that_no_ack_came", "INVITE", false,
     "request say=486 wait=31999 alive failed=0 wait=1 over failed=1"},
    {"invite_completed__timer_h_over_tcp__tells_that_no_ack_came", "INVITE", true,
     "request say=486 wait=31999 alive failed=0 wait=1 over failed=1"},
    {"invite_completed__ack__is_confirmed_and_ends_the_repetitions", "INVITE", false,
     "request say=486 sent=1 ack up=1 wait=4999 sent=0 alive"},
    {"invite_completed__error__is_told_and_ends_nothing", "INVITE", false,
     "request broken=1 say=486 wait=1 failed=1 alive broken=0 wait=500 sent=1 last=486"},
    {"invite_completed__icmp_error__is_told_and_ends_nothing", "INVITE", false,
     "request say=486 sent=1 icmp failed=1 alive wait=500 sent=1"},
    {"invite_completed__second_final_response__is_ignored", "INVITE", false,
     "request say=486 sent=1 say=200 sent=0"},
    /* CONFIRMED */
    {"invite_confirmed__ack__is_absorbed", "INVITE", false, "request say=486 ack ack ack up=1"},
    {"invite_confirmed__request__is_absorbed", "INVITE", false,
     "request say=486 sent=1 ack request sent=0 up=1"},
    {"invite_confirmed__timer_i__ends_after_t4", "INVITE", false,
     "request say=486 ack wait=4999 alive wait=1 over failed=0"},
    {"invite_confirmed__timer_i_over_tcp__ends_at_once", "INVITE", true,
     "request say=486 ack wait=1 over failed=0"},
    /* ACCEPTED, RFC 6026 */
    {"invite_accepted__request__is_absorbed_in_silence", "INVITE", false,
     "request say=200 sent=1 request request sent=0 up=1"},
    {"invite_accepted__ack__goes_up", "INVITE", false, "request say=200 ack up=2 alive ack up=1"},
    {"invite_accepted__2xx_again__goes_out", "INVITE", false,
     "request say=200 sent=1 say=200 say=200 sent=2"},
    {"invite_accepted__refusal__is_ignored", "INVITE", false, "request say=200 sent=1 say=486 sent=0"},
    {"invite_accepted__error__is_told_and_ends_nothing", "INVITE", false,
     "request broken=1 say=200 wait=1 failed=1 alive broken=0 say=200 sent=1"},
    {"invite_accepted__timer_l__ends_after_64_t1", "INVITE", false,
     "request say=200 wait=31999 alive wait=1 over failed=0"},
    {"invite_accepted__timer_l_over_tcp__ends_after_64_t1", "INVITE", true,
     "request say=200 wait=31999 alive wait=1 over"},
};
/* clang-format on */

static bool act(struct rig *rig, const struct script *script, const char *word, int number)
{
    if (strcmp(word, "request") == 0)
        rig_request(rig, script->method, "z9hG4bKone", "");
    else if (strcmp(word, "ack") == 0)
        rig_request(rig, "ACK", "z9hG4bKone", "to");
    else if (strcmp(word, "say") == 0)
        rig_respond(rig, number);
    else if (strcmp(word, "wait") == 0)
        rig_wait(rig, number);
    else if (strcmp(word, "icmp") == 0)
        transactions_failed(rig->transactions, &rig->last_to, span_of(rig->last));
    else if (strcmp(word, "broken") == 0)
        rig->send_status = number ? STATUS_NOT_FOUND : STATUS_OK;
    else if (strcmp(word, "full") == 0)
        rig->send_status = number ? STATUS_UNAVAILABLE : STATUS_OK;
    else
        return false;
    return true;
}

static bool check_counts(struct rig *rig, const char *name, const char *word, int number)
{
    unsigned repeated = (unsigned)transactions_counts(rig->transactions).repeated_responses;

    if (strcmp(word, "sent") == 0)
        rig_expect(name, word, &rig->sent, number);
    else if (strcmp(word, "up") == 0)
        rig_expect(name, word, &rig->requests, number);
    else if (strcmp(word, "failed") == 0)
        rig_expect(name, word, &rig->failures, number);
    else if (strcmp(word, "repeated") == 0)
        rig_expect(name, word, &repeated, number);
    else if (strcmp(word, "last") == 0)
        ck_assert_msg(strtol(rig->last + 8, NULL, 10) == number, "%s: %.12s", name, rig->last);
    else
        return false;
    return true;
}

static void check_state(struct rig *rig, const char *name, const char *word)
{
    bool alive = server_transaction_is_alive(rig->transactions, rig->transaction);
    bool unanswered = server_transaction_is_unanswered(rig->transactions, rig->transaction);
    uint64_t count = transactions_counts(rig->transactions).server;

    if (strcmp(word, "alive") == 0)
        ck_assert_msg(alive && count == 1, "%s: not alive", name);
    else if (strcmp(word, "over") == 0)
        ck_assert_msg(!alive && count == 0, "%s: not over", name);
    else if (strcmp(word, "answered") == 0)
        ck_assert_msg(alive && !unanswered, "%s: not answered", name);
    else if (strcmp(word, "unanswered") == 0)
        ck_assert_msg(unanswered, "%s: answered", name);
    else
        ck_abort_msg("%s: what is %s?", name, word);
}

START_TEST(each_arrow_of_the_server_machines_is_taken)
{
    const struct script *script = &scripts[_i];
    struct transaction_options options = {0};
    struct rig *rig = rig_new(&options, script->reliable);
    const char *rest = script->steps;
    char word[32];
    int number;

    while (rig_word(&rest, word, &number)) {
        if (!act(rig, script, word, number) && !check_counts(rig, script->name, word, number))
            check_state(rig, script->name, word);
    }
    rig_free(rig);
}
END_TEST

START_TEST(the_100_that_this_layer_sends_is_the_requests_own)
{
    struct transaction_options options = {0};
    struct rig *rig = rig_new(&options, false);

    rig_request(rig, "PUBLISH", "z9hG4bKone", "");
    rig_wait(rig, 3500);
    ck_assert_ptr_nonnull(strstr(rig->last, "SIP/2.0 100 Trying\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "branch=z9hG4bKone"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nCSeq: 17 PUBLISH\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nTo: <sip:a@example.org>\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "Content-Length: 0\r\n\r\n"));
    rig_free(rig);
}
END_TEST

START_TEST(timers_follow_the_configured_t1)
{
    struct transaction_options options = {.timers = {.t1_ms = 10, .t2_ms = 40}};
    struct rig *rig = rig_new(&options, false);

    rig_request(rig, "INVITE", "z9hG4bKone", "");
    rig_respond(rig, 486);
    rig_wait(rig, 10 + 20 + 40 + 40);
    ck_assert_uint_eq(rig->sent, 5);
    rig_wait(rig, 640 - 110);
    ck_assert(!server_transaction_is_alive(rig->transactions, rig->transaction));
    rig_free(rig);
}
END_TEST

Suite *transaction_server_transaction_suite(void);

Suite *transaction_server_transaction_suite(void)
{
    Suite *suite = suite_create("transaction/server_transaction");
    TCase *arrows = tcase_create("RFC 3261 17.2, RFC 4320, RFC 6026");

    tcase_add_loop_test(arrows, each_arrow_of_the_server_machines_is_taken, 0,
                        sizeof(scripts) / sizeof(scripts[0]));
    tcase_add_test(arrows, the_100_that_this_layer_sends_is_the_requests_own);
    tcase_add_test(arrows, timers_follow_the_configured_t1);
    tcase_set_timeout(arrows, 60);
    suite_add_tcase(suite, arrows);
    return suite;
}
