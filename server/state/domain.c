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

void domains_remove(struct domains *self, int64_t id)
{
    struct search search = {id, NULL};

    table_each(&self->table, match_id, &search);
    if (search.found == NULL)
        return;
    table_remove(&self->table, &search.found->link);
    free(search.found);
}

void domains_put(struct domains *self, const struct domain_row *row)
{
    struct domain *domain = calloc(1, sizeof(*domain) + row->name.len);

    must(domain != NULL);
    domains_remove(self, row->id);
    domain->row = *row;
    memcpy(domain->name, row->name.at, row->name.len);
    domain->row.name = (struct span){domain->name, row->name.len};
    table_add(&self->table, &domain->link, table_hash_nocase(&self->table, row->name));
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
