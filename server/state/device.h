/* device.h - who is known at an AOR: kept messages go to each device once, in order. */
#ifndef STATE_DEVICE_H
#define STATE_DEVICE_H

#include "server/state/hot.h"
#include "server/state/mailbox.h"
#include "server/state/node.h"

/** One device: it comes with its first REGISTER and is forgotten when it was not seen for long. */
struct device;

/** All of them. Changes are staged here, committed by a batch, and seen only then. */
struct devices;

/** What service/keep.c has under way to a device: its own affair. */
struct handover;

enum { DEVICES_PER_AOR = 32 };

struct device_limits {
    uint32_t devices_max; /* of the process */
    uint32_t forget_s;    /* not seen for so long */
};

/** Borrows both. */
struct devices *devices_new(struct node *node, struct mailboxes *mailboxes,
                            const struct device_limits *limits);
void devices_free(struct devices *self);
void devices_reconfigure(struct devices *self, const struct device_limits *limits);
size_t devices_count(const struct devices *self);

/** By what a device is known again: the first of these that is not empty. Text. */
struct device_name {
    struct span instance; /* +sip.instance (RFC 5626) */
    struct span user_agent;
    struct span contact_key;
};

/**
 * A device registers. Most times it is known and was seen not long ago: nothing is staged, and
 * `out` is NULL. Else `out` is to be waited for together with the binding. One too many at its
 * AOR takes the place of the one that was seen longest ago.
 *
 * STATUS_LIMIT  one more than the process may know: it gets what is sent while it is there, and
 *               nothing waits for it
 */
MUST_USE enum status device_stage_seen(struct devices *self, struct span aor,
                                       const struct device_name *name, struct device **out);

/** All messages up to `through` are done with at this device: staged, and written. */
void device_stage_delivered(struct device *self, int64_t through);

/** Stages its removal and writes it: for administrators, and when it is forgotten. */
void device_stage_removal(struct device *self);

void devices_load(struct devices *self, const struct device_row *row);

struct handle device_handle(const struct device *self);
int64_t device_id(const struct device *self);
struct mailbox *device_mailbox(const struct device *self);

/** By the newest version: what has been sent need not wait until that is committed. */
int64_t device_delivered_through(const struct device *self);

/** By the committed version of one that mailbox_first_device() or the like gave. */
int64_t device_committed_through(const struct device *self);

/** The committed device of that name at `mailbox`, or NULL. */
struct device *mailbox_find_device(const struct mailbox *mailbox, const struct device_name *name);
/** The same by id. */
struct device *mailbox_find_device_id(const struct mailbox *mailbox, int64_t id);

/** The committed devices of a mailbox, the newest first; NULL at the end. */
struct device *mailbox_first_device(const struct mailbox *mailbox);
struct device *device_next(const struct device *self);

/** What all committed devices of a mailbox have got, and not less than nothing: -1 if none is
 * known. */
int64_t mailbox_delivered_through(const struct mailbox *mailbox);

/** Where keep.c hangs what it has under way; NULL at first. */
struct handover **device_handover(struct device *self);

/** `fn` is called before a device with something under way goes. One watcher: keep.c. */
typedef void device_fn(void *context, struct device *device);
void devices_watch(struct devices *self, device_fn *on_gone, void *context);

#endif
