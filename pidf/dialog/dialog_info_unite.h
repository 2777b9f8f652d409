/* dialog_info_unite.h - which reports are of one dialog, and what that dialog is called. */
#ifndef PIDF_DIALOG_DIALOG_INFO_UNITE_H
#define PIDF_DIALOG_DIALOG_INFO_UNITE_H

#include "pidf/dialog/dialog_info_read.h"

struct dialog_info_ended;

/** A hash of call-id and tags. */
uint64_t report_leg_hash(const struct report *report, const uint64_t key[2]);

/** Gives a key to every report of one publication; reports of one dialog get the same. */
void dialog_info_name(const struct report_list *reports, struct scratch *scratch,
                      const uint64_t key[2]);

/**
 * Leaves of each dialog the one report that counts, with the key that the first report of that
 * dialog had; those that are terminated come first. `reports` are named, and in the order of
 * their publications. `ended` (may be NULL) learns which of them are stale by that.
 */
void dialog_info_unite(struct report_list *reports, struct scratch *scratch, const uint64_t key[2],
                       struct dialog_info_ended *ended);

/** True when `newer` stands instead of `standing`, which comes before it in the list. */
bool report_supersedes(const struct report *newer, const struct report *standing);

#endif
