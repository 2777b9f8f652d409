/* method.h - the methods that have a name here; any other is SIP_METHOD_OTHER and still passes. */
#ifndef SIP_METHOD_H
#define SIP_METHOD_H

#include "server/base/span.h"

enum sip_method {
    SIP_METHOD_OTHER,
    SIP_INVITE,
    SIP_ACK,
    SIP_BYE,
    SIP_CANCEL,
    SIP_REGISTER,
    SIP_OPTIONS,
    SIP_SUBSCRIBE, /* RFC 6665 */
    SIP_NOTIFY,    /* RFC 6665 */
    SIP_PUBLISH,   /* RFC 3903 */
    SIP_MESSAGE,   /* RFC 3428 */
    SIP_INFO,      /* RFC 6086 */
    SIP_UPDATE,    /* RFC 3311 */
    SIP_PRACK,     /* RFC 3262 */
    SIP_REFER,     /* RFC 3515 */
    SIP_METHODS,   /* how many; not a method */
};

/** Method names are case-sensitive (RFC 3261 section 7.1): "register" is SIP_METHOD_OTHER. */
enum sip_method sip_method_of(struct span name);

/** Its name; empty for SIP_METHOD_OTHER. */
struct span sip_method_name(enum sip_method method);

#endif
