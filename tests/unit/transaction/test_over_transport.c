/* test_over_transport.c - both layers together on real sockets: a round, a repetition, an error. */
#include "server/transaction/client_transaction.h"
#include "server/transaction/server_transaction.h"
#include "tests/unit/run.h"
#include "tests/unit/transport/sockets.h"

Suite *transaction_over_transport_suite(void);

static const struct transaction_options defaults = {0};
static const char *const addresses[] = {"127.0.0.1", "[::1]"};

struct stack {
    struct sockets *sockets;
    struct transactions *transactions;
    unsigned requests;
    unsigned results;
    enum client_outcome outcome;
    int status;
    bool silent; /* requests are not answered */
};

static const char message[] =
    "MESSAGE sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bKx\r\n"
    "From: <sip:b@example.org>;tag=f\r\nTo: <sip:a@example.org>\r\nCall-ID: c\r\n"
    "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";

static void on_request(void *context, struct sip_message *request, const struct flow *from,
                       struct handle transaction, struct handle invite)
{
    struct stack *stack = context;
    char text[ENDPOINT_TEXT_MAX];
    struct sip_source source = transport_source(from, text);
    struct buffer response;

    (void)invite;
    stack->requests++;
    if (stack->silent)
        return;
    buffer_init(&response, 4096);
    sip_compose_response_head(&response, request, 200, (struct span){0}, SPAN("tag"), &source,
                              false);
    sip_compose_body(&response, (struct span){0}, (struct span){0});
    server_transaction_respond(stack->transactions, transaction, 200, buffer_span(&response), NULL);
    buffer_deinit(&response);
}

static void on_result(void *context, struct handle owner, enum client_outcome outcome,
                      const struct sip_message *response)
{
    struct stack *stack = context;

    (void)owner;
    stack->results++;
    stack->outcome = outcome;
    stack->status = response == NULL ? 0 : response->status;
}

static void stack_init(struct stack *self, const char *address,
                       const struct transaction_options *options)
{
    *self = (struct stack){.sockets = sockets_new(address, &(struct transport_options){0})};
    self->transactions = transactions_new_over(self->sockets->transport, self->sockets->loop,
                                               self->sockets->metrics, options);
    transactions_on_request(self->transactions, on_request, self);
}

static void stack_deinit(struct stack *self)
{
    transactions_free(self->transactions);
    sockets_free(self->sockets);
}

/* A NOTIFY as the dialog layer would send it. Returns its branch in `branch`. */
static void send_notify(struct stack *self, const struct flow *to, char branch[BRANCH_MAX],
                        size_t *len)
{
    struct client_transaction_owner owner = {self, {1, 1}, on_result, NULL};
    struct handle handle;
    struct buffer head;

    ck_assert_int_eq(
        client_transaction_new(self->transactions, SIP_NOTIFY, to, &owner, &handle, branch, len),
        STATUS_OK);
    buffer_init(&head, 4096);
    sip_compose_request_line(&head, SPAN("NOTIFY"), SPAN("sip:watcher@192.0.2.9"));
    transport_via(self->sockets->transport, to, (struct span){branch, *len}, &head);
    buffer_put(&head, SPAN("From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\n"
                           "CSeq: 1 NOTIFY\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"));
    client_transaction_send(self->transactions, handle, buffer_span(&head), NULL);
    buffer_deinit(&head);
}

START_TEST(a_request_is_answered_and_its_repetition_gets_the_same_answer)
{
    struct stack stack;
    char first[2048];

    stack_init(&stack, addresses[_i], &defaults);
    sockets_send(stack.sockets, span_of(message));
    ck_assert(sockets_receive(stack.sockets));
    snprintf(first, sizeof(first), "%.2000s", stack.sockets->got);
    ck_assert_ptr_nonnull(strstr(first, "SIP/2.0 200 OK\r\n"));
    sockets_send(stack.sockets, span_of(message));
    ck_assert(sockets_receive(stack.sockets));
    ck_assert_str_eq(stack.sockets->got, first);
    ck_assert_uint_eq(stack.requests, 1);
    stack_deinit(&stack);
}
END_TEST

START_TEST(a_notify_goes_out_and_its_answer_comes_back)
{
    struct stack stack;
    struct flow to;
    char branch[BRANCH_MAX], text[1024];
    size_t len;

    stack_init(&stack, addresses[_i], &defaults);
    to = sockets_flow(stack.sockets);
    send_notify(&stack, &to, branch, &len);
    sockets_turns(stack.sockets);
    ck_assert(sockets_receive(stack.sockets));
    ck_assert_ptr_nonnull(strstr(stack.sockets->got, "NOTIFY sip:watcher@192.0.2.9 SIP/2.0\r\n"));
    snprintf(text, sizeof(text),
             "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=%.*s\r\nFrom: <sip:a@x>;tag=1\r\n"
             "To: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n",
             (int)len, branch);
    sockets_send(stack.sockets, span_of(text));
    ck_assert_uint_eq(stack.results, 1);
    ck_assert_int_eq(stack.status, 200);
    stack_deinit(&stack);
}
END_TEST

START_TEST(a_closed_port_ends_its_own_transaction_at_once_and_no_other)
{
    struct stack stack;
    struct flow to, closed;
    char branch[BRANCH_MAX];
    size_t len;
    int fd;

    stack_init(&stack, addresses[_i], &defaults);
    to = closed = sockets_flow(stack.sockets);
    fd = sockets_peer(addresses[_i], &closed.remote);
    close(fd);
    send_notify(&stack, &to, branch, &len);
    send_notify(&stack, &closed, branch, &len);
    send_notify(&stack, &to, branch, &len);
    sockets_turns(stack.sockets);
    ck_assert_uint_eq(stack.results, 1);
    ck_assert_int_eq(stack.outcome, CLIENT_TRANSPORT_FAILED);
    ck_assert_uint_eq(transactions_counts(stack.transactions).client, 2);
    ck_assert(sockets_receive(stack.sockets));
    ck_assert(sockets_receive(stack.sockets));
    stack_deinit(&stack);
}
END_TEST

START_TEST(above_the_cap_the_client_reads_500_with_retry_after)
{
    struct transaction_options options = {.server_max = 1};
    struct stack stack;
    char second[sizeof(message)];

    stack_init(&stack, addresses[_i], &options);
    stack.silent = true; /* so that the first makes no room */
    sockets_send(stack.sockets, span_of(message));
    memcpy(second, message, sizeof(second));
    memcpy(strstr(second, "z9hG4bKx"), "z9hG4bKy", 8);
    sockets_send(stack.sockets, span_of(second));
    ck_assert(sockets_receive(stack.sockets));
    ck_assert_ptr_nonnull(strstr(stack.sockets->got, "SIP/2.0 500 "));
    ck_assert_ptr_nonnull(strstr(stack.sockets->got, "\r\nRetry-After: 5\r\n"));
    ck_assert_uint_eq(stack.requests, 1);
    stack_deinit(&stack);
}
END_TEST

Suite *transaction_over_transport_suite(void)
{
    Suite *suite = suite_create("transaction/over_transport");
    TCase *tcase = tcase_create("on sockets");

    tcase_add_loop_test(tcase, a_request_is_answered_and_its_repetition_gets_the_same_answer, 0, 2);
    tcase_add_loop_test(tcase, a_notify_goes_out_and_its_answer_comes_back, 0, 2);
    tcase_add_loop_test(tcase, a_closed_port_ends_its_own_transaction_at_once_and_no_other, 0, 2);
    tcase_add_loop_test(tcase, above_the_cap_the_client_reads_500_with_retry_after, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
