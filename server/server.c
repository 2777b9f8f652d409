/* server.c - knows everyone once: what each module gets, who is told of what, in which order all
 * ends. */
#include "server/server.h"

#include "server/base/must.h"
#include "server/http.h"
#include "server/service/command.h"
#include "server/service/notify.h"
#include "server/service/packages.h"
#include "server/service/router.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum {
    LOOK_US = 20 * US_PER_MS,      /* how often a draining server looks whether it is done */
    TIDY_US = 10 * US_PER_S,       /* how often memory that bursts left behind is given back */
    TURN_BEGIN = -1,               /* places of what runs each turn */
    TURN_LOG = 1000,               /* after everything that may write a line */
    DESCRIPTORS_BESIDES = 256,     /* that are no SIP connection */
    DOCUMENT_BYTES_MAX = 60 << 10, /* of a NOTIFY over UDP, with room for its head */
};

struct server {
    struct config *config;
    const char *path;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct transport *transport;
    struct transactions *transactions;
    struct state *state;
    struct requests *requests;
    struct auth *auth;
    struct forks *forks;
    struct event_packages packages;
    struct notify *notify;
    struct keep *keep;
    struct lates *lates;
    struct message_service messages;
    struct commands commands;
    struct router router;
    struct http *http;
    struct timer drain;
    struct timer tidy;
    struct instant drain_until;
    int status;
};

/* ---- making, lowest layer first ---- */

static void on_turn_begin(void *context)
{
    struct server *self = context;

    log_set_time(self->log, loop_wall(self->loop));
}

static void on_turn_end(void *context)
{
    log_flush(((struct server *)context)->log);
}

static double log_dropped_gauge(void *context)
{
    return (double)log_dropped(((struct server *)context)->log);
}

static void make_base(struct server *self)
{
    self->loop = loop_new();
    self->log = log_new(STDERR_FILENO, (enum log_level)self->config->log.level,
                        getenv("JOURNAL_STREAM") != NULL);
    self->metrics = metrics_new();
    log_set_time(self->log, loop_wall(self->loop));
    loop_each_turn(self->loop, TURN_BEGIN, on_turn_begin, self);
    loop_each_turn(self->loop, TURN_LOG, on_turn_end, self);
    metric_gauge(self->metrics, "log_lines_dropped", NULL,
                 "Log lines that the reader of standard error did not take", log_dropped_gauge,
                 self);
}

static bool listen_at(struct server *self, const struct config_listen *from)
{
    struct transport_listener listener = {
        .bind = {.protocol =
                     from->transport == CONFIG_TRANSPORT_TCP ? TRANSPORT_TCP : TRANSPORT_UDP,
                 .port = (uint16_t)from->port},
        .advertised_host = span_of(from->advertise_host),
        .advertised_port = (uint16_t)from->advertise_port,
        .receive_buffer_bytes = from->receive_buffer_bytes,
        .send_buffer_bytes = from->send_buffer_bytes,
    };

    return endpoint_parse_host(span_of(from->address), &listener.bind) == STATUS_OK &&
           transport_listen(self->transport, &listener, NULL) == STATUS_OK;
}

static struct transport_tcp_options tcp_options(const struct config *config)
{
    return (struct transport_tcp_options){
        .connect_s = config->tcp.connect_s,
        .spare_s = config->tcp.spare_s,
        .first_s = config->tcp.first_s,
        .idle_s = config->tcp.idle_s,
        .message_s = config->tcp.message_s,
        .write_s = config->tcp.write_s,
        .keepalive_s = config->tcp.keepalive_s,
        .connections_max = config->tcp.connections_max,
        .connections_per_source_max = config->tcp.connections_per_source_max,
        .write_queue_bytes_max = config->tcp.write_queue_bytes_max,
        .write_bytes_max = config->tcp.write_bytes_max,
        .partial_bytes_max = config->tcp.partial_bytes_max,
    };
}

/* A descriptor is a connection: take as many as the system lets us. */
static void raise_descriptors(const struct server *self)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* not where the service manager has done it */
    if (limit.rlim_max < self->config->tcp.connections_max + DESCRIPTORS_BESIDES)
        log_line(self->log, LOG_WARNING, "descriptors",
                 "limit=%llu wanted=%u raise=LimitNOFILE key=tcp.connections_max",
                 (unsigned long long)limit.rlim_max,
                 self->config->tcp.connections_max + DESCRIPTORS_BESIDES);
}

static bool make_transport(struct server *self)
{
    const struct config *config = self->config;
    const struct transport_options transport = {
        .udp_request_bytes_max = config->limits.udp_request_bytes_max,
        .tcp = tcp_options(config),
        .limits = {.header_bytes = config->limits.message_bytes_max,
                   .headers = config->limits.headers_max,
                   .body_bytes = config->limits.body_bytes_max},
    };
    const struct transaction_options transaction = {
        .timers = {.t1_ms = config->timers.t1_ms,
                   .t2_ms = config->timers.t2_ms,
                   .t4_ms = config->timers.t4_ms},
        .server_max = config->limits.transactions_max,
        .client_max = config->limits.transactions_max,
        .node = (uint16_t)config->database.node_id,
        .no_timer_k = true, /* a repeated answer to a NOTIFY is known by its branch alone */
    };

    self->transport = transport_new(self->loop, self->log, self->metrics, &transport);
    self->transactions =
        transactions_new_over(self->transport, self->loop, self->metrics, &transaction);
    for (size_t i = 0; i < config->listen_count; i++)
        if (!listen_at(self, &config->listen[i]))
            return false;
    return true;
}

static struct state_options state_options(const struct config *config)
{
    return (struct state_options){
        .storage = {.conninfo = config->database.conninfo,
                    .node_id = config->database.node_id,
                    .standby = config->database.standby,
                    .lock_timeout_ms = config->database.lock_timeout_ms,
                    .stuck_ms = config->database.stuck_ms},
        .batch = {.rows_max = config->database.batch_rows_max,
                  .bytes_max = config->database.batch_bytes_max,
                  .spacing_us = config->database.batch_spacing_us,
                  .patience_us = (int64_t)config->database.patience_ms * US_PER_MS},
        .publication = {.per_resource_max = config->publication.per_resource_max,
                        .publications_max = config->publication.publications_max},
        .subscription = {.per_resource_max = config->subscription.per_resource_max,
                         .per_watcher_max = config->subscription.per_watcher_max,
                         .unauthorized_max = config->subscription.unauthorized_max,
                         .waiting_s = config->subscription.waiting_s,
                         .subscriptions_max = config->subscription.subscriptions_max},
        .device = {.devices_max = config->message.devices_max,
                   .forget_s = config->message.device_forget_s},
        .message = {.per_aor_max = config->message.per_aor_max,
                    .per_aor_bytes_max = config->message.per_aor_bytes_max,
                    .messages_max = config->message.messages_max,
                    .bytes_max = config->message.bytes_max,
                    .remember_s = config->message.remember_s},
        .bindings_max = config->registration.bindings_max,
        .outage_grace_us = (int64_t)config->database.outage_grace_s * US_PER_S,
        .expiry_per_s = config->database.expiry_per_s,
    };
}

static void make_state(struct server *self)
{
    const struct state_options options = state_options(self->config);

    self->state = state_new(self->loop, self->log, self->metrics, self->transport, &options);
}

static void make_packages(struct server *self)
{
    const struct config *config = self->config;
    struct pidf_limits limits = pidf_limits_default;

    limits.bytes = config->limits.body_bytes_max;
    limits.depth = config->limits.xml_depth_max;
    limits.elements = config->limits.xml_elements_max;
    packages_make(&self->packages, self->state, &limits);
}

static struct notify_options notify_options(const struct config *config)
{
    return (struct notify_options){
        .window_min = config->notify.window_min,
        .window_max = config->notify.window_max,
        .chances = config->notify.chances,
        .retry_min_s = config->notify.retry_min_s,
        .retry_max_s = config->notify.retry_max_s,
        .owed_after_s = config->notify.owed_after_s,
        .min_rate_interval_min_ms = config->notify.min_rate_interval_min_ms,
        .document_bytes_max = DOCUMENT_BYTES_MAX,
        .roster = {.members_max = config->notify.list_members_max,
                   .body_bytes_max = config->notify.list_bytes_max},
        .udp_bytes_max = config->limits.udp_request_bytes_max,
    };
}

static struct fork_options fork_options(const struct config *config)
{
    return (struct fork_options){
        .forks_max = config->proxy.forks_max,
        .bytes_max = config->proxy.bytes_max,
        .timer_c_s = config->proxy.timer_c_s,
        .linger_ms = config->timers.t1_ms * TRANSACTION_T1_TIMES,
        .max_breadth = config->proxy.max_breadth,
    };
}

static struct keep_options keep_options(const struct config *config)
{
    return (struct keep_options){
        .window_max = config->message.window_max,
        .retry_min_s = config->message.retry_min_s,
        .retry_max_s = config->message.retry_max_s,
        .attempts_max = config->message.attempts_max,
    };
}

static void make_messages(struct server *self)
{
    const struct keep_options options = keep_options(self->config);

    self->keep = keep_new(self->state, self->transactions, self->metrics, &options);
    self->lates = lates_new(self->loop, self->config->timers.t1_ms * TRANSACTION_T1_TIMES);
    self->messages.kept =
        metric_counter(self->metrics, "messages_kept_total", NULL, "MESSAGEs kept for devices");
    self->messages.repeated = metric_counter(self->metrics, "messages_repeated_total", NULL,
                                             "MESSAGEs that were kept before");
}

static void make_services(struct server *self)
{
    const struct config *config = self->config;
    const struct auth_options auth = {.nonce_life_s = config->auth.nonce_life_s,
                                      .nonces_max = config->auth.nonces_max,
                                      .nonce_window = config->auth.nonce_window,
                                      .failures_max = config->auth.failures_max,
                                      .lockout_s = config->auth.lockout_s};
    const struct notify_options notify = notify_options(config);
    const struct fork_options fork = fork_options(config);

    self->requests = requests_new(self->loop, self->log, self->metrics, self->transactions,
                                  &self->state->node.mark_key, config->limits.requests_max);
    self->auth = auth_new(self->state, self->metrics, &auth);
    self->forks = forks_new(self->state, self->transactions, self->requests, self->metrics, &fork);
    self->notify =
        notify_new(self->state, self->transactions, &self->packages, self->metrics, &notify);
    make_messages(self);
    self->commands = (struct commands){self->state, &self->packages, &self->messages};
}

/* What a reload may change too. */
static void set_policies(struct server *self)
{
    const struct config *config = self->config;

    self->router.registrar = (struct registrar){
        .state = self->state,
        .auth = self->auth,
        .expires_min_s = config->registration.expires_min_s,
        .expires_default_s = config->registration.expires_default_s,
        .expires_max_s = config->registration.expires_max_s,
        .contacts_max = config->registration.contacts_max,
    };
    self->router.publish = (struct publish){
        .state = self->state,
        .auth = self->auth,
        .packages = &self->packages,
        .expires_min_s = config->publication.expires_min_s,
        .expires_default_s = config->publication.expires_default_s,
        .expires_max_s = config->publication.expires_max_s,
        .body_bytes_max = config->limits.body_bytes_max,
    };
    self->router.subscribe = (struct subscribe){
        .state = self->state,
        .auth = self->auth,
        .packages = &self->packages,
        .content = notify_content(self->notify),
        .expires_min_s = config->subscription.expires_min_s,
        .expires_default_s = config->subscription.expires_default_s,
        .expires_max_s = config->subscription.expires_max_s,
        .body_bytes_max = config->limits.body_bytes_max,
    };
}

static void set_message_policies(struct server *self)
{
    const struct config *config = self->config;

    self->messages = (struct message_service){
        .state = self->state,
        .forks = self->forks,
        .keep = self->keep,
        .lates = self->lates,
        .keep_after_ms = config->message.keep_after_ms,
        .keep_max_s = config->message.keep_max_s,
        .body_bytes_max = config->limits.body_bytes_max,
        .kept = self->messages.kept,
        .repeated = self->messages.repeated,
    };
}

static void make_router(struct server *self)
{
    self->router.state = self->state;
    self->router.requests = self->requests;
    self->router.transactions = self->transactions;
    self->router.packages = &self->packages;
    self->router.proxy = (struct proxy){
        .state = self->state,
        .auth = self->auth,
        .forks = self->forks,
        .transactions = self->transactions,
        .messages = &self->messages,
        .acks_dropped = metric_counter(self->metrics, "acks_dropped_total", NULL,
                                       "ACKs that bore no mark of ours, or led nowhere"),
    };
    set_policies(self);
    set_message_policies(self);
    message_service_start(&self->messages);
    transactions_on_request(self->transactions, router_receive, &self->router);
}

/* ---- probes ---- */

static bool is_ready(void *context, struct buffer *why)
{
    const struct server *self = context;
    const char *reason = NULL;

    if (self->router.draining)
        reason = "shutting down";
    else if (self->state->standby)
        reason = "standby: another server owns the state";
    else if (!self->state->ready)
        reason = "starting";
    else if (!batch_is_open(self->state->node.batch))
        reason = "database is away";
    if (reason != NULL)
        buffer_put(why, span_of(reason));
    return reason == NULL;
}

static void print_metrics(void *context, struct buffer *out)
{
    metrics_print(((struct server *)context)->metrics, out);
}

static bool make_http(struct server *self)
{
    const struct config *config = self->config;
    const struct http_options options = {
        .address = config->http.address,
        .port = (uint16_t)config->http.port,
        .connections_max = config->http.connections_max,
        .header_bytes_max = config->http.header_bytes_max,
        .idle_s = config->http.idle_s,
        .context = self,
        .on_ready = is_ready,
        .on_metrics = print_metrics,
    };

    if (!config->http.enabled)
        return true;
    self->http = http_new(self->loop, self->log, &options);
    return self->http != NULL;
}

/* ---- what state tells ---- */

static void on_ready(void *context)
{
    struct server *self = context;

    notify_start(self->notify);
    keep_start(self->keep);
    sd_notify(0, "READY=1\nSTATUS=serving");
}

/* A standby has started as well as it can: its supervisor shall not wait for more. */
static void on_standby(void *context)
{
    (void)context;
    sd_notify(0, "READY=1\nSTATUS=standby: another server owns the state");
}

static void on_command(void *context, const struct command_row *row)
{
    command_receive(&((struct server *)context)->commands, row);
}

static void stop(struct server *self, int status)
{
    self->status = status;
    loop_stop(self->loop);
}

/* The supervisor starts us again: as a standby, or to say the same. */
static void on_fatal(void *context, const char *why)
{
    sd_notifyf(0, "STATUS=%s", why);
    stop(context, EX_TEMPFAIL);
}

/* ---- stopping, reloading, tidying ---- */

static void on_drain(struct timer *timer, struct instant now)
{
    struct server *self = CONTAINER_OF(timer, struct server, drain);
    bool idle = requests_count(self->requests) == 0 && forks_unanswered(self->forks) == 0 &&
                batch_is_idle(self->state->node.batch) && notify_is_idle(self->notify) &&
                keep_is_idle(self->keep);

    if (idle || instant_reached(now, self->drain_until)) {
        log_line(self->log, LOG_INFO, "stop", "drained=%s", idle ? "yes" : "no");
        stop(self, EX_OK);
        return;
    }
    timer_start(loop_timers(self->loop), &self->drain, instant_after(now, LOOK_US), on_drain);
}

static void on_terminate(void *context, int signal)
{
    struct server *self = context;

    if (self->router.draining) { /* asked twice: at once */
        stop(self, EX_OK);
        return;
    }
    log_line(self->log, LOG_INFO, "drain", "signal=%d", signal);
    sd_notify(0, "STOPPING=1");
    self->router.draining = true;
    forks_drain(self->forks);
    keep_stop(self->keep);
    self->drain_until =
        instant_after(loop_now(self->loop), (int64_t)self->config->process.drain_s * US_PER_S);
    timer_start(loop_timers(self->loop), &self->drain, loop_now(self->loop), on_drain);
}

static void reconfigure(struct server *self)
{
    const struct state_options state = state_options(self->config);
    const struct notify_options notify = notify_options(self->config);
    const struct fork_options fork = fork_options(self->config);
    const struct keep_options keep = keep_options(self->config);

    keep_reconfigure(self->keep, &keep);
    forks_reconfigure(self->forks, &fork);
    state_reconfigure(self->state, &state);
    notify_reconfigure(self->notify, &notify);
    set_policies(self);
    set_message_policies(self);
}

static void on_reload(void *context, int signal)
{
    struct server *self = context;
    struct config_error error;
    struct config *from = config_load(self->path, &error);
    struct buffer refused;

    (void)signal;
    if (from == NULL) {
        log_line(self->log, LOG_ERROR, "reload", "fault=\"%s\"", error.text);
        return;
    }
    buffer_init(&refused, 4096);
    config_reload(self->config, from, &refused);
    config_free(from);
    log_set_level(self->log, (enum log_level)self->config->log.level);
    reconfigure(self);
    log_line(self->log, LOG_INFO, "reload", "needs_restart=\"" SPAN_FMT "\"",
             SPAN_ARG(buffer_span(&refused)));
    buffer_deinit(&refused);
}

/* A burst leaves pages behind that nothing uses; an idle moment is when they can go. */
static void on_tidy(struct timer *timer, struct instant now)
{
    struct server *self = CONTAINER_OF(timer, struct server, tidy);

    if (requests_count(self->requests) == 0)
        malloc_trim(0);
    timer_start(loop_timers(self->loop), &self->tidy, instant_after(now, TIDY_US), on_tidy);
}

/* ---- life ---- */

static void unmake(struct server *self)
{
    timer_stop(loop_timers(self->loop), &self->drain);
    timer_stop(loop_timers(self->loop), &self->tidy);
    http_free(self->http);
    transport_flush(self->transport);
    notify_free(self->notify);
    keep_free(self->keep);
    lates_free(self->lates);
    forks_free(self->forks);
    state_free(self->state);
    requests_free(self->requests);
    auth_free(self->auth);
    packages_free(&self->packages);
    transactions_free(self->transactions);
    transport_free(self->transport);
    log_flush(self->log);
    loop_free(self->loop);
    metrics_free(self->metrics);
    log_free(self->log);
}

int server_run(struct config *config, const char *path)
{
    struct server self = {.config = config, .path = path, .status = EX_OSERR};
    bool made;

    signal(SIGPIPE, SIG_IGN);
    make_base(&self);
    raise_descriptors(&self);
    made = make_transport(&self);
    make_state(&self);
    make_packages(&self);
    make_services(&self);
    make_router(&self);
    self.state->upward.context = &self;
    self.state->upward.on_ready = on_ready;
    self.state->upward.on_standby = on_standby;
    self.state->upward.on_command = on_command;
    self.state->upward.on_fatal = on_fatal;
    if (made && make_http(&self)) {
        loop_on_signal(self.loop, SIGTERM, on_terminate, &self);
        loop_on_signal(self.loop, SIGINT, on_terminate, &self);
        loop_on_signal(self.loop, SIGHUP, on_reload, &self);
        timer_start(loop_timers(self.loop), &self.tidy, instant_after(loop_now(self.loop), TIDY_US),
                    on_tidy);
        log_line(self.log, LOG_INFO, "start", "version=" PRESENCED_VERSION);
        state_open(self.state);
        loop_run(self.loop);
    }
    unmake(&self);
    return self.status;
}

int server_migrate(struct config *config, const char *path)
{
    (void)path;
    return storage_migrate(config->database.conninfo, config->database.schema_dir) == STATUS_OK
               ? EX_OK
               : EX_TEMPFAIL;
}
