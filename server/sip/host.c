#include "server/sip/host.h"

#include "server/sip/parameter.h"
#include "server/sip/scan.h"

/* Three colons in a row pass: the grammar of RFC 3261 has them by mistake, and RFC 5118 section
   4.10 wants them tolerated. */
static bool is_ipv6(struct span text)
{
    size_t colons = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ':')
            colons++;
        else if (!octet_is(text.at[i], OCTET_HEX) && text.at[i] != '.')
            return false;
    }
    return colons >= 2 && text.len <= 45;
}

const char *sip_host_parse(const char *at, const char *end, struct span *host, bool *is_v6)
{
    const char *stop;

    if (at < end && *at == '[') {
        stop = memchr(at, ']', (size_t)(end - at));
        if (stop == NULL || !is_ipv6(span_between(at + 1, stop)))
            return NULL;
        *host = span_between(at + 1, stop);
        *is_v6 = true;
        return stop + 1;
    }
    stop = skip_class(at, end, OCTET_HOST);
    if (stop == at || *at == '.' || *at == '-')
        return NULL;
    for (const char *dot = at; dot + 1 < stop; dot++)
        if (dot[0] == '.' && dot[1] == '.')
            return NULL;
    *host = span_between(at, stop);
    *is_v6 = false;
    return stop;
}

const char *sip_port_parse(const char *at, const char *end, uint16_t *port)
{
    const char *stop = skip_class(at, end, OCTET_DIGIT);
    uint64_t number;

    if (sip_number(span_between(at, stop), UINT16_MAX, &number) != STATUS_OK || number == 0)
        return NULL;
    *port = (uint16_t)number;
    return stop;
}
