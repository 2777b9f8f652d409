#include "server/sip/method.h"

static const struct span names[SIP_METHODS] = {
    [SIP_METHOD_OTHER] = {"", 0},   [SIP_INVITE] = {"INVITE", 6},
    [SIP_ACK] = {"ACK", 3},         [SIP_BYE] = {"BYE", 3},
    [SIP_CANCEL] = {"CANCEL", 6},   [SIP_REGISTER] = {"REGISTER", 8},
    [SIP_OPTIONS] = {"OPTIONS", 7}, [SIP_SUBSCRIBE] = {"SUBSCRIBE", 9},
    [SIP_NOTIFY] = {"NOTIFY", 6},   [SIP_PUBLISH] = {"PUBLISH", 7},
    [SIP_MESSAGE] = {"MESSAGE", 7}, [SIP_INFO] = {"INFO", 4},
    [SIP_UPDATE] = {"UPDATE", 6},   [SIP_PRACK] = {"PRACK", 5},
    [SIP_REFER] = {"REFER", 5},
};

enum sip_method sip_method_of(struct span name)
{
    for (int method = SIP_INVITE; method < SIP_METHODS; method++)
        if (span_equal(name, names[method]))
            return (enum sip_method)method;
    return SIP_METHOD_OTHER;
}

struct span sip_method_name(enum sip_method method)
{
    return names[method];
}
