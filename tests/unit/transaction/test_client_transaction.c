/* test_client_transaction.c - every arrow of RFC 3261 figures 5 (by RFC 6026) and 6, by a script.
 */
#include "tests/unit/run.h"
#include "tests/unit/transaction/rig.h"

/*
 * send        the request;  got=STATUS  a response comes;  wait=MS;  abandon
 * cancel      the INVITE;  answered=STATUS  a response to its CANCEL comes
 * icmp        what was sent last comes back;  broken=0/1  the sink refuses for good; full=0/1
 * sent, told, resent, strays   counts since they were last asked
 * status=N    of the response told last;  timeout, failed  the outcome told last
 * alive, over;  sends_ack, sends_request  what was sent last
 */
struct script {
    const char *name;
    const char *method;
    bool reliable;
    const char *steps;
};

/* clang-format off */
static const struct script scripts[] = {
    /* Figure 6, TRYING */
    {"trying__send__goes_out_once", "NOTIFY", false, "send sent=1 told=0 alive"},
    {"trying__timer_e__repeats_with_doubling_up_to_t2", "NOTIFY", false,
     "send sent=1 wait=499 sent=0 wait=1 sent=1 sends_request wait=999 sent=0 wait=1 sent=1 "
     "wait=2000 sent=1 wait=4000 sent=1 wait=3999 sent=0 wait=1 sent=1 resent=5 told=0"},
    {"trying__timer_e_over_tcp__does_not_run", "NOTIFY", true, "send sent=1 wait=31999 sent=0 alive"},
    {"trying__timer_f__times_out", "NOTIFY", false,
     "send wait=31999 told=0 alive wait=1 told=1 timeout over sent=11"},
    {"trying__timer_f_over_tcp__times_out", "NOTIFY", true,
     "send wait=31999 told=0 wait=1 told=1 timeout over sent=1"},
    {"trying__1xx__proceeds_and_is_told", "NOTIFY", false, "send got=100 told=1 status=100 alive"},
    {"trying__2xx__completes", "NOTIFY", false, "send got=200 told=1 status=200 alive"},
    {"trying__refusal__completes_without_ack", "NOTIFY", false,
     "send sent=1 got=481 told=1 status=481 sent=0 alive"},
    {"trying__error__is_told_later", "NOTIFY", false,
     "broken=1 send told=0 wait=1 told=1 failed over"},
    {"trying__error_when_sent_again__is_told", "NOTIFY", false,
     "send sent=1 broken=1 wait=501 told=1 failed over"},
    {"trying__icmp_error__is_told", "NOTIFY", false, "send sent=1 icmp told=1 failed over"},
    {"trying__full_queue_over_udp__is_no_error", "NOTIFY", false,
     "full=1 send wait=10 told=0 full=0 wait=490 sent=1"},
    {"trying__full_queue_over_tcp__is_an_error", "NOTIFY", true,
     "full=1 send wait=1 told=1 failed over"},
    {"trying__answer_before_the_error_was_told__counts", "NOTIFY", false,
     "broken=1 send got=200 told=1 status=200 wait=5000 told=0 over"},
    /* Figure 6, PROCEEDING */
    {"proceeding__1xx__is_told", "NOTIFY", false, "send got=100 got=100 told=2"},
    {"proceeding__timer_e__repeats_at_t2", "NOTIFY", false,
     "send sent=1 got=100 wait=500 sent=1 wait=3999 sent=0 wait=1 sent=1 wait=4000 sent=1"},
    {"proceeding__timer_f__times_out", "NOTIFY", false,
     "send got=100 told=1 wait=31999 told=0 wait=1 told=1 timeout over"},
    {"proceeding__2xx__completes", "NOTIFY", false, "send got=100 got=200 told=2 status=200"},
    {"proceeding__refusal__completes", "NOTIFY", false, "send got=100 got=503 told=2 status=503"},
    {"proceeding__error__is_told", "NOTIFY", false,
     "send sent=1 got=100 told=1 broken=1 wait=501 told=1 failed over"},
    /* Figure 6, COMPLETED */
    {"completed__late_answers__are_absorbed", "NOTIFY", false,
     "send got=200 told=1 got=200 got=100 got=500 told=0 strays=0 alive"},
    {"completed__nothing__is_sent_again", "NOTIFY", false, "send sent=1 got=200 wait=4999 sent=0"},
    {"completed__timer_k__ends_after_t4", "NOTIFY", false, "send got=200 wait=4999 alive wait=1 over"},
    {"completed__timer_k_over_tcp__ends_at_once", "NOTIFY", true, "send got=200 told=1 over"},
    {"terminated__late_answers__are_strays", "NOTIFY", true,
     "send got=200 told=1 got=200 told=0 strays=1"},
    /* Figure 6, the owner goes away */
    {"abandoned__answers_are_strays_and_nothing_is_sent_again", "NOTIFY", false,
     "send sent=1 abandon over wait=32000 sent=0 got=200 told=0 strays=1"},
    {"abandoned_before_sending__is_over", "NOTIFY", false, "abandon over wait=32000 sent=0 told=0"},

    /* Figure 5 by RFC 6026, CALLING */
    {"invite_calling__timer_a__doubles_without_end", "INVITE", false,
     "send sent=1 wait=500 sent=1 wait=1000 sent=1 wait=2000 sent=1 wait=4000 sent=1 wait=7999 "
     "sent=0 wait=1 sent=1 wait=16000 sent=1 resent=6"},
    {"invite_calling__timer_a_over_tcp__does_not_run", "INVITE", true,
     "send sent=1 wait=31999 sent=0"},
    {"invite_calling__timer_b__times_out", "INVITE", false,
     "send wait=31999 told=0 wait=1 told=1 timeout over"},
    {"invite_calling__1xx__proceeds_and_ends_the_repetitions", "INVITE", false,
     "send sent=1 got=180 told=1 status=180 wait=100000 sent=0 told=0 alive"},
    {"invite_calling__2xx__is_accepted", "INVITE", false,
     "send sent=1 got=200 told=1 status=200 sent=0 alive"},
    {"invite_calling__refusal__is_acknowledged", "INVITE", false,
     "send sent=1 got=486 told=1 status=486 sent=1 sends_ack alive"},
    {"invite_calling__error__is_told", "INVITE", false, "broken=1 send told=0 wait=1 told=1 failed over"},
    {"invite_calling__icmp_error__is_told", "INVITE", false, "send icmp told=1 failed over"},
    /* PROCEEDING */
    {"invite_proceeding__1xx__is_told", "INVITE", false, "send got=100 got=180 got=183 told=3"},
    {"invite_proceeding__2xx__is_accepted", "INVITE", false, "send got=180 got=200 told=2 status=200"},
    {"invite_proceeding__refusal__is_acknowledged", "INVITE", false,
     "send sent=1 got=180 got=404 told=2 status=404 sent=1 sends_ack"},
    /* COMPLETED */
    {"invite_completed__refusal_again__is_acknowledged_again", "INVITE", false,
     "send sent=1 got=486 told=1 sent=1 got=486 got=486 told=0 sent=2 sends_ack"},
    {"invite_completed__provisional_and_2xx__are_ignored", "INVITE", false,
     "send got=486 told=1 sent=2 got=180 got=200 told=0 sent=0"},
    {"invite_completed__timer_d__ends_after_32_s", "INVITE", false,
     "send got=486 wait=31999 alive wait=1 over told=1"},
    {"invite_completed__timer_d_over_tcp__ends_at_once", "INVITE", true,
     "send sent=1 got=486 told=1 sent=1 sends_ack over"},
    {"invite_completed__error__is_told", "INVITE", false,
     "send broken=1 got=486 told=1 status=486 wait=1 told=1 failed over"},
    {"invite_completed__icmp_error__is_told", "INVITE", false,
     "send got=486 told=1 icmp told=1 failed over"},
    /* ACCEPTED */
    {"invite_accepted__2xx_again__is_told_again", "INVITE", false,
     "send sent=1 got=200 got=200 told=2 status=200 sent=0"},
    {"invite_accepted__provisional_and_refusal__are_ignored", "INVITE", false,
     "send got=200 told=1 got=180 got=486 told=0"},
    {"invite_accepted__timer_m__ends_after_64_t1", "INVITE", false,
     "send got=200 wait=31999 alive wait=1 over told=1"},
    {"invite_accepted__timer_m_over_tcp__ends_after_64_t1", "INVITE", true,
     "send got=200 wait=31999 alive wait=1 over"},
    /* The owner goes away: the refusal still gets its ACK */
    {"invite_abandoned__refusal__is_acknowledged_and_not_told", "INVITE", false,
     "send sent=1 abandon wait=10000 sent=0 got=487 told=0 sent=1 sends_ack wait=32000 over"},
    {"invite_abandoned__ringing_on__ends_after_64_t1", "INVITE", false,
     "send got=180 told=1 abandon got=180 wait=31999 alive wait=1 over told=0"},
    /* CANCEL, section 9.1 */
    {"invite_cancelled__before_any_answer__waits_for_a_provisional", "INVITE", false,
     "send sent=1 cancel sent=0 got=180 told=1 sent=1 sends_cancel"},
    {"invite_cancelled__while_ringing__is_told_of_the_487", "INVITE", false,
     "send sent=1 got=180 told=1 cancel sent=1 sends_cancel answered=200 told=0 strays=0 got=487 told=1 "
     "status=487 sent=1 sends_ack wait=32000 over"},
    {"invite_cancelled__twice__sends_one_cancel", "INVITE", false, "send got=180 sent=1 cancel cancel sent=1"},
    {"invite_cancelled__unanswered_cancel__is_sent_again", "INVITE", false,
     "send got=180 sent=1 cancel sent=1 wait=500 sent=1 sends_cancel wait=1000 sent=1"},
    {"invite_cancelled__no_final_response__ends_after_64_t1", "INVITE", false,
     "send got=180 told=1 cancel answered=200 wait=31999 told=0 alive wait=1 told=1 timeout over"},
    {"invite_cancelled__2xx_crossing__is_told", "INVITE", false,
     "send got=180 told=1 cancel got=200 told=1 status=200"},
    {"invite_cancelled__when_answered__sends_nothing", "INVITE", false, "send sent=1 got=200 cancel sent=0"},
    {"invite_cancelled__no_cancel_outlives_it", "INVITE", true,
     "send sent=1 got=180 cancel got=487 told=2 over"},
    {"cancelled__of_another_method__is_nothing", "NOTIFY", false, "send sent=1 got=100 cancel sent=0 alive"},
};
/* clang-format on */

static bool act(struct rig *rig, const struct script *script, const char *word, int number)
{
    if (strcmp(word, "send") == 0)
        rig_send_client(rig, script->method);
    else if (strcmp(word, "got") == 0)
        rig_answer(rig, number, script->method, rig_branch(rig));
    else if (strcmp(word, "wait") == 0)
        rig_wait(rig, number);
    else if (strcmp(word, "abandon") == 0)
        client_transaction_abandon(rig->transactions, rig->client);
    else if (strcmp(word, "cancel") == 0)
        client_transaction_cancel(rig->transactions, rig->client);
    else if (strcmp(word, "answered") == 0)
        rig_answer(rig, number, "CANCEL", rig_branch(rig));
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
    unsigned strays = (unsigned)transactions_counts(rig->transactions).strays;

    if (strcmp(word, "sent") == 0)
        rig_expect(name, word, &rig->sent, number);
    else if (strcmp(word, "told") == 0)
        rig_expect(name, word, &rig->results, number);
    else if (strcmp(word, "resent") == 0)
        rig_expect(name, word, &rig->retransmits, number);
    else if (strcmp(word, "strays") == 0)
        rig_expect(name, word, &strays, number);
    else if (strcmp(word, "status") == 0)
        ck_assert_msg(rig->last_status == number && rig->last_outcome == CLIENT_RESPONSE,
                      "%s: status %d", name, rig->last_status);
    else
        return false;
    return true;
}

static void check_state(struct rig *rig, const char *name, const char *word)
{
    uint64_t count = transactions_counts(rig->transactions).client;

    if (strcmp(word, "alive") == 0)
        ck_assert_msg(count == 1, "%s: not alive", name);
    else if (strcmp(word, "over") == 0)
        ck_assert_msg(count == 0 && timers_count(rig->timers) == 0, "%s: not over", name);
    else if (strcmp(word, "timeout") == 0)
        ck_assert_msg(rig->last_outcome == CLIENT_TIMEOUT, "%s: no time-out", name);
    else if (strcmp(word, "failed") == 0)
        ck_assert_msg(rig->last_outcome == CLIENT_TRANSPORT_FAILED, "%s: not failed", name);
    else if (strcmp(word, "sends_ack") == 0)
        ck_assert_msg(strncmp(rig->last, "ACK ", 4) == 0, "%s: %.20s", name, rig->last);
    else if (strcmp(word, "sends_cancel") == 0)
        ck_assert_msg(strncmp(rig->last, "CANCEL ", 7) == 0, "%s: %.20s", name, rig->last);
    else if (strcmp(word, "sends_request") == 0)
        ck_assert_msg(strstr(rig->last, "\r\n\r\nthe body") != NULL, "%s: %.20s", name, rig->last);
    else
        ck_abort_msg("%s: what is %s?", name, word);
}

START_TEST(each_arrow_of_the_client_machines_is_taken)
{
    const struct script *script = &scripts[_i];
    struct transaction_options options = {0};
    struct rig *rig = rig_new(&options, script->reliable);
    const char *rest = script->steps;
    char word[32];
    int number;

    rig_make_client(rig, strcmp(script->method, "INVITE") == 0 ? SIP_INVITE : SIP_NOTIFY);
    while (rig_word(&rest, word, &number)) {
        if (!act(rig, script, word, number) && !check_counts(rig, script->name, word, number))
            check_state(rig, script->name, word);
    }
    rig_free(rig);
}
END_TEST

START_TEST(the_ack_to_a_refusal_has_its_fields_from_invite_and_response)
{
    struct transaction_options options = {0};
    struct rig *rig = rig_new(&options, false);
    char via[128];

    rig_make_client(rig, SIP_INVITE);
    rig_send_client(rig, "INVITE");
    rig_answer(rig, 486, "INVITE", rig_branch(rig));
    snprintf(via, sizeof(via), "\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=%.*s;rport\r\n",
             (int)rig->branch_len, rig->branch);
    ck_assert_ptr_nonnull(strstr(rig->last, "ACK sip:a@example.org;x=y SIP/2.0\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, via));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nRoute: <sip:192.0.2.7;lr>\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nFrom: <sip:b@example.org>;tag=from\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nTo: <sip:a@example.org>;tag=theirs\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nCall-ID: call\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nCSeq: 17 ACK\r\n"));
    ck_assert_ptr_nonnull(strstr(rig->last, "\r\nContent-Length: 0\r\n\r\n"));
    rig_free(rig);
}
END_TEST

START_TEST(the_owner_is_named_by_its_handle)
{
    struct transaction_options options = {0};
    struct rig *rig = rig_new(&options, false);

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    rig_answer(rig, 200, "NOTIFY", rig_branch(rig));
    ck_assert_uint_eq(rig->last_owner.slot, 41);
    ck_assert_uint_eq(rig->last_owner.generation, 42);
    rig_free(rig);
}
END_TEST

START_TEST(without_timer_k_the_branch_alone_knows_a_repeated_answer)
{
    struct transaction_options options = {.no_timer_k = true};
    struct rig *rig = rig_new(&options, false);

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    rig_answer(rig, 200, "NOTIFY", rig_branch(rig));
    ck_assert_uint_eq(transactions_counts(rig->transactions).client, 0);
    rig_answer(rig, 200, "NOTIFY", rig_branch(rig));
    ck_assert_uint_eq(rig->results, 1);
    ck_assert_uint_eq(transactions_counts(rig->transactions).strays, 1);
    rig_free(rig);
}
END_TEST

Suite *transaction_client_transaction_suite(void);

Suite *transaction_client_transaction_suite(void)
{
    Suite *suite = suite_create("transaction/client_transaction");
    TCase *arrows = tcase_create("RFC 3261 17.1, RFC 6026");

    tcase_add_loop_test(arrows, each_arrow_of_the_client_machines_is_taken, 0,
                        sizeof(scripts) / sizeof(scripts[0]));
    tcase_add_test(arrows, the_ack_to_a_refusal_has_its_fields_from_invite_and_response);
    tcase_add_test(arrows, the_owner_is_named_by_its_handle);
    tcase_add_test(arrows, without_timer_k_the_branch_alone_knows_a_repeated_answer);
    tcase_set_timeout(arrows, 60);
    suite_add_tcase(suite, arrows);
    return suite;
}
