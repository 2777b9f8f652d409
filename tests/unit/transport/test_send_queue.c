/* test_send_queue.c - two rings that wrap, fill up and begin anew. */
#include "server/transport/send_queue.h"
#include "tests/unit/run.h"

#include <stdio.h>
#include <stdlib.h>

Suite *transport_send_queue_suite(void);

static const union socket_address nowhere;

static enum status put(struct send_queue *queue, unsigned number, size_t len)
{
    char octets[512];

    memset(octets, (int)('a' + number % 26), sizeof(octets));
    return send_queue_put(queue, &nowhere, (struct span){octets, len}, NULL);
}

static void take(struct send_queue *queue, unsigned number, size_t len)
{
    struct span head = send_queue_head(queue, send_queue_at(queue, 0));

    char expected[512];

    memset(expected, (int)('a' + number % 26), sizeof(expected));
    ck_assert(span_equal(head, (struct span){expected, len}));
    send_queue_drop(queue);
}

START_TEST(what_is_put_is_taken_in_order_however_often_the_rings_wrap)
{
    struct send_queue queue;
    unsigned in = 0, out = 0;

    send_queue_init(&queue, 64, 4000);
    srand(7);
    for (int round = 0; round < 20000; round++) {
        if (rand() % 5 < 3) {
            if (put(&queue, in, 1 + in * 37 % 300) == STATUS_OK)
                in++;
        } else if (send_queue_count(&queue) > 0) {
            take(&queue, out, 1 + out * 37 % 300);
            out++;
        }
    }
    ck_assert_uint_gt(out, 5000);
    ck_assert_uint_eq(send_queue_count(&queue), in - out);
    send_queue_deinit(&queue);
}
END_TEST

START_TEST(a_full_queue_keeps_the_oldest)
{
    struct send_queue queue;

    send_queue_init(&queue, 1, 100000);
    for (unsigned i = 0; i < 64; i++)
        ck_assert_int_eq(put(&queue, i, 10), STATUS_OK);
    ck_assert_int_eq(put(&queue, 64, 10), STATUS_UNAVAILABLE);
    take(&queue, 0, 10);
    ck_assert_int_eq(put(&queue, 64, 10), STATUS_OK);
    send_queue_deinit(&queue);
}
END_TEST

START_TEST(octets_are_capped_too)
{
    struct send_queue queue;

    send_queue_init(&queue, 64, 1000);
    ck_assert_int_eq(put(&queue, 0, 400), STATUS_OK);
    ck_assert_int_eq(put(&queue, 1, 400), STATUS_OK);
    ck_assert_int_eq(put(&queue, 2, 400), STATUS_UNAVAILABLE);
    take(&queue, 0, 400);
    ck_assert_int_eq(put(&queue, 3, 399), STATUS_OK); /* round the end */
    ck_assert_int_eq(put(&queue, 4, 1), STATUS_UNAVAILABLE);
    take(&queue, 1, 400);
    take(&queue, 3, 399);
    send_queue_deinit(&queue);
}
END_TEST

START_TEST(a_body_is_held_until_it_is_dropped)
{
    struct send_queue queue;
    struct blob *body = blob_new(SPAN("body"));

    send_queue_init(&queue, 64, 1000);
    ck_assert_int_eq(send_queue_put(&queue, &nowhere, SPAN("a"), body), STATUS_OK);
    ck_assert_int_eq(send_queue_put(&queue, &nowhere, SPAN("b"), body), STATUS_OK);
    blob_unref(body);
    ck_assert(span_equal(blob_span(send_queue_at(&queue, 1)->body), SPAN("body")));
    send_queue_drop(&queue);
    send_queue_deinit(&queue); /* the sanitizer sees what would be left */
}
END_TEST

Suite *transport_send_queue_suite(void)
{
    Suite *suite = suite_create("transport/send_queue");
    TCase *tcase = tcase_create("rings");

    tcase_add_test(tcase, what_is_put_is_taken_in_order_however_often_the_rings_wrap);
    tcase_add_test(tcase, a_full_queue_keeps_the_oldest);
    tcase_add_test(tcase, octets_are_capped_too);
    tcase_add_test(tcase, a_body_is_held_until_it_is_dropped);
    suite_add_tcase(suite, tcase);
    return suite;
}
