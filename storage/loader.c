/* loader.c - six COPYs, one behind the other; rows are decoded as they arrive. */
#include "storage/loader.h"

#include "server/base/must.h"
#include "storage/link.h"
#include "storage/noun.h"

#include <inttypes.h>
#include <stdlib.h>

/* Devices before messages: what all of them have is known as it comes. */
enum table {
    TABLE_BINDING,
    TABLE_PUBLICATION,
    TABLE_SUBSCRIPTION,
    TABLE_DEVICE,
    TABLE_MESSAGE,
    TABLE_RESOURCE,
    TABLE_COUNT
};

static const char *const names[TABLE_COUNT] = {"binding", "publication", "subscription",
                                               "device",  "message",     "resource"};

struct loader {
    struct loop *loop;
    struct log *log;
    struct link *link;
    const struct storage_events *events;
    struct loader_owner owner;
    uint64_t notified_batch;
    enum table table;
    uint64_t rows[TABLE_COUNT];
    struct instant began;
    bool failed;
};

static void copy_table(struct loader *self);

static void fail(struct loader *self, struct span why)
{
    char words[600] = "";

    if (self->failed)
        return;
    must(self->table < TABLE_COUNT);
    self->failed = true;
    snprintf(words, sizeof(words), "loading presence_state.%s failed: " SPAN_FMT,
             names[self->table], SPAN_ARG(why));
    self->owner.on_fatal(self->owner.context, words);
}

static bool tell_resource(struct loader *self, struct row *from)
{
    struct resource_row row;

    row.aor = row_octets(from);
    row.event = row_octets(from);
    row.changed_batch = (uint64_t)row_int8(from);
    if (!row_is_good(from))
        return false;
    self->events->on_resource(self->events->context, &row);
    return true;
}

static bool tell_row(struct loader *self, struct row *from)
{
    struct binding_row binding;
    struct publication_row publication;
    struct subscription_row subscription;
    struct device_row device;
    struct message_row message;

    switch (self->table) {
    case TABLE_BINDING:
        if (!binding_decode(from, &binding))
            return false;
        self->events->on_binding(self->events->context, &binding);
        return true;
    case TABLE_PUBLICATION:
        if (!publication_decode(from, &publication))
            return false;
        self->events->on_publication(self->events->context, &publication);
        return true;
    case TABLE_SUBSCRIPTION:
        if (!subscription_decode(from, self->notified_batch, &subscription))
            return false;
        self->events->on_subscription(self->events->context, &subscription);
        return true;
    case TABLE_DEVICE:
        if (!device_decode(from, &device))
            return false;
        self->events->on_device(self->events->context, &device);
        return true;
    case TABLE_MESSAGE:
        if (!message_decode(from, &message))
            return false;
        self->events->on_message(self->events->context, &message);
        return true;
    case TABLE_RESOURCE:
        return tell_resource(self, from);
    case TABLE_COUNT:
        break;
    }
    return false;
}

static void on_row(void *context, struct row *row)
{
    struct loader *self = context;

    if (self->failed)
        return;
    self->rows[self->table]++;
    /* Going on without it would lose what was acknowledged. */
    if (!tell_row(self, row))
        fail(self, SPAN("a row cannot be read"));
}

static void finish(struct loader *self)
{
    log_line(self->log, LOG_INFO, "loaded",
             "bindings=%" PRIu64 " publications=%" PRIu64 " subscriptions=%" PRIu64
             " devices=%" PRIu64 " messages=%" PRIu64 " resources=%" PRIu64 " ms=%" PRId64,
             self->rows[TABLE_BINDING], self->rows[TABLE_PUBLICATION],
             self->rows[TABLE_SUBSCRIPTION], self->rows[TABLE_DEVICE], self->rows[TABLE_MESSAGE],
             self->rows[TABLE_RESOURCE], (loop_now(self->loop).us - self->began.us) / US_PER_MS);
    link_stop(self->link);
    self->owner.on_loaded(self->owner.context);
}

static void on_copied(void *context, const struct link_answer *answer)
{
    struct loader *self = context;

    if (self->failed)
        return;
    if (!answer->ok) {
        fail(self, answer->message);
        return;
    }
    self->table++;
    if (self->table == TABLE_COUNT)
        finish(self);
    else
        copy_table(self);
}

static void copy_table(struct loader *self)
{
    char resources[200];

    snprintf(resources, sizeof(resources),
             "copy (select aor, event, changed_batch from presence_state.resource"
             " where changed_batch > %" PRIu64 ") to stdout (format binary)",
             self->notified_batch);
    switch (self->table) {
    case TABLE_BINDING:
        link_copy(self->link, binding_scan, on_row, on_copied, self);
        break;
    case TABLE_PUBLICATION:
        link_copy(self->link, publication_scan, on_row, on_copied, self);
        break;
    case TABLE_SUBSCRIPTION:
        link_copy(self->link, subscription_scan, on_row, on_copied, self);
        break;
    case TABLE_DEVICE:
        link_copy(self->link, device_scan, on_row, on_copied, self);
        break;
    case TABLE_MESSAGE:
        link_copy(self->link, message_scan, on_row, on_copied, self);
        break;
    case TABLE_RESOURCE:
        link_copy(self->link, resources, on_row, on_copied, self);
        break;
    case TABLE_COUNT:
        break;
    }
}

static void on_up(void *context)
{
    struct loader *self = context;

    self->began = loop_now(self->loop);
    copy_table(self);
}

/* A row told twice would be two bindings. Start anew, unless nothing has been told yet. */
static void on_down(void *context, struct span why, bool was_up)
{
    struct loader *self = context;

    (void)was_up;
    log_line(self->log, LOG_WARNING, "database_away", "link=loader why=\"" SPAN_FMT "\"",
             SPAN_ARG(why));
    if (self->table != TABLE_BINDING || self->rows[TABLE_BINDING] > 0)
        fail(self, why);
}

struct loader *loader_new(struct loop *loop, struct log *log, const char *conninfo,
                          const struct storage_events *events, const struct loader_owner *owner)
{
    struct loader *self = calloc(1, sizeof(*self));
    const struct link_owner link_owner = {
        .context = self, .on_up = on_up, .on_down = on_down, .on_notice = NULL};

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->events = events;
    self->owner = *owner;
    self->link =
        link_new(loop, log,
                 &(struct link_options){.conninfo = conninfo,
                                        .settings = "set jit = off; set statement_timeout = 0;"
                                                    " set search_path = pg_catalog, pg_temp",
                                        .pipeline = false},
                 &link_owner);
    return self;
}

void loader_free(struct loader *self)
{
    if (self == NULL)
        return;
    link_free(self->link);
    free(self);
}

void loader_start(struct loader *self, uint64_t notified_batch)
{
    self->notified_batch = notified_batch;
    link_start(self->link);
}

void loader_stop(struct loader *self)
{
    self->failed = true;
    link_stop(self->link);
}
