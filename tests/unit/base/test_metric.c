#include "server/base/metric.h"
#include "tests/unit/run.h"

#include <math.h>
#include <stdio.h>

static void prints(const struct metrics *metrics, const char *text)
{
    struct buffer out;

    buffer_init(&out, 100000);
    metrics_print(metrics, &out);
    ck_assert_msg(span_equal(buffer_span(&out), span_of(text)), "prints '" SPAN_FMT "'",
                  SPAN_ARG(buffer_span(&out)));
    buffer_deinit(&out);
}

START_TEST(one_name_has_one_help_and_many_labels)
{
    struct metrics *metrics = metrics_new();
    uint64_t *publish =
        metric_counter(metrics, "requests_total", "method=\"PUBLISH\"", "Requests.");
    uint64_t *drops = metric_counter(metrics, "drops_total", NULL, "Back\\slash\nand line.");
    uint64_t *message = metric_counter(metrics, "requests_total", "method=\"MESSAGE\"", "Other.");

    (*publish) += 2;
    (*message)++;
    (*drops)++;
    prints(metrics, "# HELP presenced_requests_total Requests.\n"
                    "# TYPE presenced_requests_total counter\n"
                    "presenced_requests_total{method=\"PUBLISH\"} 2\n"
                    "presenced_requests_total{method=\"MESSAGE\"} 1\n"
                    "# HELP presenced_drops_total Back\\\\slash\\nand line.\n"
                    "# TYPE presenced_drops_total counter\n"
                    "presenced_drops_total 1\n");
    metrics_free(metrics);
}
END_TEST

START_TEST(the_same_name_and_labels_give_the_same_counter)
{
    struct metrics *metrics = metrics_new();
    uint64_t *first = metric_counter(metrics, "a_total", "x=\"1\"", "A.");
    uint64_t *others[100];

    for (int i = 0; i < 100; i++) {
        char name[20];

        snprintf(name, sizeof(name), "n%d_total", i);
        others[i] = metric_counter(metrics, name, NULL, "N.");
    }
    ck_assert_ptr_eq(metric_counter(metrics, "a_total", "x=\"1\"", "A."), first);
    ck_assert_ptr_ne(metric_counter(metrics, "a_total", NULL, "A."), first);
    ck_assert_ptr_eq(metric_counter(metrics, "n99_total", NULL, "N."), others[99]);
    metrics_free(metrics);
    metrics_free(NULL);
}
END_TEST

static double value_of(void *context)
{
    return *(double *)context;
}

START_TEST(a_gauge_is_read_when_it_is_printed)
{
    struct metrics *metrics = metrics_new();
    double value = 0.1;

    metric_gauge(metrics, "load", NULL, "Load.", value_of, &value);
    prints(metrics,
           "# HELP presenced_load Load.\n# TYPE presenced_load gauge\npresenced_load 0.1\n");
    value = -INFINITY;
    prints(metrics,
           "# HELP presenced_load Load.\n# TYPE presenced_load gauge\npresenced_load -Inf\n");
    metrics_free(metrics);
}
END_TEST

START_TEST(histogram_buckets_add_up_and_the_border_is_inside)
{
    struct metrics *metrics = metrics_new();
    struct metric_histogram *histogram = metric_histogram(metrics, "wait_seconds", "Wait.", 0.5);
    struct buffer out;
    struct span text;

    metric_observe(histogram, 0.1);
    metric_observe(histogram, 0.5);
    metric_observe(histogram, 0.75);
    metric_observe(histogram, 1e9);
    ck_assert_ptr_eq(metric_histogram(metrics, "wait_seconds", "Wait.", 0.5), histogram);
    buffer_init(&out, 100000);
    metrics_print(metrics, &out);
    text = buffer_span(&out);
    ck_assert(span_begins(text, SPAN("# HELP presenced_wait_seconds Wait.\n"
                                     "# TYPE presenced_wait_seconds histogram\n"
                                     "presenced_wait_seconds_bucket{le=\"0.5\"} 2\n"
                                     "presenced_wait_seconds_bucket{le=\"1\"} 3\n"
                                     "presenced_wait_seconds_bucket{le=\"2\"} 3\n")));
    buffer_put_char(&out, '\0');
    ck_assert_ptr_nonnull(strstr(out.at, "_bucket{le=\"262144\"} 3\n"
                                         "presenced_wait_seconds_bucket{le=\"+Inf\"} 4\n"
                                         "presenced_wait_seconds_sum 1000000001.35\n"
                                         "presenced_wait_seconds_count 4\n"));
    buffer_deinit(&out);
    metrics_free(metrics);
}
END_TEST

Suite *base_metric_suite(void);

Suite *base_metric_suite(void)
{
    Suite *suite = suite_create("base/metric");
    TCase *tcase = tcase_create("printing");

    tcase_add_test(tcase, one_name_has_one_help_and_many_labels);
    tcase_add_test(tcase, the_same_name_and_labels_give_the_same_counter);
    tcase_add_test(tcase, a_gauge_is_read_when_it_is_printed);
    tcase_add_test(tcase, histogram_buckets_add_up_and_the_border_is_inside);
    suite_add_tcase(suite, tcase);
    return suite;
}
