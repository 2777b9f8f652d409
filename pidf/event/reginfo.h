/* reginfo.h - what is bound to an AOR, as application/reginfo+xml (RFC 3680, RFC 5628). */
#ifndef PIDF_EVENT_REGINFO_H
#define PIDF_EVENT_REGINFO_H

#include "pidf/parts.h"
#include "server/base/status.h"

/** RFC 3680 section 4.7.1, figure 2: the first four leave a contact active, the others end it. */
enum reginfo_event {
    REGINFO_EVENT_REGISTERED,
    REGINFO_EVENT_CREATED,
    REGINFO_EVENT_REFRESHED,
    REGINFO_EVENT_SHORTENED,
    REGINFO_EVENT_EXPIRED,
    REGINFO_EVENT_DEACTIVATED,
    REGINFO_EVENT_PROBATION,
    REGINFO_EVENT_UNREGISTERED,
    REGINFO_EVENT_REJECTED,
};

/** Figure 1 of the same place, of the whole AOR. */
enum reginfo_state { REGINFO_STATE_INIT, REGINFO_STATE_ACTIVE, REGINFO_STATE_TERMINATED };

/** A Contact parameter that RFC 3261 does not know: "+sip.instance", "methods". */
struct reginfo_param {
    struct span name;
    struct span value; /* as received, quotes and all; empty: it has none */
};

/**
 * One binding. The spans may hold any octets (see pidf/markup.h); empty ones are left out. Its
 * state follows from the event.
 *
 * As in pidf/watcherinfo.h, what counts in seconds from "the current time" is no part of the
 * part, or each would differ each second although nothing happened:
 * - `expires` is added by reginfo_put_part() to what is sent, out of the part's deadline, and is
 *   right whenever that happens. SHORTENED must have it (RFC 3680 section 5.1).
 * - `duration-registered` is optional; it is left out until the contact is terminated by an event
 *   whose time is known. Then it stands still.
 *
 * A refresh changes `callid` or `cseq`, hence the octets, hence it is told to everyone. RFC 3680
 * section 4.7.2 leaves that to policy: give neither (has_cseq false, event as it was) and
 * refreshes are silent. Where a temp_gruu is told both must be given, for RFC 5628 section 6.1
 * finds out by them which temporary GRUUs still live.
 */
struct reginfo_contact {
    struct span id; /* the same for the same URI, of no other URI (RFC 3680 section 5.1) */
    enum reginfo_event event;
    struct span uri;
    struct span q;
    struct span callid;
    bool has_cseq;
    uint32_t cseq;
    uint64_t retry_after_s;         /* read for PROBATION only */
    uint64_t duration_registered_s; /* read for events that end it only */
    struct span display_name;
    struct span language; /* of the display name; empty: not known */
    const struct reginfo_param *params;
    size_t param_count;
    struct span pub_gruu;
    struct span temp_gruu;
    uint32_t first_cseq; /* of the REGISTER that got the oldest live temporary GRUU */
    int64_t deadline_us; /* when it expires; 0: not known; not for events that end it */
};

/**
 * Adds the part of one contact, with its id as key; one that ended is the part's last. False
 * when there was no room; parts_overflowed() says so too.
 */
bool reginfo_add(struct parts *parts, const struct reginfo_contact *contact);

/**
 * Appends the last element of a contact of which only its part's `octets` are left: all that it
 * said, but terminated, because its time was over or because it was removed.
 */
void reginfo_put_gone(struct buffer *out, struct span octets, bool expired);

/**
 * The state of a registration with that many contacts in force, when the document tells of
 * `ended_count` that are no more. TERMINATED is what the last contact leaves behind, and is told
 * together with it; after that the state is INIT again, without a word (RFC 3680 section 4.7.1).
 */
enum reginfo_state reginfo_state(size_t in_force_count, size_t ended_count);

/** What stands around the contacts. */
struct reginfo_registration {
    struct span aor;
    struct span id; /* the same in all documents of a subscription */
    enum reginfo_state state;
};

/**
 * A document is reginfo_begin(), any number of reginfo_put_part() and reginfo_put_gone(), and
 * reginfo_end(). `version` is from 0, one more with each document of the same subscription.
 */
void reginfo_begin(struct buffer *out, uint32_t version, bool full,
                   const struct reginfo_registration *registration);

/** Appends a part as it is at `now_us`, on the clock of the part's deadline. */
void reginfo_put_part(struct buffer *out, const struct part *part, int64_t now_us);

void reginfo_end(struct buffer *out);

#endif
