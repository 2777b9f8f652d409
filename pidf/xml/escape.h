/* escape.h - text and attribute values as XML (XML 1.0 section 2.4). */
#ifndef PIDF_XML_ESCAPE_H
#define PIDF_XML_ESCAPE_H

#include "server/base/buffer.h"

/** Appends `text`, which is UTF-8, as the content of an element. */
void escape_put_text(struct buffer *out, struct span text);

/** The same as the value of an attribute in double quotes, without them. */
void escape_put_value(struct buffer *out, struct span text);

/** Appends `uri`, whoever made it, as one: bytes that no URI may hold become "%XX". No XML yet. */
void escape_put_uri(struct buffer *out, struct span uri);

#endif
