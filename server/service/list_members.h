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
    size_t max;      /* more are left out */
    uint32_t *slots; /* places by hash of the canonical AOR, to know a member that came before */
    size_t slot_mask;
    bool has_lists; /* some member is a list itself */
    uint64_t key[2];
    struct span watcher;
    struct list_visit *visits; /* lists that have given their members */
    size_t visit_count;
    size_t visit_cap;
};

/** Whether `watcher` may learn who is on that list: its owner, or without one its domain. */
bool list_may_be_watched(const struct list_row *list, struct span watcher);

/** Room for `max` members, for `watcher`, which is lent for as long as members are added. */
void list_members_init(struct list_members *self, size_t max, struct span watcher);
void list_members_deinit(struct list_members *self);

/**
 * Adds the members of a list of SQL, or of a body (RFC 5367) that was found good. A member that is
 * a list itself gives its own members, down to a depth of a few (RFC 4662 section 4.6), where the
 * watcher might subscribe to it (section 7.2); where not, it is a member that is not there.
 */
void list_members_add_list(struct list_members *self, const struct state *state,
                           const struct list_row *list);
void list_members_add_body(struct list_members *self, const struct state *state,
                           struct resource_list_reader *reader, struct span body);

/** Member `i` of `count`; lent until the next change. */
struct span list_members_uri(const struct list_members *self, size_t i);
struct span list_members_name(const struct list_members *self, size_t i);

/** The canonical AOR of a member's URI, in `octets`. False when it has none. */
bool list_member_aor(struct span uri, char octets[SIP_AOR_BYTES_MAX], struct span *out);

#endif
