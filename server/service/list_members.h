/* list_members.h - who is on a list: rows of SQL or a body, lists within lists flattened. */
#ifndef SERVICE_LIST_MEMBERS_H
#define SERVICE_LIST_MEMBERS_H

#include "pidf/event/resource_list.h"
#include "server/state/state.h"

/** Each URI once, in the order of the list. Zeroed is empty; free with list_members_deinit(). */
struct list_members {
    struct buffer octets; /* URIs and names, behind one another */
    struct list_member_place *places;
    size_t count;
    size_t cap;
    size_t max;          /* more are left out */
    struct span watcher; /* lent */
    uint64_t *slots;     /* hashes of the canonical AORs of members and lists that were met */
    size_t slot_mask;
    size_t met;
    bool has_lists; /* some member is a list itself */
    uint64_t key[2];
};

/** Room for `max` members, as `watcher` may see them, who is lent until they are all added. */
void list_members_init(struct list_members *self, size_t max, struct span watcher);
void list_members_deinit(struct list_members *self);

/**
 * Adds the members of a list of SQL, or of a body (RFC 5367) that was found good. A member that is
 * a list itself gives its own members, down to a depth of a few (RFC 4662 section 4.6), if the
 * watcher may watch it: else it is a member like any other (section 7.2).
 */
void list_members_add_list(struct list_members *self, const struct state *state,
                           const struct list_row *list);
void list_members_add_body(struct list_members *self, const struct state *state,
                           struct resource_list_reader *reader, struct span body);

/** Member `i` of `count`; lent until the next change. */
struct span list_members_uri(const struct list_members *self, size_t i);
struct span list_members_name(const struct list_members *self, size_t i);

/** Whether it is the watcher's own, or one of nobody in the watcher's domain. */
bool list_may_be_watched(const struct list_row *list, struct span watcher);

/** The canonical AOR of a member's URI, in `octets`. False when it has none. */
bool list_member_aor(struct span uri, char octets[SIP_AOR_BYTES_MAX], struct span *out);

#endif
