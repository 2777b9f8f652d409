/* report.c - counters to words. */
#include "tests/bench/report.h"

#define SUB_BITS 5 /* 32 buckets per doubling */

static unsigned bucket_of(int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    unsigned shift;

    if (value < (1u << SUB_BITS))
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift << SUB_BITS) + (unsigned)(value >> shift);
}

static double bucket_us(unsigned bucket)
{
    unsigned shift = bucket >> SUB_BITS;
    uint64_t low;

    if (shift == 0)
        return bucket;
    shift--;
    low = (uint64_t)((bucket & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS)) << shift;
    return (double)low + (double)((uint64_t)1 << shift) / 2;
}

void report_latency(struct report *self, int64_t latency_us)
{
    unsigned bucket = bucket_of(latency_us);

    if (bucket >= REPORT_BUCKETS)
        bucket = REPORT_BUCKETS - 1;
    self->latency[bucket]++;
    self->latency_count++;
    if (latency_us > self->latency_max_us)
        self->latency_max_us = latency_us;
}

double report_percentile_ms(const struct report *self, double share)
{
    uint64_t wanted = (uint64_t)((double)self->latency_count * share);
    uint64_t seen = 0;

    for (unsigned i = 0; i < REPORT_BUCKETS; i++) {
        seen += self->latency[i];
        if (seen > wanted || (seen == self->latency_count && seen > 0))
            return bucket_us(i) / 1000;
    }
    return 0;
}

static uint64_t refused(const struct report *self)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < REPORT_STATUS_MAX; i++)
        sum += self->status[i];
    return sum;
}

uint64_t report_failures(const struct report *self)
{
    return refused(self) + self->timeouts + self->no_notify + self->ended + self->broken +
           self->backward + self->stale + self->unasked + self->lost + self->doubled +
           self->disordered;
}

static void print_kind(FILE *out, bool json, bool first, const char *name, uint64_t count)
{
    if (json)
        (void)fprintf(out, "%s\"%s\":%llu", first ? "" : ",", name, (unsigned long long)count);
    else
        (void)fprintf(out, " %s:%llu", name, (unsigned long long)count);
}

static void print_kinds(const struct report *self, FILE *out, bool json)
{
    const struct {
        const char *name;
        uint64_t count;
    } kinds[] = {
        {"timeout", self->timeouts},  {"no_notify", self->no_notify},
        {"ended", self->ended},       {"broken", self->broken},
        {"backward", self->backward}, {"stale", self->stale},
        {"unasked", self->unasked},   {"lost", self->lost},
        {"doubled", self->doubled},   {"disordered", self->disordered},
    };
    bool first = true;
    char code[8];

    for (unsigned i = 0; i < REPORT_STATUS_MAX; i++) {
        if (self->status[i] == 0)
            continue;
        (void)snprintf(code, sizeof(code), "%u", i);
        print_kind(out, json, first, code, self->status[i]);
        first = false;
    }
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].count == 0)
            continue;
        print_kind(out, json, first, kinds[i].name, kinds[i].count);
        first = false;
    }
}

static double cpu_share(const struct report *self)
{
    return self->wall_us == 0 ? 0 : (double)self->cpu_us / (double)self->wall_us;
}

/* What a rate in two parts was made of: messages per second of storing and of delivering. */
static double part(uint64_t messages, int64_t us)
{
    return us <= 0 ? 0 : (double)messages * 1e6 / (double)us;
}

/* Processor time of the server per operation, in microseconds. */
static double server_us(const struct report *self, const struct report_title *title)
{
    return title->counted == 0 ? 0 : (double)self->server_cpu_us / (double)title->counted;
}

/* What one workload alone has measured. */
static void print_own(const struct report *self, FILE *out, bool json)
{
    if (self->among_us > 0)
        (void)fprintf(out,
                      json ? ",\"alone_ms\":%.3f,\"among_ms\":%.3f,\"ratio\":%.3f"
                           : "  alone %.3f among %.3f ms ratio %.3f",
                      (double)self->alone_us / 1000, (double)self->among_us / 1000,
                      (double)self->among_us / (double)self->alone_us);
    if (self->full_us > 0)
        (void)fprintf(out,
                      json ? ",\"full_ms\":%.1f,\"full_notifies\":%llu"
                           : "  full state %.1f ms in %llu NOTIFYs",
                      (double)self->full_us / 1000, (unsigned long long)self->full_notifies);
}

static void print_people(const struct report *self, const struct report_title *title, FILE *out)
{
    (void)fprintf(
        out, "%-10s %-18s %9.0f %-11s p50 %8.3f  p99 %8.3f ms  rtx %llu/%llu  gen %3.0f %%",
        title->workload, title->label, title->rate, title->unit, report_percentile_ms(self, 0.5),
        report_percentile_ms(self, 0.99), (unsigned long long)self->retransmissions,
        (unsigned long long)self->notify_repeats, cpu_share(self) * 100);
    if (self->server_cpu_us > 0)
        (void)fprintf(out, "  server %.1f us", server_us(self, title));
    if (self->store_us > 0)
        (void)fprintf(out, "  stored %.0f/s delivered %.0f/s",
                      part(self->latency_count, self->store_us),
                      part(self->arrived, self->deliver_us));
    print_own(self, out, false);
    if (cpu_share(self) > 0.8)
        fputs(" generator-bound", out);
    fputs(report_failures(self) + title->setup_failures == 0 ? "  no failures" : "  FAILURES", out);
    print_kinds(self, out, false);
    if (title->setup_failures > 0)
        (void)fprintf(out, " setup:%llu", (unsigned long long)title->setup_failures);
    fputc('\n', out);
}

static void print_json(const struct report *self, const struct report_title *title, FILE *out)
{
    (void)fprintf(out,
                  "{\"workload\":\"%s\",\"label\":\"%s\",\"unit\":\"%s\",\"rate\":%.1f,"
                  "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"operations\":%llu,"
                  "\"notifies\":%llu,\"retransmissions\":%llu,\"notify_repeats\":%llu,"
                  "\"challenges\":%llu,\"stale\":%llu,\"failed\":%llu,\"setup_failures\":%llu,"
                  "\"failures\":{",
                  title->workload, title->label, title->unit, title->rate,
                  report_percentile_ms(self, 0.5), report_percentile_ms(self, 0.99),
                  (double)self->latency_max_us / 1000, (unsigned long long)self->done,
                  (unsigned long long)self->notifies, (unsigned long long)self->retransmissions,
                  (unsigned long long)self->notify_repeats, (unsigned long long)self->challenges,
                  (unsigned long long)self->stale, (unsigned long long)report_failures(self),
                  (unsigned long long)title->setup_failures);
    print_kinds(self, out, true);
    if (self->store_us > 0)
        (void)fprintf(out, "},\"stored_per_s\":%.1f,\"delivered_per_s\":%.1f",
                      part(self->latency_count, self->store_us),
                      part(self->arrived, self->deliver_us));
    else
        fputc('}', out);
    if (self->server_cpu_us > 0)
        (void)fprintf(out, ",\"server_us\":%.2f", server_us(self, title));
    print_own(self, out, true);
    (void)fprintf(out, ",\"seconds\":%.2f,\"generator_cpu\":%.2f,\"generator_bound\":%s}\n",
                  (double)self->wall_us / 1e6, cpu_share(self),
                  cpu_share(self) > 0.8 ? "true" : "false");
}

void report_print(const struct report *self, const struct report_title *title, FILE *people,
                  FILE *json)
{
    if (people != NULL)
        print_people(self, title, people);
    if (json != NULL)
        print_json(self, title, json);
}
