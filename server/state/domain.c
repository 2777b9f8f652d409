/* domain.c - a table by name; there are few, so by id it is searched. */
#include "server/state/domain.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"

#include <stdlib.h>

struct domain {
    struct table_link link;
    struct domain_row row; /* its name points behind it */
    char name[];
};

struct domains {
    struct table table;
    domains_changed_fn *fn;
    void *context;
};

static struct domain *domain_of(struct table_link *link)
{
    return CONTAINER_OF(link, struct domain, link);
}

struct domains *domains_new(void)
{
    struct domains *self = calloc(1, sizeof(*self));

    must(self != NULL);
    table_init(&self->table);
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    free(domain_of(link));
}

void domains_free(struct domains *self)
{
    if (self == NULL)
        return;
    table_each(&self->table, free_one, NULL);
    table_deinit(&self->table);
    free(self);
}

struct search {
    int64_t id;
    struct domain *found;
};

static void match_id(struct table_link *link, void *context)
{
    struct search *search = context;

    if (domain_of(link)->row.id == search->id)
        search->found = domain_of(link);
}

static struct domain *find(struct domains *self, int64_t id)
{
    struct search search = {id, NULL};

    table_each(&self->table, match_id, &search);
    return search.found;
}

static void changed(const struct domains *self, struct span name)
{
    if (self->fn != NULL)
        self->fn(self->context, name);
}

void domains_watch(struct domains *self, domains_changed_fn *fn, void *context)
{
    self->fn = fn;
    self->context = context;
}

void domains_remove(struct domains *self, int64_t id)
{
    struct domain *domain = find(self, id);

    if (domain == NULL)
        return;
    table_remove(&self->table, &domain->link);
    changed(self, domain->row.name);
    free(domain);
}

static bool is_same(const struct domain_row *a, const struct domain_row *b)
{
    return span_equal(a->name, b->name) && a->suspended == b->suspended &&
           a->authentication == b->authentication &&
           a->digest_without_qop == b->digest_without_qop &&
           a->accept_foreign == b->accept_foreign && a->algorithm_count == b->algorithm_count &&
           memcmp(a->algorithms, b->algorithms, sizeof(a->algorithms)) == 0 &&
           a->default_action == b->default_action && a->presence_policy == b->presence_policy &&
           a->presence_from_registration == b->presence_from_registration &&
           a->message_summary_from_kept == b->message_summary_from_kept &&
           a->notify_interval_min_ms == b->notify_interval_min_ms &&
           a->registration_expires_max_s == b->registration_expires_max_s &&
           a->subscription_expires_max_s == b->subscription_expires_max_s &&
           a->publication_expires_max_s == b->publication_expires_max_s &&
           a->contacts_max == b->contacts_max && a->publications_max == b->publications_max &&
           a->subscriptions_max == b->subscriptions_max && a->keep_messages == b->keep_messages &&
           a->message_keep_max_s == b->message_keep_max_s && a->messages_max == b->messages_max;
}

static struct domain *domain_new(const struct domain_row *row)
{
    struct domain *domain = calloc(1, sizeof(*domain) + row->name.len);

    must(domain != NULL);
    domain->row = *row;
    memcpy(domain->name, row->name.at, row->name.len);
    domain->row.name = (struct span){domain->name, row->name.len};
    return domain;
}

/* After a reconnect every row is told again: nothing has changed by that. */
void domains_put(struct domains *self, const struct domain_row *row)
{
    struct domain *old = find(self, row->id);
    struct domain *domain;

    if (old != NULL && is_same(&old->row, row))
        return;
    domain = domain_new(row);
    if (old != NULL)
        table_remove(&self->table, &old->link);
    table_add(&self->table, &domain->link, table_hash_nocase(&self->table, row->name));
    if (old != NULL && !span_equal(old->row.name, row->name))
        changed(self, old->row.name);
    changed(self, domain->row.name);
    free(old);
}

const struct domain_row *domains_find(const struct domains *self, struct span name)
{
    struct table_link *link;

    if (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--; /* the root of the DNS: the same name, as in a canonical AOR */
    link = table_first(&self->table, table_hash_nocase(&self->table, name));

    for (; link != NULL; link = table_next(link))
        if (span_equal_nocase(domain_of(link)->row.name, name))
            return &domain_of(link)->row;
    return NULL;
}

struct span domain_of_aor(struct span aor)
{
    const char *at = span_find(aor, '@');

    return at == NULL ? aor : span_skip(aor, (size_t)(at - aor.at) + 1);
}
