/* person.h - the one person of a document, made of all that publications say (RFC 4479, 4480). */
#ifndef PIDF_PERSON_H
#define PIDF_PERSON_H

#include "pidf/xml/element.h"

/**
 * One person out of `persons`, the newest first; NULL when there is none. It gets the id of the
 * newest that has one.
 *
 * Activities and moods of the same time are united; of everything else that RFC 4480 and 4482
 * define, the newest of each name and time stays; notes and unknown elements are united.
 */
struct element *person_merge(const struct element_list *persons, struct scratch *scratch,
                             const uint64_t key[2]);

#endif
