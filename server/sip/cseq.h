/* cseq.h - the value of CSeq (RFC 3261 section 20.16). */
#ifndef SIP_CSEQ_H
#define SIP_CSEQ_H

#include "server/sip/method.h"
#include "server/sip/parameter.h"

struct sip_cseq {
    uint32_t number; /* below 2^31 (section 8.1.1.5) */
    struct span method_name;
    enum sip_method method;
};

/** STATUS_MALFORMED when it breaks the grammar, STATUS_LIMIT when the number is 2^31 or more. */
MUST_USE enum status sip_cseq_parse(struct span value, struct sip_cseq *out);

#endif
