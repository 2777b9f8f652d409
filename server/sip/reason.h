/* reason.h - the standard phrase of every status code that the RFCs name. */
#ifndef SIP_REASON_H
#define SIP_REASON_H

#include "server/base/span.h"

/** The phrase of `status`; for a code that no RFC names, the phrase of its class (x00). */
struct span sip_reason(int status);

/**
 * Whether a refusal says "not now" rather than "never, not so": 408, 430, 480, and 5xx but those
 * that are about the request itself (501, 505, 513).
 */
bool sip_is_temporary(int status);

#endif
