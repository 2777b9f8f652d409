/* crash.c - the generator of the crash test: it lives through all rounds, and tells what it finds.
 */
#include "tests/bench/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define QUIET_US 300000
#define QUIESCE_US 8000000
#define SETTLE_US 20000000
#define SIGN_AGAIN_US 1000000
#define STARTS_PER_TURN 8

/* splitmix64: the traffic is the same for the same seed, as far as the answers are. */
uint32_t crash_random(struct crash *self, uint32_t below)
{
    uint64_t z = self->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % below);
}

struct span crash_uri(const struct crash *self, char out[CRASH_URI_BYTES], uint32_t account)
{
    int len = snprintf(out, CRASH_URI_BYTES, "sip:u%u@%s", account, self->domain);

    must(len > 0 && len < CRASH_URI_BYTES);
    return (struct span){out, (size_t)len};
}

uint64_t crash_hash(struct span bytes)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.at[i]) * 1099511628211u;
    return hash;
}

struct object *crash_object(struct crash *self, enum object_kind kind, uint32_t account,
                            uint32_t number)
{
    return &self->objects[account * CRASH_ROLES + (uint32_t)kind * 2 + number];
}

/* Written before the generator goes on; violations are for people too, without the time. */
static void log_line(struct crash *self, bool violation, const char *text)
{
    char line[640];
    int len = snprintf(line, sizeof(line), "%.3f %s%s\n", (double)self->now_us / 1e6,
                       violation ? "VIOLATION " : "", text);

    must(len > 0 && len < (int)sizeof(line));
    must(write(self->log, line, (size_t)len) == len);
    if (violation)
        (void)fprintf(stderr, "VIOLATION %s\n", text);
}

void crash_log(struct crash *self, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() is the line above */
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_line(self, false, text);
}

void crash_violation(struct crash *self, const char *format, ...)
{
    char text[512];
    va_list arguments;

    self->counts.violations++;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() is the line above */
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_line(self, true, text);
}

static void receive(void *context, uint32_t port, struct span datagram)
{
    struct crash *self = context;
    struct scan message;

    if (datagram.len < 16)
        return;
    if (!scan_message(datagram, &message)) {
        crash_violation(self, "what came is not SIP: " SPAN_FMT,
                        (int)(datagram.len < 60 ? datagram.len : 60), datagram.at);
        return;
    }
    if (message.is_response)
        exchange_receive(&self->exchanges, &message, self->now_us);
    else
        traffic_receive(self, port, &message);
}

void crash_turn(struct crash *self)
{
    for (int i = 0; i < STARTS_PER_TURN && self->traffic; i++)
        if (self->exchanges.busy - self->mail.busy < self->window)
            traffic_start(self);
    mail_turn(self);
    wire_flush(&self->wire);
    wire_poll(&self->wire, 2, receive, self);
    self->now_us = wire_now_us();
    exchange_run(&self->exchanges, self->now_us);
}

/* ---- commands of the script, one a line ---- */

static void reply(const char *text)
{
    (void)printf("%s\n", text);
    (void)fflush(stdout);
}

/* What has no answer yet may come to nothing now, or be repeated: until disaster_over(). */
static void disaster(struct crash *self)
{
    self->mail.epoch++;
    reply("brace");
}

static void disaster_over(struct crash *self)
{
    self->up_us = self->now_us;
    self->mail.epoch++;
    reply("noted");
}

/* Until every request has its answer or was given up, and what was given up has come to rest. */
static void quiesce(struct crash *self)
{
    int64_t give_up_us;

    self->traffic = false;
    give_up_us = self->now_us + QUIESCE_US;
    while (self->now_us < give_up_us && (self->exchanges.busy > 0 || mail_is_busy(self) ||
                                         self->now_us < self->last_unknown_us + QUIET_US))
        crash_turn(self);
    reply("quiet");
}

/* Everybody is there and loses nothing: what was kept must come. */
static void settle(struct crash *self)
{
    int64_t give_up_us = self->now_us + SETTLE_US;
    int64_t sign_us = self->now_us;

    self->traffic = false;
    while (self->now_us < give_up_us && (mail_due(self) > 0 || !phones_are_on(self))) {
        if (self->now_us >= sign_us) {
            phones_sign_on(self);
            sign_us = self->now_us + SIGN_AGAIN_US;
        }
        crash_turn(self);
    }
    mail_check_all(self);
    reply("settled");
}

/* For so many milliseconds phones answer, and nothing is asked. */
static void listen_for(struct crash *self, int64_t ms)
{
    int64_t until_us = self->now_us + ms * 1000;

    self->traffic = false;
    while (self->now_us < until_us)
        crash_turn(self);
    reply("listened");
}

static void check(struct crash *self, const char *path)
{
    uint64_t before = self->counts.violations;
    char line[160];

    check_rows(self, path);
    check_watchers(self);
    (void)snprintf(
        line, sizeof(line), "%s acknowledged=%llu notifies=%llu rows=%llu letters=%u due=%u",
        self->counts.violations == 0 ? "pass" : "fail",
        (unsigned long long)self->counts.acknowledged, (unsigned long long)self->counts.notifies,
        (unsigned long long)self->counts.rows, mail_acknowledged(self), mail_due(self));
    if (self->counts.violations > before)
        crash_log(self, "check found %llu violations",
                  (unsigned long long)(self->counts.violations - before));
    reply(line);
}

/* False when there will be no more commands. */
static bool command(struct crash *self, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "run ", 4) == 0) {
        mail_run(self, (uint32_t)strtoul(line + 4, NULL, 10));
        self->traffic = true;
        reply("running");
    } else if (strcmp(line, "disaster") == 0) {
        disaster(self);
    } else if (strcmp(line, "up") == 0) {
        disaster_over(self);
    } else if (strcmp(line, "settle") == 0) {
        settle(self);
    } else if (strncmp(line, "listen ", 7) == 0) {
        listen_for(self, strtol(line + 7, NULL, 10));
    } else if (strcmp(line, "quiesce") == 0) {
        quiesce(self);
    } else if (strncmp(line, "check ", 6) == 0) {
        check(self, line + 6);
    } else {
        return false;
    }
    return true;
}

/* Commands are short and come one at a time, each after the reply to the one before. */
static bool commands(struct crash *self)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[512];
    ssize_t len;

    if (poll(&input, 1, 0) <= 0)
        return true;
    len = read(STDIN_FILENO, line, sizeof(line) - 1);
    if (len <= 0)
        return false;
    line[len] = '\0';
    return command(self, line);
}

static void print_summary(const struct crash *self)
{
    const struct crash_counts *counts = &self->counts;

    (void)fprintf(stderr,
                  "seed %llu: %llu checks, %llu requests acknowledged (%llu of them after a"
                  " retransmission), %llu answered 5xx, %llu not answered, %llu of those settled,"
                  " %llu NOTIFYs, %llu rows compared, %llu violations\n",
                  (unsigned long long)self->seed, (unsigned long long)counts->checks,
                  (unsigned long long)counts->acknowledged, (unsigned long long)counts->repeated,
                  (unsigned long long)counts->refused, (unsigned long long)counts->unanswered,
                  (unsigned long long)counts->settled_unknown, (unsigned long long)counts->notifies,
                  (unsigned long long)counts->rows, (unsigned long long)counts->violations);
}

static void print_letters(const struct mail_counts *counts)
{
    (void)fprintf(stderr,
                  "letters: %llu kept, %llu relayed, %llu given up, %llu repeated; %llu arrivals,"
                  " %llu again; %llu REGISTERs of phones, %llu rows compared\n",
                  (unsigned long long)counts->kept, (unsigned long long)counts->relayed,
                  (unsigned long long)counts->given_up, (unsigned long long)counts->repeated,
                  (unsigned long long)counts->copies, (unsigned long long)counts->copies_again,
                  (unsigned long long)counts->registers, (unsigned long long)counts->rows);
}

struct arguments {
    const char *server;
    const char *log;
    uint32_t t1_ms;
};

static _Noreturn void usage(void)
{
    fputs("crash --server ADDRESS:PORT --log FILE [--domain example.org] [--accounts 100]\n"
          "      [--window 32] [--seed N] [--t1 50] [--grace-ms 2500]\n"
          "      [--mailboxes 24]\n"
          "Commands on standard input: run LETTERS, disaster, up, quiesce, settle, listen MS,\n"
          "check FILE, quit.\n",
          stderr);
    exit(2);
}

static void read_arguments(struct crash *self, struct arguments *out, int argc, char **argv)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},    {"log", required_argument, NULL, 'l'},
        {"domain", required_argument, NULL, 'd'},    {"accounts", required_argument, NULL, 'a'},
        {"window", required_argument, NULL, 'w'},    {"seed", required_argument, NULL, 'r'},
        {"grace-ms", required_argument, NULL, 'g'},  {"t1", required_argument, NULL, 't'},
        {"mailboxes", required_argument, NULL, 'm'}, {NULL, 0, NULL, 0},
    };
    int key;

    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        uint64_t number = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);

        switch (key) {
        case 's':
            out->server = optarg;
            break;
        case 'l':
            out->log = optarg;
            break;
        case 'd':
            self->domain = optarg;
            break;
        case 'a':
            self->accounts = (uint32_t)number;
            break;
        case 'w':
            self->window = (uint32_t)number;
            break;
        case 'r':
            self->seed = number;
            break;
        case 'g':
            self->grace_us = (int64_t)number * 1000;
            break;
        case 'm':
            self->mail.mailboxes = (uint32_t)number;
            break;
        case 't':
            out->t1_ms = (uint32_t)number;
            break;
        default:
            usage();
        }
    }
    if (out->server == NULL || out->log == NULL || self->accounts < 8 || self->window == 0 ||
        out->t1_ms == 0 || strlen(self->domain) > 64)
        usage();
}

static void crash_init(struct crash *self, const struct arguments *arguments)
{
    uint32_t capacity = self->window + self->accounts * 8;

    mail_init(self);
    capacity += self->mail.mailboxes * (MAIL_PHONES + MAIL_TALKS);
    wire_open(&self->wire, arguments->server, 1 + MAIL_PORTS);
    exchange_table_init(&self->exchanges, &self->wire, capacity, arguments->t1_ms);
    self->log = open(arguments->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    if (self->log < 0) {
        (void)fprintf(stderr, "crash: %s: %s\n", arguments->log, strerror(errno));
        exit(2);
    }
    self->objects = calloc((size_t)self->accounts * CRASH_ROLES, sizeof(*self->objects));
    self->fetches = calloc(self->accounts, sizeof(*self->fetches));
    must(self->objects != NULL && self->fetches != NULL);
    for (uint32_t i = 0; i < self->accounts * CRASH_ROLES; i++) {
        self->objects[i].account = i / CRASH_ROLES;
        self->objects[i].kind = (enum object_kind)(i % CRASH_ROLES / 2);
        self->objects[i].number = i % 2;
    }
    self->random = self->seed;
    self->run = (uint32_t)time(NULL) ^ ((uint32_t)getpid() << 16);
    self->now_us = wire_now_us();
}

int main(int argc, char **argv)
{
    static struct crash crash = {.domain = "example.org",
                                 .accounts = 100,
                                 .window = 32,
                                 .grace_us = 2500000,
                                 .mail = {.mailboxes = 24}};
    struct arguments arguments = {.t1_ms = 50};

    crash.seed = (uint64_t)time(NULL);
    read_arguments(&crash, &arguments, argc, argv);
    crash_init(&crash, &arguments);
    while (commands(&crash))
        crash_turn(&crash);
    print_summary(&crash);
    print_letters(&crash.mail.counts);
    mail_deinit(&crash);
    exchange_table_deinit(&crash.exchanges);
    wire_close(&crash.wire);
    free(crash.objects);
    free(crash.fetches);
    close(crash.log);
    return crash.counts.violations > 0 ? 1 : 0;
}
