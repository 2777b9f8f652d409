/* message.h - messages that are kept for the devices of an AOR (RFC 3428 section 8). */
#ifndef STATE_MESSAGE_H
#define STATE_MESSAGE_H

#include "server/base/blob.h"
#include "server/state/device.h"
#include "server/state/resource.h"

/**
 * One kept message. It waits until all devices that are known at its AOR, and one at least, have
 * got it, or until it expires; then it is done, and only its identity is remembered for a while:
 * a repeat of its request, also in a new transaction or after a restart, is not a second message.
 */
struct message;

/** All of them. Changes are staged here, committed by a batch, and seen only then. */
struct messages;

struct message_limits {
    uint32_t per_aor_max; /* that wait */
    uint64_t per_aor_bytes_max;
    uint32_t messages_max; /* of the process, with those that are remembered */
    uint64_t bytes_max;    /* of all that wait */
    uint32_t remember_s;   /* since they were kept */
};

/** Borrows all: message summaries (RFC 3842) may count messages, and are touched by them. */
struct messages *messages_new(struct node *node, const struct resources *resources,
                              struct mailboxes *mailboxes, const struct message_limits *limits);
void messages_free(struct messages *self);
void messages_reconfigure(struct messages *self, const struct message_limits *limits);

/** With those that are only remembered. */
size_t messages_count(const struct messages *self);
size_t messages_waiting(const struct messages *self);

/** What tells a request from others. The same one for two AORs is two. */
struct message_identity {
    struct span aor;
    struct span call_id;
    struct span from_tag;
    uint32_t cseq;
    struct span body; /* a client that counts anew says something else by the same numbers */
};

/** The message that this request has made before, pending or not, or NULL. */
struct message *messages_find(const struct messages *self, const struct message_identity *identity);

/** What is to be kept; the spans are copied. */
struct message_change {
    struct message_identity identity;
    struct span sender;
    struct span content_type;
    struct span headers; /* the header lines that go with it */
    struct span body;
    uint32_t expires_s;   /* from now on */
    uint32_t per_aor_max; /* of its domain; 0: the process-wide limit */
};

/**
 * Stages a new message, whose identity is not there yet. The caller's next step is batch_wait().
 *
 * STATUS_CONFLICT  one more than may wait for its AOR
 * STATUS_LIMIT     one more than the process may hold
 */
MUST_USE enum status message_stage(struct messages *self, const struct message_change *change,
                                   struct message **out);

/** Takes it back from all devices that do not have it: for administrators. Writes. */
void message_stage_removal(struct message *self);

/** Rows come in the order of their ids, after those of all devices. */
void messages_load(struct messages *self, const struct message_row *row);

struct handle message_handle(const struct message *self);
int64_t message_id(const struct message *self);
bool message_is_settled(const struct message *self);
struct mailbox *message_mailbox(const struct message *self);

/* Of one that waits. */
struct span message_headers(const struct message *self);
struct blob *message_body(const struct message *self);

/** How many messages wait at a mailbox, pending ones too; NULL has none. */
size_t mailbox_waiting(const struct mailbox *mailbox);

/** How many of them are committed. */
size_t mailbox_kept(const struct mailbox *mailbox);

/**
 * The message that is next for a device which has got all up to `through`: committed, and waiting.
 * NULL when there is none, or when one before it is still pending: none overtakes another.
 */
struct message *mailbox_next_message(const struct mailbox *mailbox, int64_t through);

/** The same, be it or one before it still pending: what a device has got before it was sent. */
struct message *mailbox_message_above(const struct mailbox *mailbox, int64_t through);

/** The id of the last message that waits, pending ones too; 0 when none does. */
int64_t mailbox_last_message(const struct mailbox *mailbox);

/** The waiting message of that id, or NULL. */
struct message *mailbox_find_message(const struct mailbox *mailbox, int64_t id);

/** One watcher, keep.c. */
struct message_watcher {
    void *context;
    void (*on_committed)(void *context, struct mailbox *mailbox);
    /** It is done, expired or removed: not to be sent any more. */
    void (*on_done)(void *context, struct mailbox *mailbox, int64_t id, bool expired);
};
void messages_watch(struct messages *self, const struct message_watcher *watcher);

/** Calls `fn` for every mailbox at which something waits. */
void messages_each_mailbox(struct messages *self, mailbox_fn *fn, void *context);

#endif
