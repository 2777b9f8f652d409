/* mailbox.h - an AOR at which devices are known or messages are kept: one meets the other here. */
#ifndef STATE_MAILBOX_H
#define STATE_MAILBOX_H

#include "server/base/list.h"
#include "server/base/span.h"
#include "server/base/table.h"

#include <stdint.h>

struct device;
struct devices;
struct messages;

/** The messages of a mailbox; it has one while there are any. */
struct letters {
    struct list waiting; /* message.c: committed or pending, not done, in order of their ids */
    struct list done;    /* those that are remembered, in the order in which they were done */
    struct list turn;    /* keep.c: among the mailboxes that have something to send */
    struct mailbox *mailbox;
    uint32_t count; /* with those that are done */
    uint32_t waiting_count;
    uint64_t waiting_bytes;
};

/** Lives while it has a device or a message, be it one that is done and only remembered. */
struct mailbox {
    struct table_link link;
    struct mailboxes *owner;
    struct device *devices;  /* device.c: the newest first */
    struct letters *letters; /* NULL: none */
    uint16_t device_count;
    uint16_t aor_len;
    char aor[];
};

typedef void mailbox_fn(struct mailbox *mailbox, void *context);

/** All of them. */
struct mailboxes {
    struct table table;
    struct devices *devices;   /* set by device.c */
    struct messages *messages; /* set by message.c */
    mailbox_fn *on_delivered;
};

void mailboxes_init(struct mailboxes *self);
/** They must all be gone. */
void mailboxes_deinit(struct mailboxes *self);

/** NULL when nothing is known or kept there. */
struct mailbox *mailboxes_find(const struct mailboxes *self, struct span aor);

/** Makes it where there is none; mailbox_release() it when nothing came of it. */
struct mailbox *mailboxes_get(struct mailboxes *self, struct span aor);

/** Frees it if nothing is in it. */
void mailbox_release(struct mailbox *self);

static inline struct span mailbox_aor(const struct mailbox *self)
{
    return (struct span){self->aor, self->aor_len};
}

/** Calls `fn` for each; `fn` may empty and release the one it is given, and no other. */
void mailboxes_each(struct mailboxes *self, mailbox_fn *fn, void *context);

/** A keyed hash of two words behind one another. */
uint64_t mailboxes_hash(const struct mailboxes *self, struct span first, struct span second);

/** A device of it has got a message, by what is committed, or is no more: tells message.c. */
void mailbox_delivered(struct mailbox *self);

#endif
