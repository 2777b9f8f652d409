/* identity.h - the xs:IDs of a document: present, well formed, unique, and the same tomorrow. */
#ifndef PIDF_IDENTITY_H
#define PIDF_IDENTITY_H

#include "pidf/document.h"

/**
 * Gives every tuple, person and device an id and makes all ids of the document differ.
 *
 * Watchers know a tuple by its id from one NOTIFY to the next (RFC 3863 section 4.1.2), so who
 * keeps a contested id is decided by the contact and the device, not by which publication is
 * the newest; and an id that has to be made up is made of these too.
 */
void identity_settle(struct document *document, struct scratch *scratch, const uint64_t key[2]);

#endif
