/* parts.h - a document made of keyed parts, so that a NOTIFY can carry only those that changed. */
#ifndef PIDF_PARTS_H
#define PIDF_PARTS_H

#include "server/base/buffer.h"
#include "server/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * Documents with a version and a state "full" or "partial" (RFC 3858, 4235, 3680, 4662) list
 * things that have an identity: watchers, dialogs, contacts, resources. Each becomes one part:
 * its octets are the whole element, and its key is the same from one composition to the next.
 * What stands around the parts is written by the package when it is known which version goes to
 * whom. Parts with equal octets have not changed.
 */
struct part {
    struct span key;
    struct span octets;
    bool last;           /* the thing is over: said once, and absent from the next composition */
    int64_t deadline_us; /* when it ends by itself, by the loop's clock; 0: never, or not known */
};

/** Growing, reused from composition to composition. */
struct parts {
    struct buffer octets; /* keys and elements, one behind the other */
    struct part_place *places;
    size_t count;
    size_t cap;
};

/** At most `bytes_max` octets of keys and elements together. */
void parts_init(struct parts *self, size_t bytes_max);
void parts_deinit(struct parts *self);
void parts_reset(struct parts *self);

/**
 * Begins a part and lends the buffer that its element is appended to, until parts_end(). The key
 * is copied and may be empty, for a document that is all one part.
 */
struct buffer *parts_begin(struct parts *self, struct span key);

/** Ends the part that was begun. False, and it is left out again, when there is no room for it. */
bool parts_end(struct parts *self, bool last, int64_t deadline_us);

/** Part `i` of `count`, in the order of beginning. Spans are lent until the next change. */
struct part parts_get(const struct parts *self, size_t i);

/** True when a part had to be left out. */
bool parts_overflowed(const struct parts *self);

#endif
