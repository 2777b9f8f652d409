/* markup.h - octets that nobody vouches for, as XML that every reader takes. */
#ifndef PIDF_XML_MARKUP_H
#define PIDF_XML_MARKUP_H

#include "server/base/buffer.h"

/**
 * URIs, display names, Call-IDs and parameters come out of SIP headers, where a quoted string may
 * hold nearly any octet. XML has no way, not even an escaped one, to hold a control character, a
 * surrogate or what is no UTF-8 (XML 1.0 section 2.2): each such octet becomes U+FFFD, and the
 * rest is escaped as pidf/escape.h does. So one watcher with a strange name cannot make a
 * document unreadable that tells of many.
 */

/** Appends `octets` as the content of an element. */
void markup_put_text(struct buffer *out, struct span octets);

/**
 * The same of a URI. What XML cannot hold becomes "%XX" here, so that two URIs which differ in
 * nothing else still differ: it is by URIs that readers tell resources apart.
 */
void markup_put_uri(struct buffer *out, struct span uri);

/** Appends ` name="uri"`, likewise. */
void markup_put_uri_attribute(struct buffer *out, const char *name, struct span uri);

/** Appends ` name="value"`. */
void markup_put_attribute(struct buffer *out, const char *name, struct span value);

/** The same, or nothing when `value` is empty. */
void markup_put_optional(struct buffer *out, const char *name, struct span value);

/** Appends ` name="number"`. */
void markup_put_number(struct buffer *out, const char *name, uint64_t number);

/** Appends ` xml:lang="tag"`, or nothing when `tag` is no language tag, which it then must not be
 * called. */
void markup_put_language(struct buffer *out, struct span tag);

/** The whole seconds from `now_us` to `deadline_us` on one clock; 0 when that has passed. */
uint64_t markup_seconds_left(int64_t deadline_us, int64_t now_us);

#endif
