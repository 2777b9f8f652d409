/* pidf.h - presence documents: bytes in, bytes out; judges what is published, composes what is
 * shown. */
#ifndef PIDF_PIDF_H
#define PIDF_PIDF_H

#include "pidf/xml/limits.h"
#include "server/base/buffer.h"
#include "server/base/span.h"
#include "server/base/status.h"

#include <stdint.h>

/**
 * The walk through this folder:
 *
 *     xml/parse.c bytes -> tree of elements; every limit; no DTD, no entity, no network
 *     document.c  tree -> presence, tuples, person, devices in the schema's shape (RFC 3863, 4479)
 *     schema.c    what every known element may hold; the tables are in rpid.c and caps.c
 *     registration.c  bindings -> a document of its own, the humblest source
 *     policy.c    which documents speak, and the one tuple for who wants one
 *     show.c      what a watcher may not see leaves each document
 *     person.c    one person out of what many publications say of it
 *     compose.c   many documents -> one: union, merge, the newest where only one may stand
 *     dialect.c   what some phones want otherwise
 *     identity.c  every xs:ID present, well formed and unique
 *     write.c     tree -> bytes, the same bytes for the same tree
 *
 * Beside it, each with a walk of its own in its first header:
 *
 *     xml/        XML of any kind, in and out, under limits
 *     filter/     what a watcher asks to be told (RFC 4660, RFC 4661): filter.h
 *     partial/    what has changed from one document to the next (RFC 5262): partial.h
 *     dialog/     dialog information (RFC 4235): dialog_info.h
 *     event/      the other documents of event packages: watchers (RFC 3858), registrations (RFC
 *                 3680), message summaries (RFC 3842), lists (RFC 4662, RFC 5367)
 *
 * Nothing here reads a clock, a file or a socket, and nothing here knows SIP.
 */

/**
 * Parses and composes; reuses its memory and its parser from call to call, so one per process
 * is enough. Not for use from two threads.
 */
struct pidf_composer;

/** Copies `limits`; NULL means pidf_limits_default. Free with pidf_composer_free(). */
struct pidf_composer *pidf_composer_new(const struct pidf_limits *limits);

/** NULL is fine. */
void pidf_composer_free(struct pidf_composer *self);

/**
 * Judges the body of a PUBLISH (RFC 3903 section 6, step 4): well-formed XML of namespaces
 * (RFC 3863 section 4.1), without DOCTYPE, in an encoding that we read (UTF-8, US-ASCII,
 * ISO-8859-1), with a PIDF <presence> as its root. What is only untidy inside (order, a
 * missing id, a foreign entity, unknown children) passes: pidf_compose() mends it.
 *
 * STATUS_MALFORMED: to be refused with 400, `fault` says why. STATUS_LIMIT: with 413, the body
 * has too many bytes or elements. `fault` (may be NULL) is written only on error.
 */
MUST_USE enum status pidf_check(struct pidf_composer *self, struct span body,
                                struct pidf_fault *fault);

/** What a presentity is known to be by: a publication, or what the server knows itself. */
struct pidf_source {
    struct span body;        /* borrowed during the call */
    int64_t published_at_us; /* any clock, the same for all; the greatest is the newest */
    bool hard_state;         /* stands behind every publication that is not (RFC 3903 section 3) */
    bool from_registration;  /* made by pidf_registration(): stands behind all others */
};

/** A binding of the presentity (RFC 3261 section 10), as pidf_registration() wants it. */
struct pidf_contact {
    struct span uri;
    int q_thousandths;    /* 0 to 1000; -1 when not given */
    struct span instance; /* +sip.instance (RFC 5626 section 4.1), with or without its quotes and
                             angle brackets; empty when not given */
};

/**
 * Appends a document that says `open` once per contact, to be a source `from_registration`. The
 * priority is the contact's q (RFC 3863 section 4.1.5), the deviceID its instance (RFC 4479
 * section 3.4). The id is made of the instance, so that it lasts when an address changes; of
 * the URI when there is none. Of no contacts it makes nothing: that is no source.
 *
 * STATUS_LIMIT when `out` overflowed; it is then cut back to what it held before the call.
 */
MUST_USE enum status pidf_registration(struct span entity, const struct pidf_contact contacts[],
                                       size_t count, struct buffer *out);

/**
 * Which sources speak. Everywhere the order is: publications, then hard state, then the
 * registration, and of each kind the newest first. Sources that do not parse are not there.
 */
enum pidf_policy {
    PIDF_UNION,    /* all */
    PIDF_LATEST,   /* the first in order, alone and whole: hard state only when nothing else is
                      published, the registration only when there is nothing else at all */
    PIDF_PRIORITY, /* of those that are of the first's kind, the one whose open tuple has the
                      contact of the greatest priority, alone and whole. A contact without
                      priority has the lowest, 0 (RFC 3863 section 4.1.5); so has a tuple without
                      contact. A source without an open tuple stands behind those with one. The
                      newer of equals. */
    PIDF_SINGLE,   /* all, and of their tuples one, with the id "single": the best one whole, but
                      for its timestamp, which becomes the latest of all tuples. The best is
                      open if any is, has a contact if any such has, the greatest priority, and
                      comes first in order. Person, devices and notes are as in PIDF_UNION. Where
                      there is no tuple, one says closed. */
};

/**
 * How phones want it that cannot read everything that RFC 3863 allows; bits. What is left out by
 * them is left out for the phone's sake: it is no secret.
 */
enum pidf_dialect {
    PIDF_PLAIN = 1,         /* RFC 3863 alone: no elements of other namespaces */
    PIDF_ONE_TUPLE = 2,     /* as PIDF_SINGLE, whatever the policy is: for phones that take the
                               first or the last <basic> for the whole truth */
    PIDF_NOTE_IN_TUPLE = 4, /* tuples without note get the person's first, else the presentity's,
                               else what the person does now, in English; not where notes are
                               hidden */
    PIDF_ENTITY_PRES = 8,   /* entity is pres:, as RFC 3863 section 4.1.1 has it, not sip: */
    PIDF_CONTACT = 16,      /* tuples without contact get the entity as passed, for phones that
                               match documents by contact; even where contacts are hidden, for
                               it says nothing that the entity does not */
};

/**
 * What a watcher may not see; bits. It is taken out of each source before sources are merged,
 * after the policy has chosen among them. As soon as one bit is set, elements, attributes and
 * idle prefixes of unknown namespaces are left out too, since nobody can tell what they say;
 * known are those of RFC 3863, 4479 to 4482, 5196, and where location shows, the ones of RFC 4119
 * and of GML. So are persons with nothing left in them. A status with nothing left says closed.
 */
enum pidf_hidden {
    PIDF_HIDE_NOTES = 1,      /* every <note> of PIDF, the data model, RPID and timed status, those
                                 inside of activities and moods too (stricter than RFC 5025
                                 section 3.3.2.13), and the text of RPID's <other> */
    PIDF_HIDE_ACTIVITIES = 2, /* RPID's activities and mood, wherever they stand, and a
                                 timed-status that has one inside */
    PIDF_HIDE_LOCATION = 4,   /* RFC 4119 and GML, RPID's place-is, place-type and time-offset,
                                 CIPID's map */
    PIDF_HIDE_DEVICES = 8,    /* devices, deviceID, user-input, devcaps; a contact that holds the
                                 deviceID of its tuple (a public GRUU, RFC 5627); and every id as
                                 published, for clients make them of their device's name: tuples
                                 get others that are made of their contact */
    PIDF_BASIC_ONLY = 16,     /* all but <basic>, the contact and timestamp that RFC 5025 section
                                 3.3.2 always shows included; ids as above. Tuples that say the
                                 same then are one. */
};

/** Who looks, as far as it matters. Zeroed: a phone that can read, and may see, all. */
struct pidf_view {
    enum pidf_policy policy;
    unsigned dialect; /* of enum pidf_dialect */
    unsigned hidden;  /* of enum pidf_hidden */
};

/**
 * Appends the one document that `count` sources make together (RFC 4479 section 3; DESIGN
 * section 7): tuples united and colliding ids renamed, one person with activities, moods and
 * notes merged, the most recent user-input (RFC 4480 section 3.14) and the newest of everything
 * else, the newest device per deviceID, unknown extensions kept where they stood, schema-valid
 * (RFC 3863, 4479, 4480, 4481, 4482, 5196) whatever came in. A tuple of the registration gives
 * way where a tuple of another source has the same contact, byte for byte, or the same deviceID:
 * that device speaks for itself. A source that pidf_check() would refuse is left out, so it can
 * never silence the others. With nothing left the document says `closed`.
 *
 * entity   the presentity's URI, e.g. "sip:alice@example.org"; becomes the entity attribute
 * view     borrowed during the call
 *
 * The same sources and view give the same bytes, in whatever order they stand in the array, and
 * a document that was composed composes to itself. UTF-8, with XML declaration, not indented.
 *
 * STATUS_LIMIT when `out` overflowed; it is then cut back to what it held before the call (its
 * mark `overflowed` stays).
 */
MUST_USE enum status pidf_compose(struct pidf_composer *self, struct span entity,
                                  const struct pidf_view *view, const struct pidf_source sources[],
                                  size_t count, struct buffer *out);

#endif
