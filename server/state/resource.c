/* resource.c - found by AOR and event package; ends with the last thing that hangs from it. */
#include "server/state/resource.h"

#include "server/base/buffer.h"
#include "server/base/must.h"

#include <stdlib.h>

struct resources {
    struct node *node;
    struct table table;
    resource_changed_fn *on_changed;
    resource_gone_fn *on_gone;
    void *context;
};

struct resources *resources_new(struct node *node)
{
    struct resources *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    table_init(&self->table);
    return self;
}

static struct resource *resource_of(struct table_link *link)
{
    return CONTAINER_OF(link, struct resource, link);
}

static void end(struct resource *self)
{
    loop_later_cancel(&self->notify.changed);
    list_remove(&self->notify.turn);
    list_remove(&self->notify.unsettled);
    free(self);
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    end(resource_of(link));
}

void resources_free(struct resources *self)
{
    if (self == NULL)
        return;
    table_each(&self->table, free_one, NULL);
    table_deinit(&self->table);
    free(self);
}

void resources_watch(struct resources *self, resource_changed_fn *on_changed,
                     resource_gone_fn *on_gone, void *context)
{
    self->on_changed = on_changed;
    self->on_gone = on_gone;
    self->context = context;
}

static uint64_t hash_of(const struct resources *self, struct span aor, struct span event)
{
    return table_hash_more(&self->table, table_hash(&self->table, aor), event);
}

struct resource *resources_find(const struct resources *self, struct span aor, struct span event)
{
    struct table_link *link = table_first(&self->table, hash_of(self, aor, event));

    for (; link != NULL; link = table_next(link)) {
        struct resource *each = resource_of(link);

        if (span_equal(resource_aor(each), aor) && span_equal(resource_event(each), event))
            return each;
    }
    return NULL;
}

static struct resource *make(struct resources *self, struct span aor, struct span event)
{
    struct resource *resource = calloc(1, sizeof(*resource) + aor.len + event.len);

    must(resource != NULL);
    resource->owner = self;
    resource->bucket = storage_bucket_of(aor);
    list_init(&resource->publications);
    list_init(&resource->subscriptions);
    list_init(&resource->notify.changed.link);
    list_init(&resource->notify.turn);
    list_init(&resource->notify.owed);
    list_init(&resource->notify.unsettled);
    list_init(&resource->notify.views);
    list_init(&resource->notify.members);
    resource->aor_len = (uint32_t)aor.len;
    resource->event_len = (uint32_t)event.len;
    memcpy(resource->octets, aor.at, aor.len);
    memcpy(resource->octets + aor.len, event.at, event.len);
    table_add(&self->table, &resource->link, hash_of(self, aor, event));
    return resource;
}

struct resource *resources_get(struct resources *self, struct span aor, struct span event)
{
    struct resource *found = resources_find(self, aor, event);

    return found != NULL ? found : make(self, aor, event);
}

struct each_context {
    resources_each_fn *fn;
    void *context;
};

static void call(struct table_link *link, void *context)
{
    const struct each_context *each = context;

    each->fn(resource_of(link), each->context);
}

void resources_each(struct resources *self, resources_each_fn *fn, void *context)
{
    struct each_context each = {fn, context};

    table_each(&self->table, call, &each);
}

void resource_hold(struct resource *self)
{
    self->holds++;
}

void resource_unhold(struct resource *self)
{
    self->holds--;
    resource_release(self);
}

void resource_release(struct resource *self)
{
    if (!list_empty(&self->publications) || !list_empty(&self->subscriptions) || self->holds > 0)
        return;
    if (self->owner->on_gone != NULL)
        self->owner->on_gone(self->owner->context, self);
    table_remove(&self->owner->table, &self->link);
    end(self);
}

void resource_touch(struct resource *self)
{
    if (self->owner->on_changed != NULL)
        self->owner->on_changed(self->owner->context, self);
}

bool resource_is_watched(const struct resource *self)
{
    return self->subscription_count > 0 || self->holds > 0;
}

static struct resource *find_watched(const struct resources *self, struct span aor,
                                     struct span event)
{
    struct resource *found = resources_find(self, aor, event);

    return found != NULL && resource_is_watched(found) ? found : NULL;
}

struct resource *resource_watcherinfo(const struct resource *watched)
{
    char octets[EVENT_BYTES_MAX + sizeof(WATCHERINFO_SUFFIX)];
    struct buffer name;

    buffer_init_fixed(&name, octets, sizeof(octets));
    buffer_put(&name, resource_event(watched));
    buffer_put(&name, SPAN(WATCHERINFO_SUFFIX));
    return name.overflowed
               ? NULL
               : find_watched(watched->owner, resource_aor(watched), buffer_span(&name));
}

void resources_touch(const struct resources *self, struct span aor, struct span event)
{
    struct resource *resource = find_watched(self, aor, event);

    if (resource != NULL)
        resource_touch(resource);
}

void resources_mark(const struct resources *self, struct span aor, struct span event)
{
    if (find_watched(self, aor, event) != NULL)
        storage_put_resource(self->node->storage, aor, event);
}
