/* preflight.c - refuses what a parser would spend too much on, or misread. */
#include "pidf/xml/preflight.h"

/* The end of what begins with `open` at `at` and ends with `close`; NULL when it is not that. */
static const char *skip_section(const char *at, const char *end, struct span open,
                                struct span close)
{
    struct span rest = span_between(at, end);
    const char *found;

    if (!span_begins(rest, open))
        return NULL;
    found = memmem(at + open.len, rest.len - open.len, close.at, close.len);
    return found == NULL ? end : found + close.len;
}

/* Counts the '=' of one tag, outside of quotes. */
static const char *skip_tag(const char *at, const char *end, size_t *count)
{
    char quote = '\0';

    for (; at < end; at++) {
        if (quote != '\0') {
            const char *closing = memchr(at, quote, (size_t)(end - at));

            if (closing == NULL)
                return end;
            at = closing;
            quote = '\0';
        } else if (*at == '"' || *at == '\'') {
            quote = *at;
        } else if (*at == '=') {
            ++*count;
        } else if (*at == '>' || *at == '<') {
            break;
        }
    }
    return at;
}

/*
 * libxml2 looks for repeated attributes by comparing each with each, before anyone hears of
 * them: ten thousand in one tag would hold up the loop. So they are counted first, roughly but
 * never too low for the part of a document that is well-formed.
 */
static bool has_too_many_attributes(struct span body, size_t limit)
{
    const char *at = body.at, *end = body.at + body.len;

    while (at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        const char *after = skip_section(at, end, SPAN("<!--"), SPAN("-->"));
        size_t count = 0;

        if (after == NULL)
            after = skip_section(at, end, SPAN("<![CDATA["), SPAN("]]>"));
        if (after == NULL)
            after = skip_section(at, end, SPAN("<?"), SPAN("?>"));
        if (after == NULL)
            after = skip_tag(at + 1, end, &count);
        if (count > limit)
            return true;
        at = after;
    }
    return false;
}

static bool is_wide(struct span body)
{
    return span_begins(body, SPAN("\xff\xfe")) || span_begins(body, SPAN("\xfe\xff")) ||
           (body.len >= 2 && (body.at[0] == '\0' || body.at[1] == '\0') &&
            (body.at[0] == '<' || body.at[1] == '<'));
}

static enum status refuse(struct pidf_fault *fault, enum status status, const char *phrase,
                          unsigned line)
{
    *fault = (struct pidf_fault){phrase, line};
    return status;
}

enum status preflight(struct span body, const struct pidf_limits *limits, struct pidf_fault *fault)
{
    if (body.len > limits->bytes)
        return refuse(fault, STATUS_LIMIT, "Document Too Large", 0);
    if (span_empty(body))
        return refuse(fault, STATUS_MALFORMED, "Empty Document", 0);
    if (is_wide(body))
        return refuse(fault, STATUS_MALFORMED, "Unsupported Encoding", 1);
    if (span_find(body, '\0') != NULL) /* libxml2 takes it for the end */
        return refuse(fault, STATUS_MALFORMED, "Malformed XML", 0);
    if (has_too_many_attributes(body, limits->attributes))
        return refuse(fault, STATUS_MALFORMED, "Too Many Attributes", 0);
    return STATUS_OK;
}
