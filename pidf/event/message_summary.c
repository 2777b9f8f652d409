/* message_summary.c - bodies line by line, then what is left of them together. */
#include "pidf/event/message_summary.h"

#include "server/base/must.h"

#include <stdlib.h>

static const char *const contexts[MESSAGE_CONTEXTS] = {
    [MESSAGE_CONTEXT_VOICE] = "Voice-Message",
    [MESSAGE_CONTEXT_VIDEO] = "Video-Message",
    [MESSAGE_CONTEXT_FAX] = "Fax-Message",
    [MESSAGE_CONTEXT_PAGER] = "Pager-Message",
    [MESSAGE_CONTEXT_MULTIMEDIA] = "Multimedia-Message",
    [MESSAGE_CONTEXT_TEXT] = "Text-Message",
    [MESSAGE_CONTEXT_NONE] = "None",
};

/* ---- lines ---- */

struct lines {
    struct span rest;
    unsigned number; /* of the line that was read last, from 1 */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* SIP's LWS may stand where a line is folded (RFC 3261 section 25.1). */
static bool is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

static struct span trim(struct span text)
{
    while (!span_empty(text) && is_space(*text.at))
        text = span_skip(text, 1);
    while (!span_empty(text) && is_space(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Takes a line with those that continue it, but without the CRLF behind. */
static struct span next_line(struct lines *self)
{
    struct span line = self->rest;
    size_t end = 0;

    self->number++;
    while (end < line.len &&
           (line.at[end] != '\n' || (end > 0 && end + 1 < line.len && is_blank(line.at[end + 1]))))
        end++;
    self->rest = span_skip(line, end + 1);
    if (end > 0 && end < line.len && line.at[end - 1] == '\r')
        end--;
    return (struct span){line.at, end};
}

/* Beside the ends of folded lines, a control character is a mistake or an attack. */
static bool is_clean(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];

        if (c == '\r' && i + 1 < line.len && line.at[i + 1] == '\n')
            continue;
        if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
            return false;
    }
    return true;
}

/* "Name: value"; HCOLON allows blanks in front of the colon. */
static bool split(struct span line, struct span *name, struct span *value)
{
    const char *colon = span_find(line, ':');

    if (colon == NULL || is_blank(*line.at))
        return false;
    *name = trim(span_between(line.at, colon));
    *value = trim(span_between(colon + 1, line.at + line.len));
    return !span_empty(*name);
}

/* ---- values ---- */

static bool take(struct span *text, char c)
{
    struct span rest = trim(*text);

    if (span_empty(rest) || *rest.at != c)
        return false;
    *text = trim(span_skip(rest, 1));
    return true;
}

static bool take_count(struct span *text, uint32_t *count)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && text->at[i] >= '0' && text->at[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(text->at[i] - '0');
        if (number > UINT32_MAX)
            number = UINT32_MAX;
    }
    *text = span_skip(*text, i);
    *count = (uint32_t)number;
    return i > 0;
}

static bool take_pair(struct span *text, uint32_t *fresh, uint32_t *old)
{
    return take_count(text, fresh) && take(text, '/') && take_count(text, old);
}

static bool read_counts(struct span value, struct message_counts *out)
{
    struct message_counts counts = {.present = true};

    if (!take_pair(&value, &counts.fresh, &counts.old))
        return false;
    if (take(&value, '(')) {
        counts.has_urgent = true;
        if (!take_pair(&value, &counts.fresh_urgent, &counts.old_urgent) || !take(&value, ')'))
            return false;
    }
    *out = counts;
    return span_empty(value);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* An absolute URI, judged by its scheme and by what none may hold (RFC 3986 section 2). */
static bool is_account(struct span uri)
{
    const char *colon = span_find(uri, ':');

    if (colon == NULL || !is_letter(*uri.at) || colon + 1 == uri.at + uri.len)
        return false;
    for (const char *at = uri.at; at < colon; at++)
        if (!is_letter(*at) && !is_digit(*at) && *at != '+' && *at != '-' && *at != '.')
            return false;
    for (size_t i = 0; i < uri.len; i++)
        if ((unsigned char)uri.at[i] <= 0x20 || uri.at[i] == 0x7f || strchr("<>\"", uri.at[i]))
            return false;
    return true;
}

static bool read_account(struct span value, struct span *out)
{
    if (value.len >= 2 && *value.at == '<' && value.at[value.len - 1] == '>')
        value = trim((struct span){value.at + 1, value.len - 2});
    if (!is_account(value))
        return false;
    *out = value;
    return true;
}

/* ---- a body ---- */

/* NULL, or why the line is refused. */
static const char *read_status_line(struct span line, struct message_summary *out)
{
    struct span name, value;

    if (!split(line, &name, &value) || !span_equal_nocase(name, SPAN("Messages-Waiting")))
        return "Messages-Waiting Missing";
    out->waiting = span_equal_nocase(value, SPAN("yes"));
    if (!out->waiting && !span_equal_nocase(value, SPAN("no")))
        return "Bad Messages-Waiting";
    return NULL;
}

static const char *read_summary_line(struct span line, struct message_summary *out)
{
    struct span name, value;

    if (!split(line, &name, &value))
        return "Bad Summary Line";
    if (span_equal_nocase(name, SPAN("Message-Account"))) {
        if (!span_empty(out->account))
            return "Repeated Message-Account";
        return read_account(value, &out->account) ? NULL : "Bad Message-Account";
    }
    for (size_t i = 0; i < MESSAGE_CONTEXTS; i++) {
        if (!span_equal_nocase(name, span_of(contexts[i])))
            continue;
        if (out->counts[i].present)
            return "Repeated Message Context";
        return read_counts(value, &out->counts[i]) ? NULL : "Bad Message Count";
    }
    return "Unknown Message Context";
}

/* The name of an extension-header is a token (RFC 3261 section 25.1). */
static const char *read_header(struct span line)
{
    struct span name, value;

    if (!split(line, &name, &value))
        return "Bad Message Header";
    for (size_t i = 0; i < name.len; i++)
        if (!is_letter(name.at[i]) && !is_digit(name.at[i]) &&
            strchr("-.!%*_+`'~", name.at[i]) == NULL)
            return "Bad Message Header";
    return NULL;
}

static const char *read_lines(struct lines *lines, struct message_summary *out)
{
    bool in_headers = false;
    const char *phrase = NULL;

    for (size_t i = 0; !span_empty(lines->rest) && phrase == NULL; i++) {
        struct span before = lines->rest, line = next_line(lines);

        if (!is_clean(line))
            phrase = "Control Character";
        else if (i == 0)
            phrase = read_status_line(line, out);
        else if (in_headers && !span_empty(line))
            phrase = read_header(line);
        else if (!span_empty(line))
            phrase = read_summary_line(line, out);
        else if (!in_headers) {
            in_headers = true;
            out->headers = before;
        }
    }
    return phrase;
}

static enum status refuse(struct pidf_fault *fault, enum status status, const char *phrase,
                          unsigned line)
{
    if (fault != NULL)
        *fault = (struct pidf_fault){phrase, line};
    return status;
}

enum status message_summary_parse(struct span body, struct message_summary *out,
                                  struct pidf_fault *fault)
{
    struct message_summary summary = {0};
    struct lines lines = {.rest = body};
    const char *phrase;

    if (body.len > MESSAGE_SUMMARY_BYTES_MAX)
        return refuse(fault, STATUS_LIMIT, "Message Summary Too Large", 0);
    if (span_empty(body))
        return refuse(fault, STATUS_MALFORMED, "Empty Message Summary", 0);
    phrase = read_lines(&lines, &summary);
    if (phrase != NULL)
        return refuse(fault, STATUS_MALFORMED, phrase, lines.number);
    *out = summary;
    return STATUS_OK;
}

/* ---- all bodies together ---- */

struct heard {
    const struct message_summary_source *source;
    struct message_summary summary;
    bool forgotten;
};

/* Newest first; of the same age, in an order of their octets. */
static int compare(const void *a, const void *b)
{
    const struct message_summary_source *x = ((const struct heard *)a)->source;
    const struct message_summary_source *y = ((const struct heard *)b)->source;
    size_t shorter = x->body.len < y->body.len ? x->body.len : y->body.len;
    int order = shorter == 0 ? 0 : memcmp(x->body.at, y->body.at, shorter);

    if (x->published_at_us != y->published_at_us)
        return x->published_at_us > y->published_at_us ? -1 : 1;
    if (order != 0)
        return order;
    if (x->body.len != y->body.len)
        return x->body.len < y->body.len ? -1 : 1;
    return (int)y->with_headers - (int)x->with_headers;
}

static size_t hear(const struct message_summary_source sources[], size_t count,
                   struct heard heard[])
{
    size_t understood = 0;

    for (size_t i = 0; i < count; i++) {
        struct heard *next = &heard[understood];

        *next = (struct heard){.source = &sources[i]};
        if (message_summary_parse(sources[i].body, &next->summary, NULL) == STATUS_OK)
            understood++;
    }
    qsort(heard, understood, sizeof(heard[0]), compare);
    return understood;
}

/* A newer publication of the same account has a line of that context. */
static bool is_replaced(const struct heard heard[], size_t i, size_t context)
{
    for (size_t newer = 0; newer < i; newer++)
        if (span_equal(heard[newer].summary.account, heard[i].summary.account) &&
            heard[newer].summary.counts[context].present)
            return true;
    return false;
}

static bool has_newer(const struct heard heard[], size_t i)
{
    for (size_t newer = 0; newer < i; newer++)
        if (span_equal(heard[newer].summary.account, heard[i].summary.account))
            return true;
    return false;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void add(struct message_counts *total, const struct message_counts *counts)
{
    total->present = true;
    total->fresh = sum(total->fresh, counts->fresh);
    total->old = sum(total->old, counts->old);
    total->has_urgent = total->has_urgent || counts->has_urgent;
    total->fresh_urgent = sum(total->fresh_urgent, counts->fresh_urgent);
    total->old_urgent = sum(total->old_urgent, counts->old_urgent);
}

/* False when the publication says "yes", and not of what. */
static bool add_lines(struct heard heard[], size_t i, struct message_summary *total)
{
    bool has_lines = false, stands = false;

    for (size_t context = 0; context < MESSAGE_CONTEXTS; context++) {
        const struct message_counts *counts = &heard[i].summary.counts[context];

        if (!counts->present)
            continue;
        has_lines = true;
        if (is_replaced(heard, i, context))
            continue;
        stands = true;
        add(&total->counts[context], counts);
    }
    heard[i].forgotten = !stands && has_newer(heard, i);
    if (heard[i].forgotten)
        return true;
    total->waiting = total->waiting || heard[i].summary.waiting;
    return has_lines || !heard[i].summary.waiting;
}

/* The one account that is named; that of `account` when there are none or several. */
static struct span account_of(const struct message_summary_account *account,
                              const struct heard heard[], size_t count)
{
    struct span named = {0};

    for (size_t i = 0; i < count; i++) {
        if (heard[i].forgotten || span_empty(heard[i].summary.account))
            continue;
        if (!span_empty(named) && !span_equal(named, heard[i].summary.account))
            return account->uri;
        named = heard[i].summary.account;
    }
    return span_empty(named) ? account->uri : named;
}

/* ---- writing ---- */

static void put_pair(struct buffer *out, uint32_t fresh, uint32_t old)
{
    buffer_put_u64(out, fresh);
    buffer_put_char(out, '/');
    buffer_put_u64(out, old);
}

static void put_lines(struct buffer *out, const struct message_summary *summary)
{
    for (size_t i = 0; i < MESSAGE_CONTEXTS; i++) {
        const struct message_counts *counts = &summary->counts[i];

        if (!counts->present)
            continue;
        buffer_put(out, span_of(contexts[i]));
        buffer_put(out, SPAN(": "));
        put_pair(out, counts->fresh, counts->old);
        if (counts->has_urgent) {
            buffer_put(out, SPAN(" ("));
            put_pair(out, counts->fresh_urgent, counts->old_urgent);
            buffer_put_char(out, ')');
        }
        buffer_put(out, SPAN("\r\n"));
    }
}

/* One empty line in front of each group, every line with its CRLF. */
static void put_headers(struct buffer *out, struct span headers)
{
    struct lines lines = {.rest = headers};
    bool begins = true;

    while (!span_empty(lines.rest)) {
        struct span line = next_line(&lines);

        if (span_empty(line)) {
            begins = true;
            continue;
        }
        if (begins)
            buffer_put(out, SPAN("\r\n"));
        begins = false;
        for (size_t i = 0; i < line.len; i++) {
            if (line.at[i] == '\n' && line.at[i - 1] != '\r')
                buffer_put_char(out, '\r');
            buffer_put_char(out, line.at[i]);
        }
        buffer_put(out, SPAN("\r\n"));
    }
}

static void put_summary(struct buffer *out, const struct message_summary *summary, bool with_lines)
{
    buffer_put(out, SPAN("Messages-Waiting: "));
    buffer_put(out, summary->waiting ? SPAN("yes\r\n") : SPAN("no\r\n"));
    if (is_account(summary->account)) {
        buffer_put(out, SPAN("Message-Account: "));
        buffer_put(out, summary->account);
        buffer_put(out, SPAN("\r\n"));
    }
    if (with_lines)
        put_lines(out, summary);
}

/* Oldest first, as messages came. */
static void put_all_headers(struct buffer *out, const struct heard heard[], size_t count)
{
    for (size_t i = count; i-- > 0;)
        if (!heard[i].forgotten && heard[i].source->with_headers)
            put_headers(out, heard[i].summary.headers);
}

enum status message_summary_compose(const struct message_summary_account *account,
                                    const struct message_summary_source sources[], size_t count,
                                    struct buffer *out)
{
    struct heard *heard = calloc(count + 1, sizeof(*heard));
    struct message_summary total = {.waiting = account->keeps && account->kept > 0};
    bool with_lines = true;
    size_t before = out->len;

    must(heard != NULL);
    count = hear(sources, count, heard);
    for (size_t i = 0; i < count; i++)
        with_lines = add_lines(heard, i, &total) && with_lines;
    total.account = account_of(account, heard, count);
    if (account->keeps)
        add(&total.counts[MESSAGE_CONTEXT_TEXT], &(struct message_counts){.fresh = account->kept});
    put_summary(out, &total, with_lines);
    put_all_headers(out, heard, count);
    free(heard);
    if (!out->overflowed)
        return STATUS_OK;
    buffer_cut(out, before);
    return STATUS_LIMIT;
}
