/* metric.c - families in the order of their registration, each with its series. */
#include "server/base/metric.h"

#include "server/base/list.h"
#include "server/base/must.h"

#include <inttypes.h>
#include <math.h>

#define PREFIX "presenced_"

enum { BUCKETS = 20 };

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct metric_histogram {
    double first;
    double sum;
    uint64_t counts[BUCKETS + 1]; /* the last one is for all that is greater */
};

/* One name, with one HELP and one TYPE. */
struct family {
    struct list link;
    struct list series;
    char *name;
    char *help;
    enum kind kind;
};

/* One name with one set of labels. */
struct series {
    struct list link;
    char *labels; /* "" when there are none */
    uint64_t counter;
    metric_gauge_fn *gauge;
    void *context;
    struct metric_histogram *histogram;
};

struct metrics {
    struct list families;
};

struct metrics *metrics_new(void)
{
    struct metrics *self = malloc(sizeof(*self));

    must(self != NULL);
    list_init(&self->families);
    return self;
}

static void family_free(struct family *family)
{
    for (struct list *link; (link = list_take(&family->series)) != NULL;) {
        struct series *series = CONTAINER_OF(link, struct series, link);

        free(series->labels);
        free(series->histogram);
        free(series);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void metrics_free(struct metrics *self)
{
    if (self == NULL)
        return;
    for (struct list *link; (link = list_take(&self->families)) != NULL;)
        family_free(CONTAINER_OF(link, struct family, link));
    free(self);
}

/* ---- registration: rare, and the caller keeps what it gets, so lists will do ---- */

static char *copied(const char *text)
{
    char *copy = strdup(text == NULL ? "" : text);

    must(copy != NULL);
    return copy;
}

static struct family *family_of(struct metrics *self, const char *name, const char *help,
                                enum kind kind)
{
    struct family *family;

    for (struct list *link = self->families.next; link != &self->families; link = link->next) {
        family = CONTAINER_OF(link, struct family, link);
        if (strcmp(family->name, name) == 0) {
            must(family->kind == kind);
            return family;
        }
    }
    family = calloc(1, sizeof(*family));
    must(family != NULL);
    family->name = copied(name);
    family->help = copied(help);
    family->kind = kind;
    list_init(&family->series);
    list_append(&self->families, &family->link);
    return family;
}

static struct series *series_of(struct metrics *self, const char *name, const char *labels,
                                const char *help, enum kind kind)
{
    struct family *family = family_of(self, name, help, kind);
    struct series *series;

    if (labels == NULL)
        labels = "";
    for (struct list *link = family->series.next; link != &family->series; link = link->next) {
        series = CONTAINER_OF(link, struct series, link);
        if (strcmp(series->labels, labels) == 0)
            return series;
    }
    series = calloc(1, sizeof(*series));
    must(series != NULL);
    series->labels = copied(labels);
    list_append(&family->series, &series->link);
    return series;
}

uint64_t *metric_counter(struct metrics *self, const char *name, const char *labels,
                         const char *help)
{
    return &series_of(self, name, labels, help, KIND_COUNTER)->counter;
}

void metric_gauge(struct metrics *self, const char *name, const char *labels, const char *help,
                  metric_gauge_fn *fn, void *context)
{
    struct series *series = series_of(self, name, labels, help, KIND_GAUGE);

    series->gauge = fn;
    series->context = context;
}

struct metric_histogram *metric_histogram(struct metrics *self, const char *name, const char *help,
                                          double first)
{
    struct series *series = series_of(self, name, NULL, help, KIND_HISTOGRAM);

    if (series->histogram == NULL) {
        series->histogram = calloc(1, sizeof(*series->histogram));
        must(series->histogram != NULL && first > 0);
        series->histogram->first = first;
    }
    return series->histogram;
}

void metric_observe(struct metric_histogram *histogram, double value)
{
    double limit = histogram->first;
    int bucket = 0;

    while (bucket < BUCKETS && value > limit) {
        limit *= 2;
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += value;
}

/* ---- printing: https://prometheus.io/docs/instrumenting/exposition_formats/ ---- */

static void put_number(struct buffer *out, double number)
{
    if (isnan(number))
        buffer_put(out, SPAN("NaN"));
    else if (isinf(number))
        buffer_put(out, number > 0 ? SPAN("+Inf") : SPAN("-Inf"));
    else
        buffer_printf(out, "%.15g", number);
}

static void put_help(struct buffer *out, const char *help)
{
    for (; *help != '\0'; help++) {
        if (*help == '\n')
            buffer_put(out, SPAN("\\n"));
        else if (*help == '\\')
            buffer_put(out, SPAN("\\\\"));
        else
            buffer_put_char(out, *help);
    }
}

static void print_histogram(const struct family *family, const struct metric_histogram *histogram,
                            struct buffer *out)
{
    double limit = histogram->first;
    uint64_t count = 0;

    for (int bucket = 0; bucket <= BUCKETS; bucket++, limit *= 2) {
        count += histogram->counts[bucket];
        buffer_printf(out, PREFIX "%s_bucket{le=\"", family->name);
        put_number(out, bucket == BUCKETS ? (double)INFINITY : limit);
        buffer_printf(out, "\"} %" PRIu64 "\n", count);
    }
    buffer_printf(out, PREFIX "%s_sum ", family->name);
    put_number(out, histogram->sum);
    buffer_printf(out, "\n" PREFIX "%s_count %" PRIu64 "\n", family->name, count);
}

static void print_series(const struct family *family, const struct series *series,
                         struct buffer *out)
{
    if (family->kind == KIND_HISTOGRAM) {
        print_histogram(family, series->histogram, out);
        return;
    }
    buffer_printf(out, PREFIX "%s", family->name);
    if (series->labels[0] != '\0')
        buffer_printf(out, "{%s}", series->labels);
    buffer_put_char(out, ' ');
    if (family->kind == KIND_GAUGE)
        put_number(out, series->gauge(series->context));
    else
        buffer_put_u64(out, series->counter);
    buffer_put_char(out, '\n');
}

static void print_family(const struct family *family, struct buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    buffer_printf(out, "# HELP " PREFIX "%s ", family->name);
    put_help(out, family->help);
    buffer_printf(out, "\n# TYPE " PREFIX "%s %s\n", family->name, kinds[family->kind]);
    for (struct list *link = family->series.next; link != &family->series; link = link->next)
        print_series(family, CONTAINER_OF(link, struct series, link), out);
}

void metrics_print(const struct metrics *self, struct buffer *out)
{
    for (struct list *link = self->families.next; link != &self->families; link = link->next)
        print_family(CONTAINER_OF(link, struct family, link), out);
}
