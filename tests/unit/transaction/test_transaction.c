/* test_transaction.c - matching (RFC 3261 sections 17.1.3, 17.2.3, 9.2), caps, strays. */
#include "tests/unit/run.h"
#include "tests/unit/transaction/rig.h"

Suite *transaction_transaction_suite(void);

static const struct transaction_options defaults = {0};

/* ---- 17.2.3 ---- */

/* Sends a request whose matching fields can be chosen. */
static void request(struct rig *rig, const char *method, const char *sent_by, const char *branch,
                    unsigned cseq, const char *to_tag)
{
    snprintf(rig->text, sizeof(rig->text),
             "%s sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP %s%s\r\nMax-Forwards: 70\r\n"
             "From: <sip:b@example.org>;tag=from\r\nTo: <sip:a@example.org>%s\r\nCall-ID: call\r\n"
             "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
             method, sent_by, branch, to_tag, cseq, method);
    rig_receive(rig);
}

struct second {
    const char *name;
    const char *method;
    const char *sent_by;
    const char *branch;
    unsigned cseq;
    const char *to_tag;
    bool is_new;
};

/* clang-format off */
/* Each after MESSAGE, 192.0.2.9, z9hG4bKone, 5, no To tag. */
static const struct second with_cookie[] = {
    {"the same",                     "MESSAGE", "192.0.2.9",      ";branch=z9hG4bKone", 5, "", false},
    {"another CSeq does not matter", "MESSAGE", "192.0.2.9",      ";branch=z9hG4bKone", 6, "", false},
    {"another branch",               "MESSAGE", "192.0.2.9",      ";branch=z9hG4bKtwo", 5, "", true},
    {"branch in another case",       "MESSAGE", "192.0.2.9",      ";branch=z9hG4bKONE", 5, "", true},
    {"another host",                 "MESSAGE", "192.0.2.8",      ";branch=z9hG4bKone", 5, "", true},
    {"another port",                 "MESSAGE", "192.0.2.9:5062", ";branch=z9hG4bKone", 5, "", true},
    {"another method",               "OPTIONS", "192.0.2.9",      ";branch=z9hG4bKone", 5, "", true},
    {"a method that has no name here","FROB",   "192.0.2.9",      ";branch=z9hG4bKone", 5, "", true},
};

/* Each after MESSAGE, 192.0.2.9, branch "1", 5, no To tag: no cookie. */
static const struct second without_cookie[] = {
    {"the same",       "MESSAGE", "192.0.2.9",      ";branch=1", 5, "", false},
    {"another CSeq",   "MESSAGE", "192.0.2.9",      ";branch=1", 6, "", true},
    {"another Via",    "MESSAGE", "192.0.2.9:5062", ";branch=1", 5, "", true},
    {"another branch", "MESSAGE", "192.0.2.9",      ";branch=2", 5, "", true},
    {"a To tag",       "MESSAGE", "192.0.2.9",      ";branch=1", 5, ";tag=x", true},
    {"another method", "OPTIONS", "192.0.2.9",      ";branch=1", 5, "", true},
};
/* clang-format on */

static void check_second(const struct second *second, const char *first_branch)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "MESSAGE", "192.0.2.9", first_branch, 5, "");
    request(rig, second->method, second->sent_by, second->branch, second->cseq, second->to_tag);
    ck_assert_msg(rig->requests == (second->is_new ? 2 : 1), "%s", second->name);
    ck_assert_uint_eq(transactions_counts(rig->transactions).repeated_requests,
                      second->is_new ? 0 : 1);
    rig_free(rig);
}

START_TEST(a_request_is_known_by_branch_sent_by_and_method)
{
    check_second(&with_cookie[_i], ";branch=z9hG4bKone");
}
END_TEST

START_TEST(a_request_without_cookie_is_known_as_rfc_2543_did)
{
    check_second(&without_cookie[_i], ";branch=1");
}
END_TEST

START_TEST(two_methods_without_a_name_here_are_two)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "FROB", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    request(rig, "BORF", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    request(rig, "BORF", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    rig_free(rig);
}
END_TEST

START_TEST(long_branches_that_differ_in_one_octet_are_two)
{
    struct rig *rig = rig_new(&defaults, false);
    char branch[1300];

    memset(branch, 'x', sizeof(branch));
    memcpy(branch, ";branch=z9hG4bK", 15);
    branch[sizeof(branch) - 1] = '\0';
    request(rig, "MESSAGE", "192.0.2.9", branch, 5, "");
    request(rig, "MESSAGE", "192.0.2.9", branch, 5, "");
    ck_assert_uint_eq(rig->requests, 1);
    branch[20] = 'y';
    request(rig, "MESSAGE", "192.0.2.9", branch, 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    branch[20] = 'x';
    branch[sizeof(branch) - 2] = 'y';
    request(rig, "MESSAGE", "192.0.2.9", branch, 5, "");
    ck_assert_uint_eq(rig->requests, 3);
    rig_free(rig);
}
END_TEST

START_TEST(an_ack_without_cookie_finds_its_invite)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "INVITE", "192.0.2.9", "", 5, "");
    rig_respond(rig, 486);
    request(rig, "ACK", "192.0.2.9", "", 5, ";tag=to");
    ck_assert_uint_eq(rig->requests, 1);
    rig_wait(rig, 5000);
    ck_assert(!server_transaction_is_alive(rig->transactions, rig->transaction));
    rig_free(rig);
}
END_TEST

START_TEST(an_ack_that_belongs_to_nothing_here_goes_up_without_transaction)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "ACK", "192.0.2.9", ";branch=z9hG4bKother", 5, ";tag=to");
    ck_assert_uint_eq(rig->requests, 1);
    ck_assert_int_eq(rig->last_method, SIP_ACK);
    ck_assert_uint_eq(rig->transaction.generation, 0);
    ck_assert_uint_eq(transactions_counts(rig->transactions).server, 0);
    rig_free(rig);
}
END_TEST

/* ---- 9.2 ---- */

START_TEST(a_cancel_has_a_transaction_of_its_own_and_finds_the_invite)
{
    struct rig *rig = rig_new(&defaults, false);
    struct handle invite;

    request(rig, "INVITE", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    invite = rig->transaction;
    request(rig, "CANCEL", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    ck_assert(memcmp(&rig->meant, &invite, sizeof(invite)) == 0);
    ck_assert(memcmp(&rig->transaction, &invite, sizeof(invite)) != 0);
    request(rig, "CANCEL", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_finds_what_it_means_whatever_its_method)
{
    struct rig *rig = rig_new(&defaults, false);
    struct handle message;

    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    message = rig->transaction;
    request(rig, "CANCEL", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    ck_assert(memcmp(&rig->meant, &message, sizeof(message)) == 0);
    rig_free(rig);
}
END_TEST

START_TEST(a_cancel_of_nothing_says_so)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bKone", 5, "");
    request(rig, "CANCEL", "192.0.2.9", ";branch=z9hG4bKanother", 5, "");
    ck_assert_uint_eq(rig->requests, 2);
    ck_assert_uint_eq(rig->meant.generation, 0);
    rig_free(rig);
}
END_TEST

/* ---- responses ---- */

START_TEST(a_response_with_a_forged_branch_is_dropped)
{
    struct rig *rig = rig_new(&defaults, false);
    char forged[BRANCH_MAX];

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    memcpy(forged, rig->branch, rig->branch_len);
    forged[rig->branch_len - 1] = forged[rig->branch_len - 1] == '0' ? '1' : '0';
    rig_answer(rig, 200, "NOTIFY", (struct span){forged, rig->branch_len});
    rig_answer(rig, 200, "NOTIFY", SPAN("z9hG4bKnothing"));
    ck_assert_uint_eq(rig->results, 0);
    ck_assert_uint_eq(transactions_counts(rig->transactions).strays, 2);
    rig_answer(rig, 200, "NOTIFY", rig_branch(rig));
    ck_assert_uint_eq(rig->results, 1);
    rig_free(rig);
}
END_TEST

START_TEST(a_response_to_another_method_is_dropped)
{
    struct rig *rig = rig_new(&defaults, false);

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    rig_answer(rig, 200, "MESSAGE", rig_branch(rig));
    ck_assert_uint_eq(rig->results, 0);
    ck_assert_uint_eq(transactions_counts(rig->transactions).strays, 1);
    rig_free(rig);
}
END_TEST

START_TEST(a_response_of_another_node_is_counted_apart)
{
    struct transaction_options options = {.node = 3};
    struct rig *rig = rig_new(&options, false);
    struct rig *other = rig_new(&defaults, false);

    rig_make_client(other, SIP_NOTIFY);
    rig_answer(rig, 200, "NOTIFY", rig_branch(other));
    ck_assert_uint_eq(transactions_counts(rig->transactions).foreign, 1);
    ck_assert_uint_eq(transactions_counts(rig->transactions).strays, 0);
    rig_free(other);
    rig_free(rig);
}
END_TEST

START_TEST(a_response_to_the_process_before_is_a_stray)
{
    struct rig *before = rig_new(&defaults, false);
    struct rig *rig = rig_new(&defaults, false);

    rig_make_client(before, SIP_NOTIFY);
    rig_make_client(rig, SIP_NOTIFY); /* has the same slot and generation */
    rig_send_client(rig, "NOTIFY");
    rig_answer(rig, 200, "NOTIFY", rig_branch(before));
    ck_assert_uint_eq(rig->results, 0);
    ck_assert_uint_eq(transactions_counts(rig->transactions).strays, 1);
    rig_free(before);
    rig_free(rig);
}
END_TEST

START_TEST(an_icmp_error_with_a_few_octets_only_is_ignored)
{
    struct rig *rig = rig_new(&defaults, false);

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    for (size_t len = 0; len < 60; len++)
        transactions_failed(rig->transactions, &rig->peer, (struct span){rig->last, len});
    ck_assert_uint_eq(rig->results, 0);
    rig_free(rig);
}
END_TEST

START_TEST(an_icmp_error_with_the_begin_of_the_message_is_enough)
{
    struct rig *rig = rig_new(&defaults, false);

    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    transactions_failed(rig->transactions, &rig->peer, (struct span){rig->last, 200});
    ck_assert_uint_eq(rig->results, 1);
    ck_assert_int_eq(rig->last_outcome, CLIENT_TRANSPORT_FAILED);
    rig_free(rig);
}
END_TEST

/* ---- caps ---- */

START_TEST(above_the_cap_a_request_is_refused_and_an_ack_is_not)
{
    struct transaction_options options = {.server_max = 2, .retry_after_s = 9};
    struct rig *rig = rig_new(&options, false);

    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK1", 5, "");
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK2", 5, "");
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK3", 5, "");
    request(rig, "ACK", "192.0.2.9", ";branch=z9hG4bK4", 5, "");
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK1", 5, ""); /* a known one is served */
    ck_assert_uint_eq(rig->requests, 3);
    ck_assert_uint_eq(rig->refused, 1);
    ck_assert_int_eq(rig->refused_status, 500);
    ck_assert_str_eq(rig->last, "Retry-After: 9\r\n");
    ck_assert_uint_eq(transactions_counts(rig->transactions).refused, 1);
    rig_wait(rig, 32000);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK3", 5, "");
    ck_assert_uint_eq(rig->requests, 4);
    rig_free(rig);
}
END_TEST

START_TEST(at_the_cap_what_was_answered_longest_ago_makes_room)
{
    struct transaction_options options = {.server_max = 2};
    struct rig *rig = rig_new(&options, false);

    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK1", 5, "");
    rig_respond(rig, 200);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK2", 5, "");
    rig_respond(rig, 200);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK3", 5, "");
    ck_assert_uint_eq(rig->requests, 3);
    ck_assert_uint_eq(rig->refused, 0);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK2", 5, ""); /* still known */
    ck_assert_uint_eq(rig->requests, 3);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK1", 5, ""); /* forgotten */
    ck_assert_uint_eq(rig->requests, 4);
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK4", 5, ""); /* both are unanswered */
    ck_assert_uint_eq(rig->refused, 1);
    rig_free(rig);
}
END_TEST

START_TEST(above_the_cap_no_client_transaction_is_made)
{
    struct transaction_options options = {.client_max = 1};
    struct rig *rig = rig_new(&options, false);
    struct client_transaction_owner owner = {rig, {0}, rig_on_result, NULL};
    struct handle second = {0};

    rig_make_client(rig, SIP_NOTIFY);
    ck_assert_int_eq(client_transaction_new(rig->transactions, SIP_NOTIFY, &rig->peer, &owner,
                                            &second, rig->branch, &rig->branch_len),
                     STATUS_LIMIT);
    client_transaction_abandon(rig->transactions, rig->client);
    rig_make_client(rig, SIP_NOTIFY);
    rig_free(rig);
}
END_TEST

START_TEST(a_dead_handle_does_nothing)
{
    struct rig *rig = rig_new(&defaults, false);
    struct flow flow;

    server_transaction_respond(rig->transactions, (struct handle){0}, 200, SPAN("x"), NULL);
    client_transaction_send(rig->transactions, (struct handle){3, 9}, SPAN("x"), NULL);
    client_transaction_abandon(rig->transactions, (struct handle){3, 9});
    ck_assert(!server_transaction_flow(rig->transactions, (struct handle){0}, &flow));
    ck_assert_uint_eq(rig->sent, 0);
    rig_free(rig);
}
END_TEST

START_TEST(what_is_alive_is_freed_with_the_layer)
{
    struct rig *rig = rig_new(&defaults, false);

    request(rig, "INVITE", "192.0.2.9", ";branch=z9hG4bK1", 5, "");
    request(rig, "MESSAGE", "192.0.2.9", ";branch=z9hG4bK2", 5, "");
    rig_respond(rig, 200);
    rig_make_client(rig, SIP_NOTIFY);
    rig_send_client(rig, "NOTIFY");
    transactions_free(rig->transactions);
    rig->transactions = NULL;
    ck_assert_uint_eq(timers_count(rig->timers), 0);
    rig_free(rig);
}
END_TEST

static void add_matching(Suite *suite)
{
    TCase *tcase = tcase_create("17.2.3 and 9.2");

    tcase_add_loop_test(tcase, a_request_is_known_by_branch_sent_by_and_method, 0,
                        sizeof(with_cookie) / sizeof(with_cookie[0]));
    tcase_add_loop_test(tcase, a_request_without_cookie_is_known_as_rfc_2543_did, 0,
                        sizeof(without_cookie) / sizeof(without_cookie[0]));
    tcase_add_test(tcase, two_methods_without_a_name_here_are_two);
    tcase_add_test(tcase, long_branches_that_differ_in_one_octet_are_two);
    tcase_add_test(tcase, an_ack_without_cookie_finds_its_invite);
    tcase_add_test(tcase, an_ack_that_belongs_to_nothing_here_goes_up_without_transaction);
    tcase_add_test(tcase, a_cancel_has_a_transaction_of_its_own_and_finds_the_invite);
    tcase_add_test(tcase, a_cancel_finds_what_it_means_whatever_its_method);
    tcase_add_test(tcase, a_cancel_of_nothing_says_so);
    suite_add_tcase(suite, tcase);
}

static void add_responses(Suite *suite)
{
    TCase *tcase = tcase_create("17.1.3 and 18.4");

    tcase_add_test(tcase, a_response_with_a_forged_branch_is_dropped);
    tcase_add_test(tcase, a_response_to_another_method_is_dropped);
    tcase_add_test(tcase, a_response_of_another_node_is_counted_apart);
    tcase_add_test(tcase, a_response_to_the_process_before_is_a_stray);
    tcase_add_test(tcase, an_icmp_error_with_a_few_octets_only_is_ignored);
    tcase_add_test(tcase, an_icmp_error_with_the_begin_of_the_message_is_enough);
    suite_add_tcase(suite, tcase);
}

static void add_caps(Suite *suite)
{
    TCase *tcase = tcase_create("caps and ends");

    tcase_add_test(tcase, above_the_cap_a_request_is_refused_and_an_ack_is_not);
    tcase_add_test(tcase, at_the_cap_what_was_answered_longest_ago_makes_room);
    tcase_add_test(tcase, above_the_cap_no_client_transaction_is_made);
    tcase_add_test(tcase, a_dead_handle_does_nothing);
    tcase_add_test(tcase, what_is_alive_is_freed_with_the_layer);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
}

Suite *transaction_transaction_suite(void)
{
    Suite *suite = suite_create("transaction/transaction");

    add_matching(suite);
    add_responses(suite);
    add_caps(suite);
    return suite;
}
