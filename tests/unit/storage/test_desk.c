/* test_desk.c - the desk, and that an empty database opens. */
#include "tests/unit/storage/desk.h"

#include "server/base/must.h"
#include "tests/unit/storage/cluster.h"

#include <check.h>
#include <time.h>

/* ---- writing down ---- */

static struct span keep(struct desk *self, struct span bytes)
{
    char *copy = malloc(bytes.len + 1);

    must(copy != NULL && self->kept_count < sizeof(self->kept) / sizeof(self->kept[0]));
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    self->kept[self->kept_count++] = copy;
    return (struct span){copy, bytes.len};
}

static void keep_flow(struct desk *self, struct flow_row *flow)
{
    flow->transport = keep(self, flow->transport);
    flow->local_address = keep(self, flow->local_address);
    flow->remote_address = keep(self, flow->remote_address);
}

static void on_standby(void *context)
{
    struct desk *self = context;

    ck_assert_msg(!self->standby, "told twice");
    self->standby = true;
}

static void on_domain(void *context, const struct domain_row *row)
{
    struct desk *self = context;

    self->domains++;
    self->domain = *row;
    self->domain.name = keep(self, row->name);
}

static void on_domain_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->domains_gone++;
    self->last_gone = id;
}

static void on_account(void *context, const struct account_row *row)
{
    struct desk *self = context;

    self->accounts++;
    self->account = *row;
    self->account.aor = keep(self, row->aor);
    self->account.domain = keep(self, row->domain);
    self->account.username = keep(self, row->username);
    self->account.ha1_md5 = keep(self, row->ha1_md5);
    self->account.ha1_sha256 = keep(self, row->ha1_sha256);
    self->account.ha1_sha512_256 = keep(self, row->ha1_sha512_256);
}

static void on_account_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->accounts_gone++;
    self->last_gone = id;
}

static void on_trusted_peer(void *context, const struct trusted_peer_row *row)
{
    struct desk *self = context;

    self->peers++;
    self->peer = *row;
    self->peer.transport = keep(self, row->transport);
    self->peer.domain = keep(self, row->domain);
}

static void on_trusted_peer_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->peers_gone++;
    self->last_gone = id;
}

static void on_watcher_rule(void *context, const struct watcher_rule_row *row)
{
    struct desk *self = context;

    self->rule = *row;
    self->rule.domain = keep(self, row->domain);
    self->rule.presentity = keep(self, row->presentity);
    self->rule.watcher = keep(self, row->watcher);
    self->rule.event = keep(self, row->event);
    self->rule_rows[self->rules++ % DESK_ROWS_MAX] = self->rule;
}

static void on_watcher_rule_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->rules_gone++;
    self->last_gone = id;
}

static void on_list(void *context, const struct list_row *row)
{
    struct desk *self = context;

    ck_assert(row->member_count == 0 || row->members != NULL);
    self->lists++;
    self->list = *row;
    self->list.aor = keep(self, row->aor);
    self->list.owner = keep(self, row->owner);
    self->list.name = keep(self, row->name);
    self->list.members = NULL;
    for (size_t i = 0; i < row->member_count && i < DESK_ROWS_MAX; i++) {
        self->members[i].uri = keep(self, row->members[i].uri);
        self->members[i].name = keep(self, row->members[i].name);
    }
}

static void on_list_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->lists_gone++;
    self->last_gone = id;
}

static void on_dialect(void *context, const struct dialect_row *row)
{
    struct desk *self = context;

    self->dialects++;
    self->dialect = *row;
    self->dialect.user_agent = keep(self, row->user_agent);
    self->dialect.event = keep(self, row->event);
}

static void on_dialect_gone(void *context, int64_t id)
{
    struct desk *self = context;

    self->dialects_gone++;
    self->last_gone = id;
}

static void on_binding(void *context, const struct binding_row *row)
{
    struct desk *self = context;
    struct binding_row *copy = &self->bindings[self->binding_count++ % DESK_ROWS_MAX];

    *copy = *row;
    if (self->binding_count > DESK_ROWS_MAX)
        return;
    copy->aor = keep(self, row->aor);
    copy->contact_key = keep(self, row->contact_key);
    copy->contact = keep(self, row->contact);
    copy->parameters = keep(self, row->parameters);
    copy->path = keep(self, row->path);
    copy->instance = keep(self, row->instance);
    copy->call_id = keep(self, row->call_id);
    copy->from_tag = keep(self, row->from_tag);
    copy->user_agent = keep(self, row->user_agent);
    keep_flow(self, &copy->flow);
}

static void on_publication(void *context, const struct publication_row *row)
{
    struct desk *self = context;
    struct publication_row *copy = &self->publications[self->publication_count++ % DESK_ROWS_MAX];

    *copy = *row;
    if (self->publication_count > DESK_ROWS_MAX)
        return;
    copy->aor = keep(self, row->aor);
    copy->event = keep(self, row->event);
    copy->entity_tag = keep(self, row->entity_tag);
    copy->previous_tag = keep(self, row->previous_tag);
    copy->content_type = keep(self, row->content_type);
    copy->document = keep(self, row->document);
    copy->call_id = keep(self, row->call_id);
    copy->from_tag = keep(self, row->from_tag);
}

static void on_subscription(void *context, const struct subscription_row *row)
{
    struct desk *self = context;
    struct subscription_row *copy =
        &self->subscriptions[self->subscription_count++ % DESK_ROWS_MAX];

    *copy = *row;
    if (self->subscription_count > DESK_ROWS_MAX)
        return;
    copy->aor = keep(self, row->aor);
    copy->event = keep(self, row->event);
    copy->event_id = keep(self, row->event_id);
    copy->watcher = keep(self, row->watcher);
    copy->reason = keep(self, row->reason);
    copy->call_id = keep(self, row->call_id);
    copy->local_tag = keep(self, row->local_tag);
    copy->remote_tag = keep(self, row->remote_tag);
    copy->local_uri = keep(self, row->local_uri);
    copy->remote_uri = keep(self, row->remote_uri);
    copy->remote_target = keep(self, row->remote_target);
    copy->route_set = keep(self, row->route_set);
    copy->accept = keep(self, row->accept);
    copy->user_agent = keep(self, row->user_agent);
    copy->instance = keep(self, row->instance);
    copy->event_params = keep(self, row->event_params);
    copy->body_type = keep(self, row->body_type);
    copy->body = keep(self, row->body);
    keep_flow(self, &copy->flow);
}

static void on_device(void *context, const struct device_row *row)
{
    struct desk *self = context;
    struct device_row *copy = &self->devices[self->device_count++ % DESK_ROWS_MAX];

    ck_assert_uint_eq(self->message_count, 0); /* what all devices have is known by then */
    *copy = *row;
    copy->aor = keep(self, row->aor);
    copy->device_key = keep(self, row->device_key);
}

static void on_message(void *context, const struct message_row *row)
{
    struct desk *self = context;
    struct message_row *copy = &self->messages[self->message_count++ % DESK_ROWS_MAX];

    *copy = *row;
    copy->aor = keep(self, row->aor);
    copy->sender = keep(self, row->sender);
    copy->call_id = keep(self, row->call_id);
    copy->from_tag = keep(self, row->from_tag);
    copy->content_type = keep(self, row->content_type);
    copy->headers = keep(self, row->headers);
    copy->body = keep(self, row->body);
}

static void on_resource(void *context, const struct resource_row *row)
{
    struct desk *self = context;
    struct resource_row *copy = &self->resources[self->resource_count++ % DESK_ROWS_MAX];

    *copy = *row;
    copy->aor = keep(self, row->aor);
    copy->event = keep(self, row->event);
}

static void on_ready(void *context, const struct storage_epoch *epoch)
{
    struct desk *self = context;

    ck_assert_msg(!self->ready, "told twice");
    self->ready = true;
    self->epoch = *epoch;
}

static void on_command(void *context, const struct command_row *row)
{
    struct desk *self = context;
    struct command_row *copy = &self->commands[self->command_count++ % DESK_ROWS_MAX];

    ck_assert(self->ready);
    *copy = *row;
    copy->aor = keep(self, row->aor);
    copy->event = keep(self, row->event);
    copy->reason = keep(self, row->reason);
    copy->sender = keep(self, row->sender);
    copy->content_type = keep(self, row->content_type);
    copy->document = keep(self, row->document);
}

static void on_away(void *context)
{
    struct desk *self = context;

    self->away++;
}

static void on_back(void *context)
{
    struct desk *self = context;

    self->back++;
}

static void on_fatal(void *context, const char *why)
{
    struct desk *self = context;

    ck_assert_msg(!self->fatal, "told twice");
    self->fatal = true;
    snprintf(self->why, sizeof(self->why), "%s", why);
}

static void on_written(void *waiter, enum storage_outcome outcome, struct span message)
{
    struct desk *self = waiter;

    self->answers++;
    self->outcome = outcome;
    snprintf(self->message, sizeof(self->message), SPAN_FMT, SPAN_ARG(message));
}

/* ---- running ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void desk_open(struct desk *self, const char *conninfo, uint32_t node, bool standby)
{
    const struct storage_events events = {.context = self,
                                          .on_standby = on_standby,
                                          .on_domain = on_domain,
                                          .on_domain_gone = on_domain_gone,
                                          .on_account = on_account,
                                          .on_account_gone = on_account_gone,
                                          .on_trusted_peer = on_trusted_peer,
                                          .on_trusted_peer_gone = on_trusted_peer_gone,
                                          .on_watcher_rule = on_watcher_rule,
                                          .on_watcher_rule_gone = on_watcher_rule_gone,
                                          .on_list = on_list,
                                          .on_list_gone = on_list_gone,
                                          .on_dialect = on_dialect,
                                          .on_dialect_gone = on_dialect_gone,
                                          .on_binding = on_binding,
                                          .on_publication = on_publication,
                                          .on_subscription = on_subscription,
                                          .on_device = on_device,
                                          .on_message = on_message,
                                          .on_resource = on_resource,
                                          .on_ready = on_ready,
                                          .on_command = on_command,
                                          .on_away = on_away,
                                          .on_back = on_back,
                                          .on_fatal = on_fatal};

    memset(self, 0, sizeof(*self));
    self->options = (struct storage_options){.conninfo = conninfo,
                                             .node_id = node,
                                             .standby = standby,
                                             .lock_timeout_ms = 200,
                                             .stuck_ms = 3000};
    self->loop = loop_new();
    self->metrics = metrics_new();
    self->storage = storage_new(self->loop, NULL, self->metrics, &self->options);
    storage_open(self->storage, &events);
}

void desk_open_ready(struct desk *self, const char *conninfo)
{
    desk_open(self, conninfo, 1, false);
    ck_assert_msg(desk_run_until(self, &self->ready, 10000), "not ready: %s", self->why);
}

void desk_close(struct desk *self)
{
    storage_free(self->storage);
    metrics_free(self->metrics);
    loop_free(self->loop);
    for (size_t i = 0; i < self->kept_count; i++)
        free(self->kept[i]);
}

bool desk_run_until(struct desk *self, const bool *flag, int ms)
{
    const int64_t end_ms = now_ms() + ms;

    while (!*flag && now_ms() < end_ms)
        loop_run_once(self->loop, 5000);
    return *flag;
}

bool desk_run_until_count(struct desk *self, const int *count, int wanted, int ms)
{
    const int64_t end_ms = now_ms() + ms;

    while (*count < wanted && now_ms() < end_ms)
        loop_run_once(self->loop, 5000);
    return *count >= wanted;
}

bool desk_run_until_size(struct desk *self, const size_t *count, size_t wanted, int ms)
{
    const int64_t end_ms = now_ms() + ms;

    while (*count < wanted && now_ms() < end_ms)
        loop_run_once(self->loop, 5000);
    return *count >= wanted;
}

void desk_run_for(struct desk *self, int ms)
{
    const int64_t end_ms = now_ms() + ms;

    while (now_ms() < end_ms)
        loop_run_once(self->loop, 5000);
}

void desk_give(struct desk *self)
{
    storage_write(self->storage, on_written, self);
}

enum storage_outcome desk_write(struct desk *self)
{
    const int answers = self->answers;

    desk_give(self);
    ck_assert_int_eq(self->answers, answers); /* never from inside the call */
    ck_assert_msg(desk_run_until_count(self, &self->answers, answers + 1, 10000), "no answer");
    return self->outcome;
}

/* ---- rows ---- */

static const struct flow_row flow = {.node = 4000000000,
                                     .incarnation = UINT64_C(0xfedcba9876543210),
                                     .transport = {"udp", 3},
                                     .local_address = {"[2001:db8::1]:5060", 18},
                                     .remote_address = {"[2001:db8::2]:65535", 19},
                                     .connection = 9007199254740993,
                                     .bound = true};

struct binding_row desk_binding(int64_t id, const char *aor)
{
    return (struct binding_row){
        .id = id,
        .aor = span_of(aor),
        .contact_key = SPAN("sip:alice@192.0.2.1"),
        .contact = SPAN("sip:alice@192.0.2.1;transport=udp"),
        .parameters = (struct span){";a=\"\0\377\"", 7},
        .path = (struct span){"<sip:p.example.org;lr>,\377", 24},
        .instance = SPAN("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"),
        .reg_id = 4294967295,
        .q_thousandths = 700,
        .call_id = SPAN("call@192.0.2.1"),
        .from_tag = SPAN("from"),
        .cseq = 4294967295,
        .user_agent = SPAN("J\303\274rgs Telefon \"x\\y\" {1,2}"),
        .flow = flow,
        .expires_s = 3600,
    };
}

struct publication_row desk_publication(int64_t id, const char *aor)
{
    return (struct publication_row){
        .id = id,
        .aor = span_of(aor),
        .event = SPAN("presence"),
        .entity_tag = SPAN("tag2"),
        .previous_tag = SPAN("tag1"),
        .sequence = INT64_MAX - 1,
        .content_type = SPAN("application/pidf+xml"),
        .document = (struct span){"<presence>\0\r\n\377\\000</presence>", 28},
        .call_id = SPAN("call"),
        .from_tag = SPAN("from"),
        .cseq = 7,
        .expires_s = 1800,
    };
}

struct subscription_row desk_subscription(int64_t id, const char *aor)
{
    return (struct subscription_row){
        .id = id,
        .aor = span_of(aor),
        .event = SPAN("presence"),
        .event_id = SPAN("e1"),
        .watcher = SPAN("bob@example.org"),
        .state = SUBSCRIPTION_ROW_ACTIVE,
        .reason = SPAN("noresource"),
        .call_id = SPAN("call"),
        .local_tag = SPAN("lt"),
        .remote_tag = SPAN("rt"),
        .local_uri = SPAN("sip:alice@example.org"),
        .remote_uri = SPAN("sip:bob@example.org"),
        .remote_target = SPAN("sip:bob@192.0.2.7"),
        .route_set = (struct span){"<sip:r;lr>\0", 11},
        .accept = SPAN("application/pidf+xml"),
        .user_agent = SPAN("ua"),
        .instance = SPAN("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"),
        .event_params = SPAN(";id=e1;max-rate=\"1\""),
        .body_type = SPAN("application/simple-filter+xml"),
        .body = (struct span){"<filter>\0\377\\000</filter>", 23},
        .eventlist = true,
        .remote_cseq = 11,
        .cseq_mark = 2147483647,
        .cseq_epoch = 3,
        .flow = flow,
        .expires_s = 600,
    };
}

struct device_row desk_device(int64_t id, const char *aor)
{
    return (struct device_row){
        .id = id,
        .aor = span_of(aor),
        .device_key = SPAN("agent:J\303\274rgs Telefon \"x\\y\" {1,2}"),
        .user_agent = SPAN("J\303\274rgs Telefon \"x\\y\" {1,2}"),
        .delivered_through = INT64_MAX - 1,
    };
}

struct message_row desk_message(int64_t id, const char *aor)
{
    return (struct message_row){
        .id = id,
        .aor = span_of(aor),
        .sender = SPAN("bob@example.org"),
        .call_id = SPAN("call@192.0.2.7"),
        .from_tag = SPAN("from"),
        .cseq = 4294967295,
        .content_type = SPAN("message/cpim"),
        .headers = (struct span){"X: \0\377\\x\r\n", 10},
        .body = (struct span){"octets\0\r\n\377\\000", 14},
        .expires_s = 600,
    };
}

/* ---- the suite ---- */

START_TEST(an_empty_database_opens_and_its_epoch_rises_with_every_start)
{
    char conninfo[200];
    struct desk desk;
    uint8_t secret[32];

    if (cluster_folder() == NULL)
        return;
    cluster_fresh_database("opens", conninfo, sizeof(conninfo));
    desk_open_ready(&desk, conninfo);
    ck_assert_uint_eq(desk.epoch.epoch, 1);
    ck_assert_uint_eq(desk.epoch.batch, 0);
    ck_assert_uint_eq(storage_next_batch(desk.storage), 1);
    ck_assert(storage_is_connected(desk.storage));
    memcpy(secret, desk.epoch.secret, sizeof(secret));
    desk_close(&desk);
    desk_open_ready(&desk, conninfo);
    ck_assert_uint_eq(desk.epoch.epoch, 2);
    ck_assert_mem_eq(desk.epoch.secret, secret, sizeof(secret));
    desk_close(&desk);
}
END_TEST

Suite *storage_desk_suite(void);
Suite *storage_desk_suite(void)
{
    Suite *suite = suite_create("storage/desk");
    TCase *tcase = tcase_create("opening");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_empty_database_opens_and_its_epoch_rises_with_every_start);
    suite_add_tcase(suite, tcase);
    return suite;
}
