/* scan.c - one pass over the lines of a message. */
#include "tests/bench/scan.h"

static struct span trimmed(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return span_between(at, end);
}

static bool named(struct span name, const char *text, size_t len)
{
    return name.len == len && strncasecmp(name.at, text, len) == 0;
}
#define NAMED(name, literal) named((name), (literal), sizeof(literal) - 1)

uint32_t scan_number(struct span text)
{
    uint32_t number = 0;

    for (size_t i = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        number = number * 10 + (uint32_t)(text.at[i] - '0');
    return number;
}

unsigned scan_dashed(struct span text, uint32_t *out, unsigned count)
{
    unsigned found = 0;

    while (found < count && text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9') {
        const char *dash = span_find(text, '-');

        out[found++] = scan_number(text);
        if (dash == NULL)
            break;
        text = span_between(dash + 1, text.at + text.len);
    }
    return found;
}

struct span scan_behind(struct span text, struct span needle)
{
    const char *at = text.len == 0 ? NULL : memmem(text.at, text.len, needle.at, needle.len);

    return at == NULL ? (struct span){0} : span_between(at + needle.len, text.at + text.len);
}

/* Lines of one name stand together in what servers send; one that stands apart is not copied. */
static void whole_line(struct span *out, const char *line, const char *end)
{
    if (span_empty(*out))
        out->at = line;
    if (out->len == 0 || out->at + out->len == line)
        out->len = (size_t)(end - out->at);
}

static void header(struct scan *out, struct span name, struct span value, const char *line,
                   const char *end)
{
    if (NAMED(name, "Via") || NAMED(name, "v"))
        whole_line(&out->vias, line, end);
    else if (NAMED(name, "From") || NAMED(name, "f"))
        out->from = value;
    else if (NAMED(name, "To") || NAMED(name, "t"))
        out->to = value;
    else if (NAMED(name, "Call-ID") || NAMED(name, "i"))
        out->call_id = value;
    else if (NAMED(name, "CSeq"))
        out->cseq_line = value;
    else if ((NAMED(name, "Contact") || NAMED(name, "m")) && span_empty(out->contact))
        out->contact = value;
    else if (NAMED(name, "Record-Route"))
        whole_line(&out->record_routes, line, end);
    else if (NAMED(name, "SIP-ETag"))
        out->entity_tag = value;
    else if (NAMED(name, "Expires"))
        out->expires = scan_number(value);
    else if (NAMED(name, "Min-Expires"))
        out->min_expires = scan_number(value);
    else if (NAMED(name, "Subscription-State"))
        out->subscription_state = value;
    else if ((NAMED(name, "WWW-Authenticate") || NAMED(name, "Proxy-Authenticate")) &&
             span_empty(out->challenge))
        out->challenge = value;
}

static bool start_line(struct scan *out, struct span line)
{
    const char *space;
    struct span rest;

    if (span_begins(line, SPAN("SIP/2.0 "))) {
        out->is_response = true;
        out->status = scan_number(span_skip(line, 8));
        return out->status >= 100 && out->status < 700;
    }
    space = span_find(line, ' ');
    if (space == NULL)
        return false;
    out->method = span_between(line.at, space);
    rest = span_between(space + 1, line.at + line.len);
    space = span_find(rest, ' ');
    if (space == NULL)
        return false;
    out->uri = span_between(rest.at, space);
    return true;
}

bool scan_message(struct span message, struct scan *out)
{
    const char *at = message.at;
    const char *end = message.at + message.len;
    const char *space;
    bool first = true;

    *out = (struct scan){.expires = UINT32_MAX};
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *colon;
        struct span line;

        if (newline == NULL)
            return false;
        line = trimmed(at, newline);
        if (first) {
            if (!start_line(out, line))
                return false;
            first = false;
        } else if (span_empty(line)) {
            out->head = span_between(message.at, at);
            out->body = span_between(newline + 1, end);
            break;
        } else if ((colon = span_find(line, ':')) != NULL) {
            header(out, trimmed(line.at, colon), trimmed(colon + 1, line.at + line.len), at,
                   newline + 1);
        }
        at = newline + 1;
    }
    out->cseq = scan_number(out->cseq_line);
    space = span_find(out->cseq_line, ' ');
    if (space == NULL || span_empty(out->vias) || span_empty(out->from) || span_empty(out->to) ||
        span_empty(out->call_id))
        return false;
    if (out->is_response)
        out->method = trimmed(space, out->cseq_line.at + out->cseq_line.len);
    return true;
}

static bool ends_value(char c)
{
    return c == ';' || c == ',' || c == ' ' || c == '\r' || c == '\n' || c == '>';
}

struct span scan_parameter(struct span value, struct span name)
{
    const char *end = value.at + value.len;

    for (const char *at = value.at; at + 1 + name.len < end; at++) {
        const char *stop;

        if (*at != ';' || strncasecmp(at + 1, name.at, name.len) != 0 || at[1 + name.len] != '=')
            continue;
        at += 1 + name.len + 1;
        for (stop = at; stop < end && !ends_value(*stop); stop++)
            ;
        return span_between(at, stop);
    }
    return (struct span){0};
}

struct span scan_uri(struct span value)
{
    const char *open = span_find(value, '<');
    const char *close;

    if (open != NULL) {
        struct span rest = span_between(open + 1, value.at + value.len);

        close = span_find(rest, '>');
        return close == NULL ? (struct span){0} : span_between(rest.at, close);
    }
    close = span_find(value, ';');
    return close == NULL ? value : span_between(value.at, close);
}

struct span scan_branch(const struct scan *message)
{
    return scan_parameter(message->vias, SPAN("branch"));
}

unsigned scan_hops(const struct scan *message)
{
    unsigned hops = 0;

    for (struct span rest = message->vias; !span_empty(rest); hops += rest.at != NULL)
        rest = scan_behind(rest, SPAN("SIP/2.0/"));
    return hops;
}
