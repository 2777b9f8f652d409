/* line.h - lines of a message's head (RFC 3261 sections 7.3.1, 7.5); for this folder only. */
#ifndef SIP_LINE_H
#define SIP_LINE_H

#include "server/base/span.h"

struct sip_line {
    struct span text; /* without its CRLF; the folds of a folded line are in it */
    const char *end;  /* where its CRLF is; NULL when it has none */
    const char *next; /* behind that */
    bool bad_octet;   /* a control octet, or a CR or LF alone */
};

/**
 * The line that begins at `at`, with its continuation lines when it may fold. Control octets other
 * than HTAB are bad unless a backslash is before them, as quoted-pair allows.
 */
struct sip_line sip_line_next(const char *at, const char *end, bool folds);

/** Behind all CRLF at the start. */
const char *sip_skip_empty_lines(const char *at, const char *end);

#endif
