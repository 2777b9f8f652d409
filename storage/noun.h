/* noun.h - how each noun's rows are put into sheets, and read back; one .c file per noun. */
#ifndef STORAGE_NOUN_H
#define STORAGE_NOUN_H

#include "storage/array.h"
#include "storage/row.h"
#include "storage/storage.h"

/*
 * encode: adds one row to the sheet of that change's statement, in the order of its columns.
 * decode: reads one row of the statement above it; false when the row is malformed, or holds what
 * the struct cannot.
 */

extern const char binding_scan[]; /* COPY */
void binding_encode(struct sheet *sheet, enum storage_change change, const struct binding_row *row);
MUST_USE bool binding_decode(struct row *from, struct binding_row *out);

extern const char publication_scan[]; /* COPY */
void publication_encode(struct sheet *sheet, enum storage_change change,
                        const struct publication_row *row);
MUST_USE bool publication_decode(struct row *from, struct publication_row *out);

extern const char subscription_scan[]; /* COPY */
void subscription_encode(struct sheet *sheet, enum storage_change change,
                         const struct subscription_row *row);
/** Owed is also what a batch later than `notified_batch` has written. */
MUST_USE bool subscription_decode(struct row *from, uint64_t notified_batch,
                                  struct subscription_row *out);

extern const char device_scan[]; /* COPY */
void device_encode(struct sheet *sheet, enum storage_change change, const struct device_row *row);
MUST_USE bool device_decode(struct row *from, struct device_row *out);

extern const char message_scan[]; /* COPY */
void message_encode(struct sheet *sheet, enum storage_change change, const struct message_row *row);
MUST_USE bool message_decode(struct row *from, struct message_row *out);

void flow_encode(struct sheet *sheet, const struct flow_row *flow);
void flow_decode(struct row *from, struct flow_row *out);

/* The control plane: written by people, read alone. Everything by COPY, or some by id: $1 is
 * int8[]. */
extern const char domain_scan[];
extern const char domain_read[];
MUST_USE bool domain_decode(struct row *from, struct domain_row *out);
extern const char account_scan[];
extern const char account_read[];
MUST_USE bool account_decode(struct row *from, struct account_row *out);
extern const char trusted_peer_scan[];
extern const char trusted_peer_read[];
MUST_USE bool trusted_peer_decode(struct row *from, struct trusted_peer_row *out);
extern const char watcher_rule_scan[];
extern const char watcher_rule_read[];
MUST_USE bool watcher_rule_decode(struct row *from, struct watcher_rule_row *out);
/** The action of that name in SQL; false when there is none. */
MUST_USE bool watcher_action_of(struct span name, enum watcher_action *out);
extern const char list_scan[];
extern const char list_read[];
/** `members`, to which `out` points, is the caller's to free, also after false. */
MUST_USE bool list_decode(struct row *from, struct list_row *out, struct list_member_row **members);
extern const char dialect_scan[];
extern const char dialect_read[];
MUST_USE bool dialect_decode(struct row *from, struct dialect_row *out);

/** Those not in $1, int8[], in the order of asking. */
enum { COMMANDS_READ_MAX = 200 };
extern const char command_read[];
MUST_USE bool command_decode(struct row *from, struct command_row *out);

#endif
