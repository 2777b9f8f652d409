#include "server/sip/message.h"

#include "server/sip/scan.h"

struct row {
    struct span lower; /* the name in lower case, for comparing */
    struct span name;
    enum sip_header_id id;
};

enum { ROWS_MAX = 7, LENGTH_MAX = 19 };

#define ROW(lower_text, name_text, id_value)                                                       \
    {                                                                                              \
        {lower_text, sizeof(lower_text) - 1}, {name_text, sizeof(name_text) - 1}, id_value         \
    }

/* By length, since that parts the names best: at most seven are left to try, and these differ
   in their first letter for the most part. The compact forms are those of length 1, below. */
/* clang-format off */
static const struct row rows[LENGTH_MAX + 1][ROWS_MAX] = {
    [2] = {
        ROW("to", "To", SIP_TO),
    },
    [3] = {
        ROW("via", "Via", SIP_VIA),
    },
    [4] = {
        ROW("from", "From", SIP_FROM),
        ROW("cseq", "CSeq", SIP_CSEQ),
        ROW("path", "Path", SIP_PATH),
        ROW("date", "Date", SIP_DATE),
        ROW("rack", "RAck", SIP_RACK),
        ROW("rseq", "RSeq", SIP_RSEQ),
    },
    [5] = {
        ROW("event", "Event", SIP_EVENT),
        ROW("route", "Route", SIP_ROUTE),
        ROW("allow", "Allow", SIP_ALLOW),
    },
    [6] = {
        ROW("accept", "Accept", SIP_ACCEPT),
        ROW("server", "Server", SIP_SERVER),
        ROW("reason", "Reason", SIP_REASON),
    },
    [7] = {
        ROW("call-id", "Call-ID", SIP_CALL_ID),
        ROW("contact", "Contact", SIP_CONTACT),
        ROW("expires", "Expires", SIP_EXPIRES),
        ROW("require", "Require", SIP_REQUIRE),
        ROW("subject", "Subject", SIP_SUBJECT),
        ROW("warning", "Warning", SIP_WARNING),
        ROW("privacy", "Privacy", SIP_PRIVACY),
    },
    [8] = {
        ROW("sip-etag", "SIP-ETag", SIP_SIP_ETAG),
        ROW("refer-to", "Refer-To", SIP_REFER_TO),
        ROW("replaces", "Replaces", SIP_REPLACES),
    },
    [9] = {
        ROW("supported", "Supported", SIP_SUPPORTED),
        ROW("timestamp", "Timestamp", SIP_TIMESTAMP),
    },
    [10] = {
        ROW("user-agent", "User-Agent", SIP_USER_AGENT),
        ROW("flow-timer", "Flow-Timer", SIP_FLOW_TIMER),
    },
    [11] = {
        ROW("min-expires", "Min-Expires", SIP_MIN_EXPIRES),
        ROW("unsupported", "Unsupported", SIP_UNSUPPORTED),
        ROW("retry-after", "Retry-After", SIP_RETRY_AFTER),
        ROW("max-breadth", "Max-Breadth", SIP_MAX_BREADTH),
        ROW("referred-by", "Referred-By", SIP_REFERRED_BY),
    },
    [12] = {
        ROW("max-forwards", "Max-Forwards", SIP_MAX_FORWARDS),
        ROW("content-type", "Content-Type", SIP_CONTENT_TYPE),
        ROW("record-route", "Record-Route", SIP_RECORD_ROUTE),
        ROW("sip-if-match", "SIP-If-Match", SIP_SIP_IF_MATCH),
        ROW("allow-events", "Allow-Events", SIP_ALLOW_EVENTS),
        ROW("mime-version", "MIME-Version", SIP_MIME_VERSION),
    },
    [13] = {
        ROW("authorization", "Authorization", SIP_AUTHORIZATION),
        ROW("proxy-require", "Proxy-Require", SIP_PROXY_REQUIRE),
        ROW("service-route", "Service-Route", SIP_SERVICE_ROUTE),
    },
    [14] = {
        ROW("content-length", "Content-Length", SIP_CONTENT_LENGTH),
        ROW("accept-contact", "Accept-Contact", SIP_ACCEPT_CONTACT),
    },
    [15] = {
        ROW("accept-encoding", "Accept-Encoding", SIP_ACCEPT_ENCODING),
        ROW("accept-language", "Accept-Language", SIP_ACCEPT_LANGUAGE),
        ROW("session-expires", "Session-Expires", SIP_SESSION_EXPIRES),
    },
    [16] = {
        ROW("www-authenticate", "WWW-Authenticate", SIP_WWW_AUTHENTICATE),
        ROW("content-encoding", "Content-Encoding", SIP_CONTENT_ENCODING),
        ROW("content-language", "Content-Language", SIP_CONTENT_LANGUAGE),
    },
    [17] = {
        ROW("suppress-if-match", "Suppress-If-Match", SIP_SUPPRESS_IF_MATCH),
    },
    [18] = {
        ROW("subscription-state", "Subscription-State", SIP_SUBSCRIPTION_STATE),
        ROW("proxy-authenticate", "Proxy-Authenticate", SIP_PROXY_AUTHENTICATE),
    },
    [19] = {
        ROW("proxy-authorization", "Proxy-Authorization", SIP_PROXY_AUTHORIZATION),
        ROW("authentication-info", "Authentication-Info", SIP_AUTHENTICATION_INFO),
        ROW("content-disposition", "Content-Disposition", SIP_CONTENT_DISPOSITION),
        ROW("request-disposition", "Request-Disposition", SIP_REQUEST_DISPOSITION),
        ROW("p-asserted-identity", "P-Asserted-Identity", SIP_P_ASSERTED_IDENTITY),
    },
};

/* Sections 7.3.3 and 20, and RFC 6665 (o, u), 3515 (r), 3892 (b), 3841 (a, d), 4028 (x). */
static const enum sip_header_id compact[26] = {
    ['a' - 'a'] = SIP_ACCEPT_CONTACT,
    ['b' - 'a'] = SIP_REFERRED_BY,
    ['c' - 'a'] = SIP_CONTENT_TYPE,
    ['d' - 'a'] = SIP_REQUEST_DISPOSITION,
    ['e' - 'a'] = SIP_CONTENT_ENCODING,
    ['f' - 'a'] = SIP_FROM,
    ['i' - 'a'] = SIP_CALL_ID,
    ['k' - 'a'] = SIP_SUPPORTED,
    ['l' - 'a'] = SIP_CONTENT_LENGTH,
    ['m' - 'a'] = SIP_CONTACT,
    ['o' - 'a'] = SIP_EVENT,
    ['r' - 'a'] = SIP_REFER_TO,
    ['s' - 'a'] = SIP_SUBJECT,
    ['t' - 'a'] = SIP_TO,
    ['u' - 'a'] = SIP_ALLOW_EVENTS,
    ['v' - 'a'] = SIP_VIA,
    ['x' - 'a'] = SIP_SESSION_EXPIRES,
};
/* clang-format on */

enum sip_header_id sip_header_id_of(struct span name)
{
    const struct row *row;
    char first;

    if (name.len == 0 || name.len > LENGTH_MAX)
        return SIP_HEADER_OTHER;
    first = octet_lower(name.at[0]);
    if (name.len == 1)
        return first >= 'a' && first <= 'z' ? compact[first - 'a'] : SIP_HEADER_OTHER;
    row = rows[name.len];
    for (int i = 0; i < ROWS_MAX && row[i].lower.at != NULL; i++)
        if (row[i].lower.at[0] == first && text_is(name, row[i].lower))
            return row[i].id;
    return SIP_HEADER_OTHER;
}

struct span sip_header_name(enum sip_header_id id)
{
    for (size_t length = 0; length <= LENGTH_MAX; length++)
        for (size_t i = 0; i < ROWS_MAX && rows[length][i].lower.at != NULL; i++)
            if (rows[length][i].id == id)
                return rows[length][i].name;
    return SPAN("");
}
