/* reason.h - the standard phrase of every status code that the RFCs name. */
#ifndef SIP_REASON_H
#define SIP_REASON_H

#include "server/base/span.h"

/** The phrase of `status`; for a code that no RFC names, the phrase of its class (x00). */
struct span sip_reason(int status);

#endif
