/* dialog_info.h - dialog information (RFC 4235): who is on the phone, out of all publications. */
#ifndef PIDF_DIALOG_DIALOG_INFO_H
#define PIDF_DIALOG_DIALOG_INFO_H

#include "pidf/parts.h"
#include "pidf/pidf.h"

/**
 * The walk:
 *
 *     parse.c              bytes -> tree
 *     dialog_info_read.c   tree -> the dialogs that one publication reports, mended to the schema
 *     dialog_info_unite.c  an id for each; reports of one call by several publications become one
 *     dialog_info_write.c  what a watcher may see of them -> parts, and the document around parts
 *
 * Parses and composes; reuses its memory from call to call, so one per process is enough.
 */
struct dialog_info_composer;

/** Copies `limits`, which hold for one published body; NULL means pidf_limits_default. */
struct dialog_info_composer *dialog_info_composer_new(const struct pidf_limits *limits);

/** NULL is fine. */
void dialog_info_composer_free(struct dialog_info_composer *self);

/**
 * Judges the body of a PUBLISH as pidf_check() does (RFC 3903 section 6, step 5), with
 * <dialog-info> as the root. Refused beyond that: a version or a state that is none, a dialog
 * without a state or with a state that RFC 4235 figure 3 does not have, since no lamp could be
 * lit or put out by it. The untidy passes, for dialog_info_compose() mends it: no version, state
 * or entity; a dialog without id, or several with one; elements in another order; what the
 * examples of RFC 4235 section 6.2 and implementations write ("reason" for "event", "receiver",
 * "display", "pvalue", <param> beside <target>).
 */
MUST_USE enum status dialog_info_check(struct dialog_info_composer *self, struct span body,
                                       struct pidf_fault *fault);

/**
 * One live publication of an AOR. Its body is the whole of what the publisher says, even when it
 * calls itself state="partial": each PUBLISH replaces the event state of its entity-tag (RFC 3903
 * section 6, step 5) and there is no document that a partial one could be applied to. So a dialog
 * that the newest body does not list is no longer reported.
 */
struct dialog_info_source {
    struct span body;    /* borrowed during the call */
    int64_t publication; /* the same from the first PUBLISH of a publication to its last */
    int64_t sequence;    /* of the PUBLISH that brought this body; the greater is the newer */
    bool hard_state;     /* of the same call, counts only where no publication reports it */
};

/** What a watcher sees; bits that can be put together. 0: all dialogs, by the schema. */
enum dialog_info_view {
    /** One dialog at most, for phones that understand no more: of confirmed, early, proceeding,
     * trying, terminated the first that there is, and of these the newest. */
    DIALOG_INFO_SINGLE = 1,
    /** Busy or not, and nothing else: the virtual dialog of RFC 4235 section 3.7.2. It is
     * "confirmed" while any dialog is in any state, so that not even ringing shows. */
    DIALOG_INFO_BASIC_ONLY = 2,
    /** With session descriptions: asked for, and allowed (RFC 4235 section 3.3). */
    DIALOG_INFO_SESSION_DESCRIPTIONS = 4,
    /** Display names in the attribute "display" of RFC 4235 section 4.1.6.1, which phones read,
     * instead of "display-name" as the schema of section 4.4 has it. */
    DIALOG_INFO_DISPLAY = 8,
};

/**
 * Appends to `out` one part per dialog: a <dialog> element whose key is its id.
 *
 * The id is made of `publication` and the published id: the same from one composition to the
 * next, whatever else is published; different for different publications. Of dialogs that share
 * an id within one publication (a forked call) the first keeps it, the others are told apart by
 * their call-id and tags. The one dialog of DIALOG_INFO_SINGLE and DIALOG_INFO_BASIC_ONLY is
 * always called "1": a part that changes, whichever call it shows.
 *
 * Reports with equal call-id, local-tag and remote-tag, all present, are of one call:
 * "terminated" stands, else the newest. Its id is that of the lowest publication among them.
 * All others stay apart. Of two sources of the same publication the newer counts, the other is
 * as if it were not there.
 *
 * A terminated dialog is a part with `last` set, and stands before all that live: phones that
 * show the last dialog of a document then show one that lives. No dialogs, no parts: the document
 * is then empty, and means that the lamp is off.
 *
 * A source that dialog_info_check() would refuse is left out, and so are extensions beside
 * <dialog>, which belong to no part, and every xml:id. The same sources give the same parts, in
 * whatever order they stand in the array. When `out` is too small, parts_overflowed() says so.
 */
void dialog_info_compose(struct dialog_info_composer *self, unsigned view,
                         const struct dialog_info_source sources[], size_t count,
                         struct parts *out);

/**
 * Appends the complete document around `parts`, in their order (RFC 4235 section 4.1).
 *
 * version  0 for the first document of a subscription, one more for each that follows
 * full     all dialogs that there are; else those that changed. RFC 4235 section 3.3 has partial
 *          documents without any dialog stand for full ones: do not send them
 */
void dialog_info_wrap(struct span entity, uint32_t version, bool full, const struct part parts[],
                      size_t count, struct buffer *out);

/**
 * Appends the end of a dialog that is reported no more: its publication was removed or expired.
 * `octets` are those of its part when it was last composed, of any view. It keeps its id, call-id
 * and tags. No event is named: those of RFC 4235 section 4.1.2 are seen by whoever takes part in
 * the dialog, and here nobody saw any.
 */
void dialog_info_end(struct span octets, struct buffer *out);

#endif
