/* storage.h - the port to durable rows, in the words of the domain: no SQL, no PostgreSQL types. */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "server/base/log.h"
#include "server/base/loop.h"
#include "server/base/metric.h"
#include "server/base/span.h"
#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Storage writes rows and judges nothing: server/state/ has decided already. The rows of
 * one batch are named one by one, then written together as one transaction:
 *
 *     storage_put_publication() ...  ->  storage_write()  ->  [database]  ->  storage_written_fn
 *
 * A row says how its object shall be, not how it changes, and an object comes at most once
 * in a batch: writing a batch twice leaves the same rows. When the connection breaks after
 * a batch was sent, its outcome is unknown and storage keeps silent: it reconnects and reads
 * the owner's fence row, which every batch writes with its number, and so learns that the
 * batch has committed, or sends it again. STORAGE_FAILED thus always means that nothing was
 * written. A request that cannot wait that long is refused by state/batch's patience; its
 * effect, should it commit after all, still takes place. A repeat of a whole request is not
 * storage's affair: rows keep the Call-ID, CSeq and From tag that made them, so that state/
 * knows one when it sees it, also after a restart.
 *
 * Starting up is a walk of its own, all on the loop:
 *
 *     storage_open()  ->  connect, check the schema's version  ->  take the lease, or stand by
 *                     ->  raise the epoch  ->  load: on_domain ... on_subscription  ->  on_ready()
 */
struct storage;

enum storage_change {
    STORAGE_INSERT,
    STORAGE_UPDATE,  /* every column that can change */
    STORAGE_REFRESH, /* the columns that a refresh changes: see each row */
    STORAGE_REPEAT,  /* of a binding, CSeq and expires alone; else the same as STORAGE_REFRESH */
    STORAGE_DELETE,  /* `id` and `aor` (for its bucket) suffice */
};

/** Where a request came in: how its device is reached (DESIGN section 2). */
struct flow_row {
    uint32_t node;
    uint64_t incarnation;      /* the epoch in which the flow was seen */
    struct span transport;     /* "udp", "tcp" ... */
    struct span local_address; /* "192.0.2.1:5060", "[2001:db8::1]:5060" */
    struct span remote_address;
    uint64_t connection; /* 0 for datagrams */
    bool bound; /* requests go over this flow, whatever the Contact says: the device is behind a NAT
                 */
};

/*
 * Rows. Spans are octets; what is put is what a load returns. `remaining_us` is read after a
 * load (negative: expired so long ago); `expires_s` when putting, stored as the database's
 * now() plus so much. `aor` is canonical, "alice@example.org", and its bucket is derived.
 */

/** One Contact of one AOR (RFC 3261 section 10). REFRESH: call_id, cseq, expires, flow, q. */
struct binding_row {
    int64_t id; /* made by the node, never used again */
    struct span aor;
    struct span contact_key; /* unique within the AOR: canonical Contact, or instance and reg-id */
    struct span contact;     /* the URI as it was given */
    struct span parameters;  /* the header field's other parameters, as given */
    struct span path;        /* values of Path, comma separated; octets */
    struct span instance;    /* +sip.instance; empty when absent */
    uint32_t reg_id;         /* 0 when absent */
    int32_t q_thousandths;   /* -1 when absent */
    struct span call_id;
    struct span from_tag;
    uint32_t cseq;
    struct span user_agent;
    struct flow_row flow;
    uint32_t expires_s;
    int64_t remaining_us;
};

/** RFC 3903. REFRESH: entity_tag, previous_tag, call_id, from_tag, cseq, expires. */
struct publication_row {
    int64_t id;
    struct span aor;
    struct span event;
    struct span entity_tag;
    struct span previous_tag; /* the one that the last request replaced; empty at first */
    int64_t sequence;         /* greater is newer, over all publications and restarts */
    struct span content_type;
    struct span document;
    struct span call_id; /* this and the next two: the last accepted request */
    struct span from_tag;
    uint32_t cseq;
    bool hard_state;    /* put by an administrator or application, outlives all devices' state */
    uint32_t expires_s; /* 0 with hard_state: never */
    int64_t remaining_us;
};

enum subscription_row_state {
    SUBSCRIPTION_ROW_PENDING,
    SUBSCRIPTION_ROW_ACTIVE,
    SUBSCRIPTION_ROW_TERMINATED, /* only until its last NOTIFY is answered */
    SUBSCRIPTION_ROW_WAITING,    /* ended while pending; the presentity has still to decide */
};

/** RFC 6665. REFRESH: remote_cseq, remote_target, flow, cseq mark and epoch, expires, owed, state,
 * reason. */
struct subscription_row {
    int64_t id;
    struct span aor; /* the presentity */
    struct span event;
    struct span event_id; /* Event's id parameter; empty when absent */
    struct span watcher;  /* the AOR of who subscribed */
    enum subscription_row_state state;
    struct span reason; /* of Subscription-State, when terminated */
    struct span call_id;
    struct span local_tag;
    struct span remote_tag;
    struct span local_uri;  /* the URI of the SUBSCRIBE's To */
    struct span remote_uri; /* the URI of its From */
    struct span remote_target;
    struct span
        route_set;      /* values of Record-Route, comma separated, in the order to use; octets */
    struct span accept; /* Accept as given; empty when absent */
    struct span user_agent;
    struct span event_params; /* of the last SUBSCRIBE's Event, as given, from the first ';' */
    struct span body_type;    /* Content-Type of `body`; empty when there is none */
    struct span body;         /* a filter (RFC 4661) or a list (RFC 5367) */
    struct span instance;     /* +sip.instance of its Contact; empty when absent */
    bool eventlist;           /* the watcher takes lists (RFC 4662) */
    uint32_t remote_cseq;     /* of the last accepted SUBSCRIBE */
    uint32_t cseq_mark;       /* NOTIFYs of the marking epoch use [mark, mark + 1000) */
    uint64_t cseq_epoch;      /* the epoch that wrote the mark (DESIGN section 4) */
    /* Put: a NOTIFY is owed whatever the batch numbers say. Loaded: that, or the row was written
     * by a batch later than notified_batch (storage keeps that number in column written_batch). */
    bool owed;
    struct flow_row flow;
    uint32_t expires_s;
    int64_t remaining_us;
};

/** Who is known at an AOR, so that messages are kept for it. REFRESH: delivered_through. */
struct device_row {
    int64_t id;
    struct span aor;
    struct span device_key;    /* what makes it the same device; unique within the AOR */
    struct span user_agent;    /* not loaded: it only informs people */
    int64_t delivered_through; /* messages up to this id are done with at this device */
    int64_t unseen_us; /* loaded: so long ago it was last seen; put, by INSERT and UPDATE, now */
};

/** RFC 3428 section 8: a message that waits for devices. Inserted and deleted, never updated. */
struct message_row {
    int64_t id;      /* rising: the order of delivery */
    struct span aor; /* for whom */
    struct span sender;
    struct span call_id; /* with from_tag and cseq: to know a repeat */
    struct span from_tag;
    uint32_t cseq;
    struct span content_type;
    struct span headers; /* the header lines from end to end; octets */
    struct span body;
    uint32_t expires_s;
    int64_t remaining_us;
    int64_t kept_us; /* loaded: so long ago */
};

/** What becomes of a watcher; the greater lets through more (RFC 5025 section 3.2.1). */
enum watcher_action { WATCHER_BLOCK, WATCHER_CONFIRM, WATCHER_POLITE_BLOCK, WATCHER_ALLOW };

/** Which publications make up what is shown: see pidf/pidf.h. */
enum presence_policy { POLICY_UNION, POLICY_LATEST, POLICY_PRIORITY, POLICY_SINGLE };

/** Bits of watcher_rule_row.hidden: what such a watcher is not shown. As enum pidf_hidden, for
 * which any bit hides what is unknown. A row hides nothing, or what is unknown and more, or
 * everything: so what two rules hide both is the AND of their bits, also when their parts are
 * different ones. */
enum rule_hidden {
    RULE_HIDE_NOTES = 1,
    RULE_HIDE_ACTIVITIES = 2,
    RULE_HIDE_LOCATION = 4,
    RULE_HIDE_DEVICES = 8,
    RULE_BASIC_ONLY = 16, /* comes with all other bits */
    RULE_HIDE_UNKNOWN = 32,
    RULE_HIDE_ALL = 63,
};

/** Who may see whom. Empty spans match all. */
struct watcher_rule_row {
    int64_t id;
    struct span domain;     /* of the presentity; one of ours */
    struct span presentity; /* canonical AOR; empty: every presentity of the domain */
    struct span watcher;    /* canonical AOR, "@domain" for all of a domain, empty: everyone */
    struct span event;      /* event package; empty: those that rules decide */
    enum watcher_action action;
    uint32_t hidden;        /* enum rule_hidden */
    int64_t valid_from_us;  /* wall clock, since 1970; 0: always has been */
    int64_t valid_until_us; /* 0: for ever */
};

/** One member of a list, in the list's order. Told with its list. */
struct list_member_row {
    struct span uri;  /* as given, "sip:bob@example.org" */
    struct span name; /* for display; may be empty */
};

/** A resource list (RFC 4662): enabled ones alone are told, each with all of its members. */
struct list_row {
    int64_t id;
    struct span aor;   /* canonical: what is subscribed to */
    struct span owner; /* canonical AOR of who may subscribe; empty: everyone of its domain */
    struct span name;  /* for display */
    const struct list_member_row *members; /* lent like the spans */
    size_t member_count;
};

/** Phones that need their documents in another form. The first in order of `position`, then id,
 * whose pattern fits the User-Agent decides. */
struct dialect_row {
    int64_t id;
    int64_t position;
    struct span user_agent; /* a prefix of User-Agent, without regard to case */
    struct span event;      /* event package */
    uint32_t bits;          /* as the package defines them: enum pidf_dialect ... */
};

/** A tenant. Absent limits are 0: the process-wide setting applies. */
struct domain_row {
    int64_t id;
    struct span name; /* lower-case */
    bool suspended;
    bool authentication;     /* false: requests are taken without digest */
    bool digest_without_qop; /* also answer the challenge form of RFC 2069 */
    bool
        accept_foreign; /* from users of domains that are not ours; false: of trusted peers alone */
    uint8_t algorithms[3]; /* enum digest_algorithm, in order of preference */
    uint8_t algorithm_count;
    enum watcher_action default_action;   /* for a watcher of whom no rule says anything */
    enum presence_policy presence_policy; /* how publications are composed */
    bool presence_from_registration;      /* bindings show as presence too */
    bool message_summary_from_kept;       /* kept messages count as waiting ones */
    uint32_t notify_interval_min_ms;      /* between NOTIFYs to one subscription; 0: no limit */
    uint32_t registration_expires_max_s;
    uint32_t subscription_expires_max_s;
    uint32_t publication_expires_max_s;
    uint32_t contacts_max;      /* per AOR */
    uint32_t publications_max;  /* per presentity */
    uint32_t subscriptions_max; /* per watcher */
    bool keep_messages;         /* false: what reaches no device is refused */
    uint32_t message_keep_max_s;
    uint32_t messages_max; /* per AOR */
};

/** Who may act for an AOR. HA1 values are lower-case hex, empty where none is stored. */
struct account_row {
    int64_t id;
    struct span aor; /* canonical */
    struct span domain;
    struct span username; /* for digest: the user part, unescaped */
    bool disabled;
    struct span ha1_md5;
    struct span ha1_sha256;
    struct span ha1_sha512_256;
    uint8_t algorithms[3]; /* like the domain's; count 0: the domain's apply */
    uint8_t algorithm_count;
};

/** A host that needs no credentials: a PBX, a gateway, another proxy. Enabled ones alone are told.
 */
struct trusted_peer_row {
    int64_t id;
    uint8_t family; /* 4 or 6 */
    uint8_t prefix; /* significant bits of `address`; those behind them are 0 */
    uint8_t address[16];
    uint16_t port;         /* 0: any */
    struct span transport; /* "udp", "tcp" ...; empty: any */
    struct span domain;    /* the one of ours that it may speak for; empty: all */
    bool may_relay;        /* to destinations that are none of ours */
};

/** A resource that changed after everything owed was acknowledged or marked. */
struct resource_row {
    struct span aor;
    struct span event;
    uint64_t changed_batch;
};

enum command_kind {
    COMMAND_PUBLISH,        /* hard state, or with expires_s soft state: aor, event, document */
    COMMAND_UNPUBLISH,      /* publication `target` */
    COMMAND_TERMINATE,      /* subscription `target`, with `reason` */
    COMMAND_UNREGISTER,     /* binding `target`; 0: all of `aor` */
    COMMAND_MESSAGE,        /* from `sender`: keep and deliver `document` */
    COMMAND_REMOVE_MESSAGE, /* message `target` */
    COMMAND_FORGET_DEVICE,  /* device `target` */
    COMMAND_REVIEW,         /* `aor`, or all of a domain, or with none all: shown by other rules */
};

/** What an administrator asked for by SQL; stays in its table until a batch carries its effect. */
struct command_row {
    int64_t id;
    enum command_kind kind;
    struct span aor;
    struct span event;
    int64_t target;
    struct span reason;
    struct span content_type;
    struct span document;
    uint32_t expires_s;
    struct span sender;
};

/* ---- opening, loading, and what the database tells ---- */

/** What on_ready() tells about this ownership. */
struct storage_epoch {
    uint64_t epoch;          /* rises with every start and take-over */
    uint64_t batch;          /* number of the last committed batch, over all epochs */
    uint64_t notified_batch; /* up to which every watcher was told or marked */
    uint8_t secret[32];      /* kept in the database: for MACs and nonces */
};

/** Upward calls, installed by state/. All from the loop, none from inside a call of ours. Rows are
 * lent. */
struct storage_events {
    void *context;
    /** Another process owns the state; this one waits for its lease. Told once. */
    void (*on_standby)(void *context);
    /* Start-up, in this order; also later, live, when SQL has changed one of them. */
    void (*on_domain)(void *context, const struct domain_row *row);
    void (*on_domain_gone)(void *context, int64_t id);
    void (*on_account)(void *context, const struct account_row *row);
    void (*on_account_gone)(void *context, int64_t id);
    void (*on_trusted_peer)(void *context, const struct trusted_peer_row *row);
    void (*on_trusted_peer_gone)(void *context, int64_t id);
    void (*on_watcher_rule)(void *context, const struct watcher_rule_row *row);
    void (*on_watcher_rule_gone)(void *context, int64_t id);
    void (*on_list)(void *context, const struct list_row *row);
    void (*on_list_gone)(void *context, int64_t id);
    void (*on_dialect)(void *context, const struct dialect_row *row);
    void (*on_dialect_gone)(void *context, int64_t id);
    /* Start-up only. */
    void (*on_binding)(void *context, const struct binding_row *row);
    void (*on_publication)(void *context, const struct publication_row *row);
    void (*on_subscription)(void *context, const struct subscription_row *row);
    void (*on_device)(void *context, const struct device_row *row);
    void (*on_message)(void *context, const struct message_row *row); /* in order of their ids */
    void (*on_resource)(void *context, const struct resource_row *row);
    void (*on_ready)(void *context, const struct storage_epoch *epoch);
    /** Live, and once after on_ready for what waits: each command once per process. */
    void (*on_command)(void *context, const struct command_row *row);
    /** The writer has lost its connection, or has it again. */
    void (*on_away)(void *context);
    void (*on_back)(void *context);
    /** This process must stop: the schema is unknown, another epoch owns the state ... `why` names
     * it. */
    void (*on_fatal)(void *context, const char *why);
};

struct storage_options {
    const char *conninfo;
    uint32_t node_id;
    bool standby; /* wait for the lease; false: on_fatal when another process holds it */
    uint32_t lock_timeout_ms;
    uint32_t stuck_ms; /* a batch without an answer for so long gets its connection closed */
};

/** Borrows loop, log and metrics; copies options. Connects only in storage_open(). */
struct storage *storage_new(struct loop *loop, struct log *log, struct metrics *metrics,
                            const struct storage_options *options);
void storage_open(struct storage *self, const struct storage_events *events);
void storage_free(struct storage *self);

/** True while the writer is connected and owns the state. */
bool storage_is_connected(const struct storage *self);

/* ---- one batch ---- */

/* Each adds one row to the batch being filled, and copies it. */
void storage_put_binding(struct storage *self, enum storage_change change,
                         const struct binding_row *row);
void storage_put_publication(struct storage *self, enum storage_change change,
                             const struct publication_row *row);
void storage_put_subscription(struct storage *self, enum storage_change change,
                              const struct subscription_row *row);
void storage_put_device(struct storage *self, enum storage_change change,
                        const struct device_row *row);
/** INSERT and DELETE alone. */
void storage_put_message(struct storage *self, enum storage_change change,
                         const struct message_row *row);
/** Marks what changed with the number of this batch; naming it twice is naming it once. */
void storage_put_resource(struct storage *self, struct span aor, struct span event);
/** The command's effect is in this batch, or it has none: take it out. */
void storage_put_command_done(struct storage *self, int64_t id);

/** Written with the next batch's fence row (and alone by the heartbeat when none comes). */
void storage_set_notified_batch(struct storage *self, uint64_t batch);

/* What has been put so far into the batch being filled: for cutting batches. */
size_t storage_filled_rows(const struct storage *self);
size_t storage_filled_bytes(const struct storage *self);

/** The number that the batch being filled will have. */
uint64_t storage_next_batch(const struct storage *self);

enum storage_outcome {
    STORAGE_COMMITTED, /* durable, with synchronous_commit = on */
    STORAGE_FAILED,    /* refused by the database: bisect; nothing was written */
    STORAGE_AWAY,      /* not connected when it was given, nothing was sent or written */
};

/** `message`: the database's words for STORAGE_FAILED, else empty; lent for the call. */
typedef void storage_written_fn(void *waiter, enum storage_outcome outcome, struct span message);

/**
 * Sends the batch that was filled and starts an empty one. Returns at once; answers exactly
 * once, from the event loop, never from inside the call. One batch is in flight at a time:
 * the next storage_write() comes after the answer. Transient faults (deadlock, serialization,
 * lock time-out) are retried a few times inside. `waiter` must outlive it.
 */
void storage_write(struct storage *self, storage_written_fn *on_written, void *waiter);

/* ---- outside of the loop ---- */

/** Synchronous, for `--migrate`: applies the numbered files of `folder` not yet applied. Prints to
 * stderr. */
MUST_USE enum status storage_migrate(const char *conninfo, const char *folder);

/** presence.bucket_of(): 0..1023, the same here and in SQL (tested against each other). */
uint16_t storage_bucket_of(struct span aor);

/** True for what a text column takes: UTF-8 without NUL. */
bool storage_is_text(struct span bytes);

#endif
