/* dialog_info_read.h - what one publication reports, dialog by dialog. */
#ifndef PIDF_DIALOG_DIALOG_INFO_READ_H
#define PIDF_DIALOG_DIALOG_INFO_READ_H

#include "pidf/dialog/dialog_info.h"
#include "pidf/xml/parse.h"

/** The states of RFC 4235 figure 3, the least important first. */
enum report_state {
    REPORT_TERMINATED,
    REPORT_TRYING,
    REPORT_PROCEEDING,
    REPORT_EARLY,
    REPORT_CONFIRMED,
};

/** One <dialog> of one publication. */
struct report {
    struct report *next;
    const struct dialog_info_source *source;
    struct element *element; /* fits the schema; its first attribute is the id */
    enum report_state state;
    struct span id;      /* as published, or made up; not unique */
    struct span call_id; /* these three are empty when they are absent */
    struct span local_tag;
    struct span remote_tag;
    struct span key; /* see dialog_info_unite.h */
};

struct report_list {
    struct report *first;
    struct report *last;
};

void report_append(struct report_list *self, struct report *report);

/** Equal call-id and tags, present or not. */
bool report_same_leg(const struct report *a, const struct report *b);

/** Call-id and both tags are present: a dialog of RFC 3261 section 12. */
bool report_is_complete(const struct report *self);

/**
 * Takes the tree apart. STATUS_MALFORMED as dialog_info_check() says; what `out` holds then is
 * of no use. `source` is kept in the reports; NULL when they are only judged.
 */
MUST_USE enum status dialog_info_read(const struct parsed *parsed,
                                      const struct dialog_info_source *source,
                                      struct scratch *scratch, struct report_list *out,
                                      struct pidf_fault *fault);

#endif
