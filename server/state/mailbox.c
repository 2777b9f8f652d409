/* mailbox.c - a table by AOR. */
#include "server/state/mailbox.h"

#include "server/base/must.h"

#include <stdlib.h>

static struct mailbox *mailbox_of(struct table_link *link)
{
    return CONTAINER_OF(link, struct mailbox, link);
}

void mailboxes_init(struct mailboxes *self)
{
    *self = (struct mailboxes){0};
    table_init(&self->table);
}

void mailboxes_deinit(struct mailboxes *self)
{
    must(self->table.count == 0);
    table_deinit(&self->table);
}

struct mailbox *mailboxes_find(const struct mailboxes *self, struct span aor)
{
    struct table_link *link = table_first(&self->table, table_hash(&self->table, aor));

    for (; link != NULL; link = table_next(link))
        if (span_equal(mailbox_aor(mailbox_of(link)), aor))
            return mailbox_of(link);
    return NULL;
}

struct mailbox *mailboxes_get(struct mailboxes *self, struct span aor)
{
    struct mailbox *mailbox = mailboxes_find(self, aor);

    if (mailbox != NULL)
        return mailbox;
    must(aor.len <= UINT16_MAX);
    mailbox = calloc(1, sizeof(*mailbox) + aor.len);
    must(mailbox != NULL);
    mailbox->owner = self;
    mailbox->aor_len = (uint16_t)aor.len;
    memcpy(mailbox->aor, aor.at, aor.len);
    table_add(&self->table, &mailbox->link, table_hash(&self->table, aor));
    return mailbox;
}

void mailbox_release(struct mailbox *self)
{
    if (self->device_count > 0 || self->letters != NULL)
        return;
    table_remove(&self->owner->table, &self->link);
    free(self);
}

struct walk {
    mailbox_fn *fn;
    void *context;
};

static void visit(struct table_link *link, void *context)
{
    const struct walk *walk = context;

    walk->fn(mailbox_of(link), walk->context);
}

void mailboxes_each(struct mailboxes *self, mailbox_fn *fn, void *context)
{
    struct walk walk = {fn, context};

    table_each(&self->table, visit, &walk);
}

uint64_t mailboxes_hash(const struct mailboxes *self, struct span first, struct span second)
{
    return table_hash_more(&self->table, table_hash(&self->table, first), second);
}

void mailbox_delivered(struct mailbox *self)
{
    if (self->owner->on_delivered != NULL && self->letters != NULL)
        self->owner->on_delivered(self, self->owner->messages);
}
