/* watcherinfo.h - who watches a resource, as application/watcherinfo+xml (RFC 3858). */
#ifndef PIDF_EVENT_WATCHERINFO_H
#define PIDF_EVENT_WATCHERINFO_H

#include "pidf/parts.h"
#include "server/base/status.h"

/** RFC 3857 section 4.7.1, figure 1. */
enum watcherinfo_status {
    WATCHERINFO_STATUS_PENDING,
    WATCHERINFO_STATUS_ACTIVE,
    WATCHERINFO_STATUS_WAITING,
    WATCHERINFO_STATUS_TERMINATED,
};

/** What led to that status; same place. */
enum watcherinfo_event {
    WATCHERINFO_EVENT_SUBSCRIBE,
    WATCHERINFO_EVENT_APPROVED,
    WATCHERINFO_EVENT_DEACTIVATED,
    WATCHERINFO_EVENT_PROBATION,
    WATCHERINFO_EVENT_REJECTED,
    WATCHERINFO_EVENT_TIMEOUT,
    WATCHERINFO_EVENT_GIVEUP,
    WATCHERINFO_EVENT_NORESOURCE,
};

/**
 * One watcher. The spans may hold any octets (see pidf/markup.h).
 *
 * RFC 3858 section 3 has two more attributes, both optional and informative, both counted from
 * "the current time": written into the part they would make it differ each second although
 * nothing happened. So
 * - `expiration` is no part of the part: watcherinfo_put_part() adds it to what is sent, out of
 *   the part's deadline. A refresh moves the deadline and leaves the octets as they are: nobody
 *   is told of it (RFC 3857 section 4.7.2 knows no such event), and a full document that is sent
 *   for another reason is right.
 * - `duration-subscribed` is left out until the watcher is terminated. Then it stands still.
 */
struct watcherinfo_watcher {
    struct span id; /* a token (RFC 3261 section 25.1), unique and never given to another */
    enum watcherinfo_status status;
    enum watcherinfo_event event;
    struct span uri;                /* the authenticated identity, an AOR */
    struct span display_name;       /* empty: none */
    struct span language;           /* of the display name; empty: not known */
    uint64_t duration_subscribed_s; /* read for TERMINATED only */
    int64_t deadline_us;            /* when it ends by itself; 0: not known; not for TERMINATED */
};

/**
 * Adds the part of one watcher, with its id as key; a terminated one is the part's last. False
 * when there was no room; parts_overflowed() says so too.
 */
bool watcherinfo_add(struct parts *parts, const struct watcherinfo_watcher *watcher);

/**
 * Appends the last element of a watcher of whom only its part's `octets` are left: all that it
 * said, but terminated, by `event`. How long it was subscribed is not known then.
 */
void watcherinfo_put_gone(struct buffer *out, struct span octets, enum watcherinfo_event event);

/**
 * A document is watcherinfo_begin(), watcherinfo_put_part() for each part that was chosen, in any
 * order, and watcherinfo_end(). It has one watcher-list, which may be empty.
 *
 * version    from 0, one more with each document of the same subscription; does not wrap
 * resource   the URI that is watched
 * package    what is watched, without ".winfo": "presence"
 */
void watcherinfo_begin(struct buffer *out, uint32_t version, bool full, struct span resource,
                       struct span package);

/** Appends a part as it is at `now_us`, on the clock of the part's deadline. */
void watcherinfo_put_part(struct buffer *out, const struct part *part, int64_t now_us);

void watcherinfo_end(struct buffer *out);

#endif
