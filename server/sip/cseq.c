#include "server/sip/cseq.h"

#include "server/sip/scan.h"

enum status sip_cseq_parse(struct span value, struct sip_cseq *out)
{
    const char *at = value.at, *end = span_end(value), *digits_end, *name;
    uint64_t number;
    enum status status;

    if (span_empty(value))
        return STATUS_MALFORMED;
    digits_end = skip_class(at, end, OCTET_DIGIT);
    name = skip_space(digits_end, end);
    if (name == digits_end || !sip_is_token(span_between(name, end)))
        return STATUS_MALFORMED;
    status = sip_number(span_between(at, digits_end), INT32_MAX, &number);
    if (status != STATUS_OK)
        return status;
    out->number = (uint32_t)number;
    out->method_name = span_between(name, end);
    out->method = sip_method_of(out->method_name);
    return STATUS_OK;
}
