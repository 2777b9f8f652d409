/* blob.h - immutable bytes that many share: one composed document for all its watchers. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "server/base/span.h"

#include <stdint.h>

/** Never changes once made; freed with the last reference. One thread, so a plain count. */
struct blob;

/** Copies `bytes`; the caller holds the one reference. */
struct blob *blob_new(struct span bytes);

/** One more reference to it; returns it. NULL gives NULL. */
struct blob *blob_ref(struct blob *self);

/** Gives one reference back. NULL is fine. */
void blob_unref(struct blob *self);

/** Lends the bytes while a reference is held. NULL gives the empty span. */
struct span blob_span(const struct blob *self);

#endif
