/* dialog_info_write.h - dialogs as parts of a document, as a watcher may see them. */
#ifndef PIDF_DIALOG_DIALOG_INFO_WRITE_H
#define PIDF_DIALOG_DIALOG_INFO_WRITE_H

#include "pidf/dialog/dialog_info_read.h"

/** Appends the parts of `view`; see dialog_info_compose(). Changes the elements. */
void dialog_info_write(const struct report_list *reports, unsigned view, struct scratch *scratch,
                       const uint64_t key[2], struct parts *out);

#endif
