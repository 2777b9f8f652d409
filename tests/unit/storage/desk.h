/* desk.h - a storage under test with everything that it tells written down. */
#ifndef UNIT_STORAGE_DESK_H
#define UNIT_STORAGE_DESK_H

#include "storage/storage.h"

enum { DESK_ROWS_MAX = 64, DESK_TEXT_MAX = 4096 };

/** What came up, in counters and copies. Spans in the copies point into `text`. */
struct desk {
    struct loop *loop;
    struct metrics *metrics;
    struct storage *storage;
    struct storage_options options;
    bool standby;
    bool ready;
    bool fatal;
    char why[700];
    int away;
    int back;
    struct storage_epoch epoch;

    int domains;
    int accounts;
    int domains_gone;
    int accounts_gone;
    int peers;
    int peers_gone;
    int rules;
    int rules_gone;
    int lists;
    int lists_gone;
    int dialects;
    int dialects_gone;
    int64_t last_gone;
    struct domain_row domain;
    struct account_row account;
    struct trusted_peer_row peer;
    struct watcher_rule_row rule; /* the last one */
    struct watcher_rule_row rule_rows[DESK_ROWS_MAX];
    struct list_row list; /* without its members */
    struct list_member_row members[DESK_ROWS_MAX];
    struct dialect_row dialect;

    size_t binding_count;
    size_t publication_count;
    size_t subscription_count;
    size_t device_count;
    size_t message_count;
    size_t resource_count;
    size_t command_count;
    struct binding_row bindings[DESK_ROWS_MAX];
    struct publication_row publications[DESK_ROWS_MAX];
    struct subscription_row subscriptions[DESK_ROWS_MAX];
    struct device_row devices[DESK_ROWS_MAX];
    struct message_row messages[DESK_ROWS_MAX];
    struct resource_row resources[DESK_ROWS_MAX];
    struct command_row commands[DESK_ROWS_MAX];

    int answers;
    enum storage_outcome outcome;
    char message[600];

    char *kept[65536]; /* copies of octets */
    size_t kept_count;
};

/** A storage on `conninfo`, opened. */
void desk_open(struct desk *self, const char *conninfo, uint32_t node, bool standby);
/** The same, and runs until it is ready. */
void desk_open_ready(struct desk *self, const char *conninfo);
void desk_close(struct desk *self);

/** Runs the loop until `*flag` is not 0, at most `ms`; false when it stayed 0. */
bool desk_run_until(struct desk *self, const bool *flag, int ms);
/** Until `*count` reaches `wanted`. */
bool desk_run_until_count(struct desk *self, const int *count, int wanted, int ms);
bool desk_run_until_size(struct desk *self, const size_t *count, size_t wanted, int ms);
void desk_run_for(struct desk *self, int ms);

/** Writes what was put, and waits for the answer. */
enum storage_outcome desk_write(struct desk *self);
/** Writes and does not wait; the answer is in `answers` and `outcome`. */
void desk_give(struct desk *self);

/** Rows with something in every column; `id` makes them differ. */
struct binding_row desk_binding(int64_t id, const char *aor);
struct publication_row desk_publication(int64_t id, const char *aor);
struct subscription_row desk_subscription(int64_t id, const char *aor);
struct device_row desk_device(int64_t id, const char *aor);
struct message_row desk_message(int64_t id, const char *aor);

#endif
