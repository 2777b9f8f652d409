/* dialog_info_unite.h - which reports are of one dialog, and what that dialog is called. */
#ifndef PIDF_DIALOG_DIALOG_INFO_UNITE_H
#define PIDF_DIALOG_DIALOG_INFO_UNITE_H

#include "pidf/dialog/dialog_info_read.h"

/** Gives a key to every report of one publication; reports of one dialog get the same. */
void dialog_info_name(const struct report_list *reports, struct scratch *scratch,
                      const uint64_t key[2]);

/**
 * Leaves of each dialog the one report that counts, with the key that the first report of that
 * dialog had; those that are terminated come first. `reports` are named, and in the order of
 * their publications.
 */
void dialog_info_unite(struct report_list *reports, struct scratch *scratch, const uint64_t key[2]);

/** True when `newer` stands instead of `standing`, which comes before it in the list. */
bool report_supersedes(const struct report *newer, const struct report *standing);

#endif
