/* account.c - two tables over packed rows: by AOR for requests, by id for what SQL changes. */
#include "server/state/account.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"
#include "server/state/packed.h"

#include <stdlib.h>

enum field { AOR, HA1_MD5, HA1_SHA256, HA1_SHA512_256, FIELDS };

struct account {
    struct table_link aor_link;
    struct table_link id_link;
    int64_t id;
    bool disabled;
    uint8_t algorithms[3];
    uint8_t algorithm_count;
    uint32_t ends[FIELDS];
    char octets[];
};

struct accounts {
    struct table by_aor;
    struct table by_id;
    accounts_changed_fn *fn;
    void *context;
};

static struct span field(const struct account *self, enum field which)
{
    return packed_get(self->ends, self->octets, which);
}

static struct account *by_aor(struct table_link *link)
{
    return CONTAINER_OF(link, struct account, aor_link);
}

static struct account *by_id(struct table_link *link)
{
    return CONTAINER_OF(link, struct account, id_link);
}

struct accounts *accounts_new(void)
{
    struct accounts *self = calloc(1, sizeof(*self));

    must(self != NULL);
    table_init(&self->by_aor);
    table_init(&self->by_id);
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    free(by_aor(link));
}

void accounts_free(struct accounts *self)
{
    if (self == NULL)
        return;
    table_each(&self->by_aor, free_one, NULL);
    table_deinit(&self->by_aor);
    table_deinit(&self->by_id);
    free(self);
}

void accounts_watch(struct accounts *self, accounts_changed_fn *fn, void *context)
{
    self->fn = fn;
    self->context = context;
}

size_t accounts_count(const struct accounts *self)
{
    return self->by_id.count;
}

static uint64_t id_hash(const struct accounts *self, int64_t id)
{
    return table_hash(&self->by_id, (struct span){(const char *)&id, sizeof(id)});
}

/* The account of that id, which is in the tables no more, or NULL. */
static struct account *take(struct accounts *self, int64_t id)
{
    struct table_link *link = table_first(&self->by_id, id_hash(self, id));

    while (link != NULL && by_id(link)->id != id)
        link = table_next(link);
    if (link == NULL)
        return NULL;
    table_remove(&self->by_aor, &by_id(link)->aor_link);
    table_remove(&self->by_id, link);
    return by_id(link);
}

static void changed(const struct accounts *self, const struct account *account)
{
    if (self->fn != NULL)
        self->fn(self->context, field(account, AOR));
}

void accounts_remove(struct accounts *self, int64_t id)
{
    struct account *account = take(self, id);

    if (account == NULL)
        return;
    changed(self, account);
    free(account);
}

void accounts_put(struct accounts *self, const struct account_row *row)
{
    const struct span fields[FIELDS] = {
        [AOR] = row->aor,
        [HA1_MD5] = row->ha1_md5,
        [HA1_SHA256] = row->ha1_sha256,
        [HA1_SHA512_256] = row->ha1_sha512_256,
    };
    struct account *account = calloc(1, sizeof(*account) + packed_size(fields, FIELDS));
    struct account *before = take(self, row->id);

    must(account != NULL);
    account->id = row->id;
    account->disabled = row->disabled;
    account->algorithm_count = row->algorithm_count;
    memcpy(account->algorithms, row->algorithms, sizeof(account->algorithms));
    packed_fill(account->ends, account->octets, fields, FIELDS);
    table_add(&self->by_aor, &account->aor_link, table_hash(&self->by_aor, row->aor));
    table_add(&self->by_id, &account->id_link, id_hash(self, row->id));
    if (before == NULL || !span_equal(field(before, AOR), row->aor)) {
        if (before != NULL)
            changed(self, before);
        changed(self, account);
    }
    free(before);
}

const struct account *accounts_find(const struct accounts *self, struct span aor)
{
    struct table_link *link = table_first(&self->by_aor, table_hash(&self->by_aor, aor));

    while (link != NULL && !span_equal(field(by_aor(link), AOR), aor))
        link = table_next(link);
    return link == NULL ? NULL : by_aor(link);
}

struct span account_aor(const struct account *self)
{
    return field(self, AOR);
}

bool account_is_disabled(const struct account *self)
{
    return self->disabled;
}

struct span account_ha1(const struct account *self, enum digest_algorithm algorithm)
{
    switch (algorithm) {
    case DIGEST_MD5:
        return field(self, HA1_MD5);
    case DIGEST_SHA256:
        return field(self, HA1_SHA256);
    case DIGEST_SHA512_256:
        break;
    }
    return field(self, HA1_SHA512_256);
}

size_t account_algorithms(const struct account *self, enum digest_algorithm out[3])
{
    for (size_t i = 0; i < self->algorithm_count; i++)
        out[i] = (enum digest_algorithm)self->algorithms[i];
    return self->algorithm_count;
}
