/* value.h - the simple types of the schemas: judged, and mended where the meaning is plain. */
#ifndef PIDF_XML_VALUE_H
#define PIDF_XML_VALUE_H

#include "pidf/xml/scratch.h"
#include "server/base/span.h"

/** Types of text and of attributes (XML Schema part 2, and what the RFCs restrict them to). */
enum value_type {
    VALUE_STRING,       /* xs:string, as it stands */
    VALUE_NOTE,         /* the same, but not blank */
    VALUE_TOKEN,        /* xs:token; trimmed */
    VALUE_URI,          /* xs:anyURI, not empty; "Alice <sip:a@b>" gives what is in the brackets */
    VALUE_INTEGER,      /* xs:integer of at most 18 digits */
    VALUE_POSITIVE,     /* xs:positiveInteger, the same */
    VALUE_BOOLEAN,      /* xs:boolean; any case */
    VALUE_DATE_TIME,    /* xs:dateTime; "t" and "z" become capitals (RFC 3863 section 4.1.7) */
    VALUE_ID,           /* xs:ID; characters that it may not hold are replaced */
    VALUE_LANGUAGE,     /* xml:lang */
    VALUE_PRIORITY,     /* qvalue (RFC 3863 section 4.4) */
    VALUE_OPEN_CLOSED,  /* "open" or "closed"; any case */
    VALUE_ACTIVE_IDLE,  /* "active" or "idle"; any case */
    VALUE_FULL_PARTIAL, /* "full" or "partial"; any case */
    VALUE_COUNT,        /* xs:nonNegativeInteger of at most 18 digits */
    VALUE_SIP_CODE,     /* 100 to 699 */
    VALUE_DIALOG_STATE, /* a state of RFC 4235 figure 3; any case */
    VALUE_DIALOG_EVENT, /* what led to "terminated" there; any case */
    VALUE_DIRECTION,    /* "initiator" or "recipient"; any case */
};

/** Without XML white space at both ends. */
struct span value_trim(struct span text);

/**
 * Gives `text` in the form its type asks for, in scratch memory or as a part of `text`. False
 * when nothing of that type can be made of it; `out` is then untouched. `out` may point to `text`.
 */
bool value_mend(enum value_type type, struct span text, struct scratch *scratch, struct span *out);

/** Whether `a` is a later time than `b`, both judged VALUE_DATE_TIME; without a zone it is UTC. */
bool value_is_later(struct span a, struct span b);

#endif
