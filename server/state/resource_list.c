/* resource_list.c - two tables, by AOR and by id; a list is one block with all of its members. */
#include "server/state/resource_list.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"

#include <stdlib.h>

struct resource_list {
    struct table_link aor_link;
    struct table_link id_link;
    struct list_row row; /* its members follow, and then the octets of all spans */
    struct list_member_row members[];
};

struct resource_lists {
    struct table by_aor;
    struct table by_id;
    resource_lists_changed_fn *fn;
    void *context;
};

static struct resource_list *by_aor(struct table_link *link)
{
    return CONTAINER_OF(link, struct resource_list, aor_link);
}

static struct resource_list *by_id(struct table_link *link)
{
    return CONTAINER_OF(link, struct resource_list, id_link);
}

struct resource_lists *resource_lists_new(void)
{
    struct resource_lists *self = calloc(1, sizeof(*self));

    must(self != NULL);
    table_init(&self->by_aor);
    table_init(&self->by_id);
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    free(by_id(link));
}

void resource_lists_free(struct resource_lists *self)
{
    if (self == NULL)
        return;
    table_each(&self->by_id, free_one, NULL);
    table_deinit(&self->by_aor);
    table_deinit(&self->by_id);
    free(self);
}

void resource_lists_watch(struct resource_lists *self, resource_lists_changed_fn *fn, void *context)
{
    self->fn = fn;
    self->context = context;
}

size_t resource_lists_count(const struct resource_lists *self)
{
    return self->by_id.count;
}

const struct list_row *resource_lists_find(const struct resource_lists *self, struct span aor)
{
    struct table_link *link = table_first(&self->by_aor, table_hash(&self->by_aor, aor));

    while (link != NULL && !span_equal(by_aor(link)->row.aor, aor))
        link = table_next(link);
    return link == NULL ? NULL : &by_aor(link)->row;
}

/* ---- rows ---- */

static uint64_t id_hash(const struct resource_lists *self, int64_t id)
{
    return table_hash(&self->by_id, (struct span){(const char *)&id, sizeof(id)});
}

static struct resource_list *find(const struct resource_lists *self, int64_t id)
{
    struct table_link *link = table_first(&self->by_id, id_hash(self, id));

    while (link != NULL && by_id(link)->row.id != id)
        link = table_next(link);
    return link == NULL ? NULL : by_id(link);
}

static size_t octets_of(const struct list_row *row)
{
    size_t octets = row->aor.len + row->owner.len + row->name.len;

    for (size_t i = 0; i < row->member_count; i++)
        octets += row->members[i].uri.len + row->members[i].name.len;
    return octets;
}

static struct span copy(char **at, struct span from)
{
    char *to = *at;

    if (from.len > 0)
        memcpy(to, from.at, from.len);
    *at += from.len;
    return (struct span){to, from.len};
}

static struct resource_list *list_new(const struct list_row *row)
{
    const size_t members = row->member_count * sizeof(row->members[0]);
    struct resource_list *list = calloc(1, sizeof(*list) + members + octets_of(row));
    char *at;

    must(list != NULL);
    at = (char *)(list->members + row->member_count);
    list->row = *row;
    list->row.aor = copy(&at, row->aor);
    list->row.owner = copy(&at, row->owner);
    list->row.name = copy(&at, row->name);
    for (size_t i = 0; i < row->member_count; i++) {
        list->members[i].uri = copy(&at, row->members[i].uri);
        list->members[i].name = copy(&at, row->members[i].name);
    }
    list->row.members = list->members;
    return list;
}

static bool is_same(const struct list_row *a, const struct list_row *b)
{
    if (!span_equal(a->aor, b->aor) || !span_equal(a->owner, b->owner) ||
        !span_equal(a->name, b->name) || a->member_count != b->member_count)
        return false;
    for (size_t i = 0; i < a->member_count; i++)
        if (!span_equal(a->members[i].uri, b->members[i].uri) ||
            !span_equal(a->members[i].name, b->members[i].name))
            return false;
    return true;
}

static void take_out(struct resource_lists *self, struct resource_list *list)
{
    table_remove(&self->by_aor, &list->aor_link);
    table_remove(&self->by_id, &list->id_link);
}

static void changed(const struct resource_lists *self, struct span aor)
{
    if (self->fn != NULL)
        self->fn(self->context, aor);
}

/* After a reconnect every row is told again: nothing has changed by that. */
void resource_lists_put(struct resource_lists *self, const struct list_row *row)
{
    struct resource_list *old = find(self, row->id);
    struct resource_list *list;

    if (old != NULL && is_same(&old->row, row))
        return;
    list = list_new(row);
    if (old != NULL)
        take_out(self, old);
    table_add(&self->by_aor, &list->aor_link, table_hash(&self->by_aor, row->aor));
    table_add(&self->by_id, &list->id_link, id_hash(self, row->id));
    if (old != NULL && !span_equal(old->row.aor, row->aor))
        changed(self, old->row.aor);
    changed(self, list->row.aor);
    free(old);
}

void resource_lists_remove(struct resource_lists *self, int64_t id)
{
    struct resource_list *list = find(self, id);

    if (list == NULL)
        return;
    take_out(self, list);
    changed(self, list->row.aor);
    free(list);
}
