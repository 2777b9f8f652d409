/* dialog_info_ended.h - which reports of calls are stale, since another publisher saw them end. */
#ifndef PIDF_DIALOG_INFO_ENDED_H
#define PIDF_DIALOG_INFO_ENDED_H

#include "pidf/dialog/dialog_info_read.h"

enum { DIALOG_INFO_ENDED_MAX = 1024 };

/**
 * A publisher says "terminated" for a while, and then nothing more of that call. What another one
 * had said before, and has not said again, is not news by that: a dialog never leaves "terminated"
 * (RFC 4235 figure 3). Remembered are the newest DIALOG_INFO_ENDED_MAX, by the body that has them,
 * so that whatever is published anew counts. Zeroed is empty; only hashes, nothing to free.
 */
struct dialog_info_ended {
    uint64_t at[DIALOG_INFO_ENDED_MAX]; /* 0: none */
    size_t next;
};

/** Takes the reports of dialogs out that are remembered. */
void dialog_info_ended_drop(const struct dialog_info_ended *self, struct report_list *reports);

/** Remembers a report of a dialog that ended. Once is enough; more often is fine. */
void dialog_info_ended_put(struct dialog_info_ended *self, const struct report *report);

#endif
