/* edits.h - presence documents that change at random, for tests of partial presence. */
#ifndef SUPPORT_EDITS_H
#define SUPPORT_EDITS_H

#include "server/base/buffer.h"

#include <stdint.h>

enum { EDITS_TUPLES = 6, EDITS_DEVICES = 3, EDITS_FIELDS = 8 };

/** Something with an id; each field is made of its own seed, so that one can change alone. */
struct edits_part {
    bool present;
    unsigned id;
    uint64_t fields[EDITS_FIELDS];
};

/** A presentity. The same seed gives the same documents. */
struct edits {
    uint64_t random;
    struct edits_part tuples[EDITS_TUPLES];
    struct edits_part devices[EDITS_DEVICES];
    struct edits_part person;
    uint64_t notes[2];
    uint64_t extension;
};

void edits_init(struct edits *self, uint64_t seed);

/** Changes one to four things: a field, whether a part is there, the order of tuples. */
void edits_step(struct edits *self);

/** Appends the document as a client would publish it: white space, any prefixes, any order. */
void edits_publish(const struct edits *self, struct buffer *out);

#endif
