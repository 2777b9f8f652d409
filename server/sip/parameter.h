/* parameter.h - `;name=value` lists, tokens, quoted strings, white space, numbers (RFC 3261
 * section 25.1). */
#ifndef SIP_PARAMETER_H
#define SIP_PARAMETER_H

#include "server/base/span.h"
#include "server/base/status.h"

#include <stdint.h>

/** One parameter as it was received. */
struct sip_parameter {
    struct span name;
    struct span value; /* raw: a quoted string still has its quotes; see sip_unquote() */
    bool has_value;    /* false for ";lr", true for ";tag=x" and for the empty quoted string */
};

/** The octets of a token, and of a host name or IP address as it stands in a header parameter. */
bool sip_is_token(struct span text);

/** Without white space at both ends; folding (CRLF and then white space) counts as white space. */
struct span sip_trim(struct span text);

/**
 * Checks that `params` is `*(SEMI generic-param)`: begins with ';' unless empty, no empty
 * parameter, names are tokens, values are tokens, hosts or quoted strings. White space is
 * allowed where the grammar has SEMI and EQUAL. Duplicates are not looked for.
 */
bool sip_parameters_valid(struct span params);

/**
 * Takes the next parameter off `rest`, which begins at a ';' and was found valid.
 * False at the end. On text that is not valid it stops early but never reads outside.
 */
bool sip_parameter_next(struct span *rest, struct sip_parameter *out);

/** The first parameter of that name (case is ignored). False, `out` untouched, when there is none.
 */
bool sip_parameter_find(struct span params, struct span name, struct sip_parameter *out);

/** Its raw value, empty when it has none. False, `value` untouched, when there is no such
 * parameter. */
bool sip_parameter(struct span params, struct span name, struct span *value);

/**
 * Writes what a quoted string stands for, without quotes and escapes, and lends it through
 * `text`; other text is lent as it is, without a copy. `out` should hold `quoted.len` octets.
 * STATUS_LIMIT when it holds too few, STATUS_MALFORMED for an unterminated string.
 */
MUST_USE enum status sip_unquote(struct span quoted, char *out, size_t size_bytes,
                                 struct span *text);

/** The same for what stands between the quotes, e.g. the fields of struct sip_credentials. */
MUST_USE enum status sip_unescape_quoted(struct span inner, char *out, size_t size_bytes,
                                         struct span *text);

/** 1*DIGIT up to `max`. STATUS_MALFORMED for anything else, STATUS_LIMIT above `max`. */
MUST_USE enum status sip_number(struct span text, uint64_t max, uint64_t *out);

/**
 * delta-seconds, as in Expires: any number of digits, and what is above 2^32-1 is 2^32-1
 * (RFC 3261 section 20.19). STATUS_MALFORMED when it is not a number.
 */
MUST_USE enum status sip_delta_seconds(struct span text, uint32_t *out);

/** A q value, `0`..`1` with at most three decimals, in thousandths (RFC 3261 section 20.10). */
MUST_USE enum status sip_qvalue(struct span text, unsigned *thousandths);

/**
 * Takes the next value off a comma list; commas in quoted strings and in <> do not count.
 * The value is trimmed and may be empty: lists of tokens skip an empty value, the others refuse it.
 * An empty `*rest` whose `at` is not NULL is a list of one empty value. False at the end.
 */
bool sip_value_next(struct span *rest, struct span *value);

#endif
