/* storage.c - puts the parts together: writer and its lease, then changes, then the loader. */
#include "storage/storage.h"

#include "server/base/crypto.h"
#include "server/base/must.h"
#include "storage/change.h"
#include "storage/loader.h"
#include "storage/noun.h"
#include "storage/writer.h"

#include <stdlib.h>

struct storage {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct storage_options options;
    char *conninfo;
    struct storage_events events;
    uint64_t resource_key[2];

    struct writer *writer;
    struct change *change;
    struct loader *loader;
    bool loaded;
    bool ready;
    bool away_told;
    bool failed;
    char why[700];
    struct loop_later fatal;
};

/* ---- the end ---- */

static void on_fatal_later(struct loop_later *later)
{
    struct storage *self = CONTAINER_OF(later, struct storage, fatal);

    self->events.on_fatal(self->events.context, self->why);
}

static void on_fatal(void *context, const char *why)
{
    struct storage *self = context;

    if (self->failed)
        return;
    self->failed = true;
    snprintf(self->why, sizeof(self->why), "%s", why);
    log_line(self->log, LOG_ERROR, "storage", "fatal=\"%s\"", self->why);
    writer_stop(self->writer);
    change_stop(self->change);
    loader_stop(self->loader);
    loop_later(self->loop, &self->fatal);
}

/* ---- start: owned -> domains and accounts -> hot state -> ready ---- */

static void become_ready(struct storage *self)
{
    const struct lease *lease = writer_lease(self->writer);
    struct storage_epoch epoch = {.epoch = lease->epoch,
                                  .batch = lease->first_batch,
                                  .notified_batch = lease->notified_batch};

    if (self->ready || !self->loaded || !writer_is_connected(self->writer))
        return;
    self->ready = true;
    memcpy(epoch.secret, lease->secret, sizeof(epoch.secret));
    self->events.on_ready(self->events.context, &epoch);
    change_serve_commands(self->change);
}

static void on_owned(void *context)
{
    struct storage *self = context;

    change_start(self->change);
}

static void on_accounts_loaded(void *context)
{
    struct storage *self = context;

    loader_start(self->loader, writer_lease(self->writer)->notified_batch);
}

static void on_state_loaded(void *context)
{
    struct storage *self = context;

    self->loaded = true;
    become_ready(self);
}

static void on_standby(void *context)
{
    struct storage *self = context;

    log_line(self->log, LOG_INFO, "standby", "node=%u", self->options.node_id);
    self->events.on_standby(self->events.context);
}

static void on_away(void *context)
{
    struct storage *self = context;

    if (!self->ready)
        return;
    self->away_told = true;
    self->events.on_away(self->events.context);
}

static void on_back(void *context)
{
    struct storage *self = context;

    become_ready(self);
    if (!self->away_told)
        return;
    self->away_told = false;
    self->events.on_back(self->events.context);
}

static void on_committed(void *context, uint64_t batch)
{
    struct storage *self = context;

    change_committed(self->change, batch);
}

/* ---- life ---- */

struct storage *storage_new(struct loop *loop, struct log *log, struct metrics *metrics,
                            const struct storage_options *options)
{
    struct storage *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->loop = loop;
    self->log = log;
    self->metrics = metrics;
    self->options = *options;
    self->conninfo = strdup(options->conninfo);
    must(self->conninfo != NULL);
    self->options.conninfo = self->conninfo;
    self->resource_key[0] = crypto_random_u64();
    self->resource_key[1] = crypto_random_u64();
    loop_later_init(&self->fatal, on_fatal_later);
    self->writer = writer_new(loop, log, metrics, &self->options,
                              &(struct writer_owner){.context = self,
                                                     .on_standby = on_standby,
                                                     .on_owned = on_owned,
                                                     .on_away = on_away,
                                                     .on_back = on_back,
                                                     .on_fatal = on_fatal,
                                                     .on_committed = on_committed});
    self->change =
        change_new(loop, log, self->conninfo, &self->events,
                   &(struct change_owner){.context = self, .on_loaded = on_accounts_loaded});
    self->loader =
        loader_new(loop, log, self->conninfo, &self->events,
                   &(struct loader_owner){
                       .context = self, .on_loaded = on_state_loaded, .on_fatal = on_fatal});
    return self;
}

void storage_open(struct storage *self, const struct storage_events *events)
{
    self->events = *events;
    writer_start(self->writer);
}

void storage_free(struct storage *self)
{
    if (self == NULL)
        return;
    loop_later_cancel(&self->fatal);
    loader_free(self->loader);
    change_free(self->change);
    writer_free(self->writer);
    free(self->conninfo);
    free(self);
}

bool storage_is_connected(const struct storage *self)
{
    return self->ready && writer_is_connected(self->writer);
}

/* ---- one batch ---- */

static struct sheet *sheet_for(struct storage *self, enum storage_change change,
                               const enum statement_id of[5])
{
    return writer_sheet(self->writer, of[change]);
}

void storage_put_binding(struct storage *self, enum storage_change change,
                         const struct binding_row *row)
{
    static const enum statement_id of[5] = {[STORAGE_INSERT] = INSERT_BINDING,
                                            [STORAGE_UPDATE] = UPDATE_BINDING,
                                            [STORAGE_REFRESH] = REFRESH_BINDING,
                                            [STORAGE_REPEAT] = REPEAT_BINDING,
                                            [STORAGE_DELETE] = DELETE_BINDING};

    binding_encode(sheet_for(self, change, of), change, row);
}

void storage_put_publication(struct storage *self, enum storage_change change,
                             const struct publication_row *row)
{
    static const enum statement_id of[5] = {[STORAGE_INSERT] = INSERT_PUBLICATION,
                                            [STORAGE_UPDATE] = UPDATE_PUBLICATION,
                                            [STORAGE_REFRESH] = REFRESH_PUBLICATION,
                                            [STORAGE_REPEAT] = REFRESH_PUBLICATION,
                                            [STORAGE_DELETE] = DELETE_PUBLICATION};

    publication_encode(sheet_for(self, change, of), change, row);
}

void storage_put_subscription(struct storage *self, enum storage_change change,
                              const struct subscription_row *row)
{
    static const enum statement_id of[5] = {[STORAGE_INSERT] = INSERT_SUBSCRIPTION,
                                            [STORAGE_UPDATE] = UPDATE_SUBSCRIPTION,
                                            [STORAGE_REFRESH] = REFRESH_SUBSCRIPTION,
                                            [STORAGE_REPEAT] = REFRESH_SUBSCRIPTION,
                                            [STORAGE_DELETE] = DELETE_SUBSCRIPTION};

    subscription_encode(sheet_for(self, change, of), change, row);
}

void storage_put_device(struct storage *self, enum storage_change change,
                        const struct device_row *row)
{
    static const enum statement_id of[5] = {[STORAGE_INSERT] = INSERT_DEVICE,
                                            [STORAGE_UPDATE] = UPDATE_DEVICE,
                                            [STORAGE_REFRESH] = REFRESH_DEVICE,
                                            [STORAGE_REPEAT] = REFRESH_DEVICE,
                                            [STORAGE_DELETE] = DELETE_DEVICE};

    device_encode(sheet_for(self, change, of), change, row);
}

void storage_put_message(struct storage *self, enum storage_change change,
                         const struct message_row *row)
{
    must(change == STORAGE_INSERT || change == STORAGE_DELETE);
    message_encode(
        writer_sheet(self->writer, change == STORAGE_INSERT ? INSERT_MESSAGE : DELETE_MESSAGE),
        change, row);
}

/* The hash stands for the id that a resource does not have: equal ones meet, and are sent once. */
void storage_put_resource(struct storage *self, struct span aor, struct span event)
{
    struct sheet *sheet = writer_sheet(self->writer, PUT_RESOURCE);
    const uint16_t bucket = storage_bucket_of(aor);
    const uint64_t hash = hash64(self->resource_key, aor) * 31 + hash64(self->resource_key, event);

    sheet_begin(sheet, bucket, (int64_t)hash);
    sheet_int2(sheet, (int16_t)bucket);
    sheet_octets(sheet, aor);
    sheet_octets(sheet, event);
    sheet_end(sheet);
}

void storage_put_command_done(struct storage *self, int64_t id)
{
    struct sheet *sheet = writer_sheet(self->writer, DELETE_COMMAND);

    sheet_begin(sheet, 0, id);
    sheet_int8(sheet, id);
    sheet_end(sheet);
    change_command_done(self->change, id, writer_next_batch(self->writer));
}

void storage_set_notified_batch(struct storage *self, uint64_t batch)
{
    writer_set_notified(self->writer, batch);
}

size_t storage_filled_rows(const struct storage *self)
{
    return writer_filled_rows(self->writer);
}

size_t storage_filled_bytes(const struct storage *self)
{
    return writer_filled_bytes(self->writer);
}

uint64_t storage_next_batch(const struct storage *self)
{
    return writer_next_batch(self->writer);
}

void storage_write(struct storage *self, storage_written_fn *on_written, void *waiter)
{
    writer_write(self->writer, on_written, waiter);
}

/* ---- names ---- */

/* presence.bucket_of() in schema/0001_accounts.sql says the same. */
uint16_t storage_bucket_of(struct span aor)
{
    uint8_t digest[DIGEST_BYTES_MAX];

    digest_octets(DIGEST_MD5, &aor, 1, digest);
    return (uint16_t)((digest[0] << 8 | digest[1]) & 1023);
}

/* Octets of a UTF-8 character by its first one; 0 when none begins so (RFC 3629 section 4). */
static size_t character_bytes(uint8_t first)
{
    if (first >= 0x01 && first <= 0x7f)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    if (first >= 0xf0 && first <= 0xf4)
        return 4;
    return 0;
}

/* Overlong forms, surrogates, and what lies beyond U+10FFFF show in the second octet. */
static bool second_is_good(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second <= 0x8f;
    default:
        return true;
    }
}

bool storage_is_text(struct span bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    size_t left = bytes.len;

    while (left > 0) {
        const size_t len = character_bytes(*at);

        if (len == 0 || len > left || (len > 1 && !second_is_good(at[0], at[1])))
            return false;
        for (size_t i = 1; i < len; i++)
            if ((at[i] & 0xc0) != 0x80)
                return false;
        at += len;
        left -= len;
    }
    return true;
}
