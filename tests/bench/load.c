/* load.c - the load generator: options, the table of workloads, the run. */
#include "tests/bench/load.h"

#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* clang-format off */
static const struct workload workloads[] = {
    {.name = "publish", .unit = "PUBLISH/s", .about = "modify publications, each by its entity-tag",
     .prepare = publish_initial, .operate = publish_modify, .judge = publish_judge,
     .sweep = subscribe_sweep, .watched = WATCH_OWN},
    {.name = "lonely", .unit = "PUBLISH/s", .about = "the same, one at a time: latency",
     .prepare = publish_initial, .operate = publish_modify, .window_max = 1,
     .judge = publish_judge, .sweep = subscribe_sweep, .watched = WATCH_OWN},
    {.name = "renew", .unit = "PUBLISH/s", .about = "refresh publications, which tells nobody",
     .prepare = renew_prepare, .operate = publish_refresh, .judge = renew_judge,
     .sweep = subscribe_sweep, .watched = WATCH_OWN},
    {.name = "subscribe", .unit = "SUBSCRIBE/s",
     .about = "new subscriptions: 200, NOTIFY and its answer",
     .operate = subscribe_initial, .once = true, .sweep = subscribe_sweep},
    {.name = "refresh", .unit = "SUBSCRIBE/s",
     .about = "refreshes in their dialogs: 200, NOTIFY and its answer",
     .prepare = subscribe_initial, .operate = subscribe_refresh, .sweep = subscribe_sweep},
    {.name = "fanout", .unit = "NOTIFY/s",
     .about = "many watchers of one presentity that changes all the time",
     .prepare = subscribe_initial, .measure = fanout_measure, .judge = fanout_judge,
     .sweep = subscribe_sweep, .watched = WATCH_ONE},
    {.name = "order", .unit = "NOTIFY/s",
     .about = "eight publishers of one presentity, and its watchers",
     .prepare = subscribe_initial, .measure = order_measure, .judge = order_judge,
     .sweep = subscribe_sweep, .watched = WATCH_ONE, .show = order_show, .one_presentity = true},
    {.name = "silent", .unit = "NOTIFY/s",
     .about = "many watchers, of whom --mute never answer: how long the others wait",
     .measure = silent_measure, .sweep = subscribe_sweep, .watched = WATCH_ONE},
    {.name = "list", .unit = "NOTIFY/s",
     .about = "a list of all accounts, one of which changes at a time",
     .measure = list_measure, .sweep = subscribe_sweep, .watched = WATCH_LIST, .show = list_show},
    {.name = "register", .unit = "REGISTER/s", .about = "refreshes of bindings",
     .prepare = register_binding, .operate = register_binding},
    {.name = "message", .unit = "MESSAGE/s",
     .about = "messages between registered devices: there, answered, 200",
     .prepare = register_binding, .operate = message_send, .personal = true},
    {.name = "kept", .unit = "MESSAGE/s",
     .about = "messages to who is away, then fetched by registering",
     .measure = kept_measure, .sweep = kept_sweep, .personal = true},
    {.name = "invite", .unit = "calls/s",
     .about = "INVITE, 180, 200, ACK, BYE, 200 between registered devices",
     .prepare = register_binding, .operate = invite_call, .sweep = invite_sweep, .personal = true},
    {.name = "store", .unit = "SUBSCRIBE/s", .about = "make --count subscriptions and leave them",
     .prepare = subscribe_initial, .sweep = subscribe_sweep},
    {.name = "bindings", .unit = "REGISTER/s", .about = "make --count bindings and leave them",
     .prepare = register_binding},
};
/* clang-format on */

static _Noreturn void usage(void)
{
    fputs("load WORKLOAD --server ADDRESS:PORT [--domain example.org] [--label NAME]\n"
          "     [--accounts 10000] [--count 1000] [--window 128 | --rate PER_SECOND]\n"
          "     [--seconds 10] [--warm 1] [--ports 1] [--t1 500] [--body 1000] [--expires 3600]\n"
          "     [--each 10] [--operations N] [--mute 100] [--cpu-of PID,...]\n"
          "     [--auth] [--continuous] [--json]\n\n",
          stderr);
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        (void)fprintf(stderr, "  %-10s %s\n", workloads[i].name, workloads[i].about);
    exit(2);
}

enum option_key {
    OPTION_SERVER = 256,
    OPTION_DOMAIN,
    OPTION_LABEL,
    OPTION_ACCOUNTS,
    OPTION_COUNT,
    OPTION_WINDOW,
    OPTION_RATE,
    OPTION_SECONDS,
    OPTION_WARM,
    OPTION_PORTS,
    OPTION_T1,
    OPTION_BODY,
    OPTION_EXPIRES,
    OPTION_EACH,
    OPTION_OPERATIONS,
    OPTION_MUTE,
    OPTION_CPU_OF,
    OPTION_AUTH,
    OPTION_CONTINUOUS,
    OPTION_JSON,
};

static const struct option long_options[] = {
    {"server", required_argument, NULL, OPTION_SERVER},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"label", required_argument, NULL, OPTION_LABEL},
    {"accounts", required_argument, NULL, OPTION_ACCOUNTS},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warm", required_argument, NULL, OPTION_WARM},
    {"ports", required_argument, NULL, OPTION_PORTS},
    {"t1", required_argument, NULL, OPTION_T1},
    {"body", required_argument, NULL, OPTION_BODY},
    {"expires", required_argument, NULL, OPTION_EXPIRES},
    {"each", required_argument, NULL, OPTION_EACH},
    {"operations", required_argument, NULL, OPTION_OPERATIONS},
    {"mute", required_argument, NULL, OPTION_MUTE},
    {"cpu-of", required_argument, NULL, OPTION_CPU_OF},
    {"auth", no_argument, NULL, OPTION_AUTH},
    {"continuous", no_argument, NULL, OPTION_CONTINUOUS},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

static uint32_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value > UINT32_MAX)
        usage();
    return (uint32_t)value;
}

static void set(struct options *out, int key)
{
    switch (key) {
    case OPTION_SERVER:
        out->server = optarg;
        break;
    case OPTION_DOMAIN:
        out->domain = optarg;
        break;
    case OPTION_LABEL:
        out->label = optarg;
        break;
    case OPTION_ACCOUNTS:
        out->accounts = number(optarg);
        break;
    case OPTION_COUNT:
        out->count = number(optarg);
        break;
    case OPTION_WINDOW:
        out->window = number(optarg);
        break;
    case OPTION_RATE:
        out->rate = strtod(optarg, NULL);
        break;
    case OPTION_SECONDS:
        out->seconds = strtod(optarg, NULL);
        break;
    case OPTION_WARM:
        out->warm_seconds = strtod(optarg, NULL);
        break;
    case OPTION_PORTS:
        out->ports = number(optarg);
        break;
    case OPTION_T1:
        out->t1_ms = number(optarg);
        break;
    case OPTION_BODY:
        out->body_bytes = number(optarg);
        break;
    case OPTION_EXPIRES:
        out->expires_s = number(optarg);
        break;
    case OPTION_EACH:
        out->each = number(optarg);
        break;
    case OPTION_OPERATIONS:
        out->operations = number(optarg);
        break;
    case OPTION_MUTE:
        out->mute = number(optarg);
        break;
    case OPTION_CPU_OF:
        out->cpu_of = optarg;
        break;
    case OPTION_AUTH:
        out->authenticate = true;
        break;
    case OPTION_CONTINUOUS:
        out->continuous = true;
        break;
    case OPTION_JSON:
        out->json_only = true;
        break;
    default:
        usage();
    }
}

static void read_options(struct options *out, int argc, char **argv)
{
    int key;

    *out = (struct options){
        .domain = "example.org",
        .label = "server",
        .accounts = 10000,
        .count = 1000,
        .window = 128,
        .seconds = 10,
        .warm_seconds = 1,
        .ports = 1,
        .t1_ms = 500,
        .body_bytes = 1000,
        .expires_s = 3600,
        .each = 10,
        .mute = 100,
    };
    while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        set(out, key);
    if (out->server == NULL || out->accounts < 2 || out->count == 0 || out->window == 0 ||
        out->ports == 0 || out->ports > WIRE_PORTS_MAX || out->t1_ms == 0 ||
        out->body_bytes > 2000 || out->each == 0 || out->each > MAILBOX_SERIALS ||
        strlen(out->domain) > 64)
        usage();
}

static const struct workload *find_workload(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        if (name != NULL && strcmp(name, workloads[i].name) == 0)
            return &workloads[i];
    usage();
}

static void load_init(struct load *self)
{
    const struct options *options = &self->options;
    uint32_t accounts = options->accounts > options->count ? options->accounts : options->count;

    wire_open(&self->wire, options->server, options->ports);
    exchange_table_init(&self->exchanges, &self->wire, 2 * options->window + 256, options->t1_ms);
    self->publishers = calloc(accounts, sizeof(*self->publishers));
    self->watchers = calloc(options->count, sizeof(*self->watchers));
    self->devices = calloc(options->count, sizeof(*self->devices));
    self->mailboxes = calloc(accounts, sizeof(*self->mailboxes));
    must(self->publishers != NULL && self->watchers != NULL && self->devices != NULL &&
         self->mailboxes != NULL);
    if (self->workload->operate == invite_call)
        invite_init(self);
    if (self->workload->measure == order_measure)
        order_init(self);
    if (options->authenticate) {
        self->credentials = calloc(accounts, sizeof(*self->credentials));
        must(self->credentials != NULL);
    }
    self->run = (uint32_t)time(NULL) ^ ((uint32_t)getpid() << 16);
    self->now_us = wire_now_us();
}

static void load_deinit(struct load *self)
{
    exchange_table_deinit(&self->exchanges);
    wire_close(&self->wire);
    free(self->credentials);
    free(self->publishers);
    free(self->watchers);
    free(self->devices);
    free(self->mailboxes);
    free(self->calls);
    free(self->sights);
}

static void measure(struct load *self)
{
    const struct workload *workload = self->workload;
    const struct options *options = &self->options;
    uint32_t window = workload->window_max > 0 ? workload->window_max : options->window;
    struct report after = {0};

    if (workload->measure != NULL) {
        workload->measure(self);
        return;
    }
    drive_phase(self, workload->operate, options->count, window, workload->once,
                options->warm_seconds);
    drive_measure_begin(self, &self->measured);
    drive_phase(self, workload->operate, options->count, window, workload->once, options->seconds);
    drive_measure_end(self);
    self->report = &after;
    while (self->in_air > 0)
        drive_turn(self, 5);
    /* Late ends are not in the rate, but late failures are failures. */
    for (unsigned i = 0; i < REPORT_STATUS_MAX; i++)
        self->measured.status[i] += after.status[i];
    self->measured.timeouts += after.timeouts;
    self->measured.no_notify += after.no_notify;
    self->measured.broken += after.broken;
    self->measured.lost += after.lost;
    self->measured.doubled += after.doubled;
    self->measured.disordered += after.disordered;
    self->report = &self->measured;
}

static void run(struct load *self)
{
    const struct workload *workload = self->workload;

    if (workload->operate == NULL && workload->measure == NULL) {
        drive_measure_begin(self, &self->measured);
        drive_all(self, workload->prepare, self->options.count);
        drive_measure_end(self);
        return;
    }
    self->report = &self->prepared;
    if (workload->prepare != NULL)
        drive_all(self, workload->prepare, self->options.count);
    measure(self);
}

static void print(const struct load *self)
{
    const struct report *report = &self->measured;
    uint64_t counted =
        self->workload->measure != NULL ? report->notifies + report->arrived : report->done;
    struct report_title title = {
        .workload = self->workload->name,
        .label = self->options.label,
        .unit = self->workload->unit,
        .rate = report->wall_us > 0 ? (double)counted * 1e6 / (double)report->wall_us : 0,
        .counted = counted,
        .setup_failures = report_failures(&self->prepared),
    };

    if (title.setup_failures > 0) {
        struct report_title setup = {.workload = "(prepare)", .label = title.label, .unit = ""};

        report_print(&self->prepared, &setup, stderr, NULL);
    }
    report_print(report, &title, self->options.json_only ? NULL : stderr, stdout);
}

int main(int argc, char **argv)
{
    static struct load load; /* too large for the stack of a small thread; zeroed */
    bool failed;

    read_options(&load.options, argc, argv);
    load.workload = find_workload(argv[optind]);
    if ((load.workload->personal && load.options.count > load.options.accounts) ||
        (load.workload->measure == silent_measure && load.options.mute >= load.options.count))
        usage();
    load_init(&load);
    run(&load);
    /* The rate was taken; notifications of the judgement must not count. */
    {
        uint64_t done = load.measured.done;
        uint64_t notifies = load.measured.notifies;

        if (load.workload->judge != NULL)
            load.workload->judge(&load);
        load.measured.done = done;
        load.measured.notifies = notifies;
    }
    print(&load);
    failed = report_failures(&load.measured) + report_failures(&load.prepared) > 0;
    load_deinit(&load);
    return failed ? 1 : 0;
}
