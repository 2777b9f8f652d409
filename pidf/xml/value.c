/* value.c - simple types; what libxml2 judges for the schemas (URIs, names) it judges here too. */
#include "pidf/xml/value.h"

#include <libxml/tree.h>
#include <libxml/uri.h>

enum { DIGITS_MAX = 18 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct span value_trim(struct span text)
{
    while (text.len > 0 && is_space(text.at[0]))
        text = span_skip(text, 1);
    while (text.len > 0 && is_space(text.at[text.len - 1]))
        text.len--;
    return text;
}

static char *terminated(struct span text, struct scratch *scratch)
{
    char *copy = scratch_alloc(scratch, text.len + 1);

    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    return copy;
}

/* ---- one of a few words ---- */

static bool word(struct span text, const char *const words[], size_t count, struct span *out)
{
    text = value_trim(text);
    for (size_t i = 0; i < count; i++)
        if (span_equal_nocase(text, span_of(words[i]))) {
            *out = span_of(words[i]);
            return true;
        }
    return false;
}

/* ---- numbers ---- */

static size_t digits(struct span text)
{
    size_t count = 0;

    while (count < text.len && is_digit(text.at[count]))
        count++;
    return count;
}

static bool integer(struct span text, struct span *out)
{
    struct span unsigned_text;

    text = value_trim(text);
    unsigned_text =
        text.len > 0 && (*text.at == '-' || *text.at == '+') ? span_skip(text, 1) : text;
    if (unsigned_text.len == 0 || unsigned_text.len > DIGITS_MAX ||
        digits(unsigned_text) != unsigned_text.len)
        return false;
    *out = text;
    return true;
}

static bool count(struct span text, struct span *out)
{
    text = value_trim(text);
    if (text.len == 0 || text.len > DIGITS_MAX || digits(text) != text.len)
        return false;
    *out = text;
    return true;
}

static bool positive(struct span text, struct span *out)
{
    if (!count(text, &text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '0') {
            *out = text;
            return true;
        }
    return false;
}

static bool sip_code(struct span text, struct span *out)
{
    text = value_trim(text);
    if (text.len != 3 || digits(text) != 3 || *text.at < '1' || *text.at > '6')
        return false;
    *out = text;
    return true;
}

/* The examples of RFC 4235 section 6.2 say "receiver" where the schema says "recipient". */
static bool direction(struct span text, struct span *out)
{
    static const char *const words[] = {"initiator", "recipient", "receiver"};
    struct span found;

    if (!word(text, words, 3, &found))
        return false;
    *out = span_equal(found, SPAN("receiver")) ? SPAN("recipient") : found;
    return true;
}

/* 0 to 1 with at most three decimals. */
static bool priority(struct span text, struct span *out)
{
    text = value_trim(text);
    if (text.len == 0 || text.len == 2 || text.len > 5 || (*text.at != '0' && *text.at != '1') ||
        (text.len > 1 && (text.at[1] != '.' || digits(span_skip(text, 2)) != text.len - 2)))
        return false;
    for (size_t i = 2; *text.at == '1' && i < text.len; i++)
        if (text.at[i] != '0')
            return false;
    *out = text;
    return true;
}

/* ---- xs:dateTime ---- */

/* `count` digits at the front of `*text`, taken off it; -1 when they are not there. */
static int take_number(struct span *text, size_t count)
{
    int number = 0;

    if (text->len < count || digits((struct span){text->at, count}) != count)
        return -1;
    for (size_t i = 0; i < count; i++)
        number = 10 * number + (text->at[i] - '0');
    *text = span_skip(*text, count);
    return number;
}

static bool take_char(struct span *text, const char *allowed)
{
    if (span_empty(*text) || *text->at == '\0' || strchr(allowed, *text->at) == NULL)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* A time as seconds since the year 0, and the digits behind the point. */
struct moment {
    int64_t second;
    struct span fraction;
};

/* Of the Gregorian calendar, counted from the first of March, so that a leap day comes last. */
static int64_t day_number(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int from_march = (month + 9) % 12;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day;
}

static bool take_date(struct span *text, struct moment *out)
{
    int year = take_number(text, 4), month, day;

    if (year < 1 || !take_char(text, "-"))
        return false;
    month = take_number(text, 2);
    if (month < 1 || month > 12 || !take_char(text, "-"))
        return false;
    day = take_number(text, 2);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    out->second = 86400 * day_number(year, month, day);
    return true;
}

static bool take_time(struct span *text, struct moment *out)
{
    int hour = take_number(text, 2), minute, second;

    if (hour < 0 || hour > 23 || !take_char(text, ":"))
        return false;
    minute = take_number(text, 2);
    if (minute < 0 || minute > 59 || !take_char(text, ":"))
        return false;
    second = take_number(text, 2);
    if (second < 0 || second > 59)
        return false;
    out->second += 3600 * hour + 60 * minute + second;
    if (take_char(text, ".")) {
        size_t count = digits(*text);

        if (count == 0 || count > DIGITS_MAX)
            return false;
        out->fraction = (struct span){text->at, count};
        *text = span_skip(*text, count);
    }
    return true;
}

static bool take_zone(struct span *text, struct moment *out)
{
    int hour, minute, sign;

    if (span_empty(*text) || take_char(text, "zZ"))
        return true;
    sign = *text->at == '-' ? -1 : 1;
    if (!take_char(text, "+-"))
        return false;
    hour = take_number(text, 2);
    if (hour < 0 || !take_char(text, ":"))
        return false;
    minute = take_number(text, 2);
    out->second -= sign * (3600 * hour + 60 * minute);
    return minute >= 0 && minute <= 59 && (hour < 14 || (hour == 14 && minute == 0));
}

static bool take_moment(struct span text, struct moment *out)
{
    *out = (struct moment){0};
    return take_date(&text, out) && take_char(&text, "tT") && take_time(&text, out) &&
           take_zone(&text, out) && span_empty(text);
}

bool value_is_later(struct span a, struct span b)
{
    struct moment in_a, in_b;

    if (!take_moment(a, &in_a) || !take_moment(b, &in_b))
        return false;
    if (in_a.second != in_b.second)
        return in_a.second > in_b.second;
    for (size_t i = 0; i < DIGITS_MAX; i++) {
        char digit_a = i < in_a.fraction.len ? in_a.fraction.at[i] : '0';
        char digit_b = i < in_b.fraction.len ? in_b.fraction.at[i] : '0';

        if (digit_a != digit_b)
            return digit_a > digit_b;
    }
    return false;
}

static bool date_time(struct span text, struct scratch *scratch, struct span *out)
{
    struct moment moment;
    struct span capitals;

    text = value_trim(text);
    if (!take_moment(text, &moment))
        return false;
    if (span_find(text, 't') == NULL && span_find(text, 'z') == NULL) {
        *out = text;
        return true;
    }
    capitals = (struct span){terminated(text, scratch), text.len};
    for (char *at = (char *)capitals.at; *at != '\0'; at++)
        if (*at == 't' || *at == 'z')
            *at = (char)(*at - 'a' + 'A');
    *out = capitals;
    return true;
}

/* ---- names and URIs ---- */

static bool language(struct span text, struct span *out)
{
    size_t run = 0;
    bool first = true;

    text = value_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '-') {
            if (run == 0)
                return false;
            run = 0;
            first = false;
        } else if (++run > 8 || !(is_letter(text.at[i]) || (!first && is_digit(text.at[i])))) {
            return false;
        }
    }
    if (run == 0)
        return false;
    *out = text;
    return true;
}

static bool is_plain_id(struct span text)
{
    if (!is_letter(*text.at) && *text.at != '_')
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_letter(text.at[i]) && !is_digit(text.at[i]) && text.at[i] != '_' &&
            text.at[i] != '-' && text.at[i] != '.')
            return false;
    return true;
}

/* "432sd" becomes "t432sd", "a b" becomes "a_b". */
static bool id(struct span text, struct scratch *scratch, struct span *out)
{
    char *made;

    text = value_trim(text);
    if (span_empty(text))
        return false;
    made = terminated(text, scratch);
    if (!is_plain_id(text) && xmlValidateNCName((const xmlChar *)made, 0) != 0) {
        for (char *at = made; *at != '\0'; at++)
            if (!is_letter(*at) && !is_digit(*at) && *at != '-' && *at != '.')
                *at = '_';
        text = (struct span){made, text.len};
        if (!is_letter(*made) && *made != '_')
            text = scratch_join(scratch, scratch_copy(scratch, SPAN("t")), text);
    }
    *out = text;
    return true;
}

static bool is_uri(struct span text, struct scratch *scratch)
{
    char *copy = terminated(text, scratch);
    xmlURIPtr parsed;

    /* As the schema does: characters that an IRI may hold and a URI must escape pass. */
    for (char *at = copy; *at != '\0'; at++)
        if (*at < 32 || *at == 127 || strchr("<>\"{}|\\^`", *at) != NULL)
            *at = '_';
    parsed = xmlParseURI(copy);
    xmlFreeURI(parsed);
    return parsed != NULL;
}

static bool uri(struct span text, struct scratch *scratch, struct span *out)
{
    const char *open;

    text = value_trim(text);
    open = span_find(text, '<');
    if (open != NULL) { /* a name-addr where a URI belongs */
        struct span inside = span_between(open + 1, text.at + text.len);
        const char *close = span_find(inside, '>');

        if (close == NULL)
            return false;
        text = value_trim(span_between(inside.at, close));
    }
    if (span_empty(text) || !is_uri(text, scratch))
        return false;
    *out = text;
    return true;
}

bool value_mend(enum value_type type, struct span text, struct scratch *scratch, struct span *out)
{
    static const char *const open_closed[] = {"open", "closed"};
    static const char *const active_idle[] = {"active", "idle"};
    static const char *const full_partial[] = {"full", "partial"};
    static const char *const booleans[] = {"true", "false", "1", "0"};
    static const char *const states[] = {"trying", "proceeding", "early", "confirmed",
                                         "terminated"};
    static const char *const events[] = {"cancelled",  "rejected", "replaced", "local-bye",
                                         "remote-bye", "error",    "timeout"};

    switch (type) {
    case VALUE_STRING:
        *out = text;
        return true;
    case VALUE_NOTE:
        *out = text;
        return !span_empty(value_trim(text));
    case VALUE_TOKEN:
        *out = value_trim(text);
        return !span_empty(*out);
    case VALUE_URI:
        return uri(text, scratch, out);
    case VALUE_INTEGER:
        return integer(text, out);
    case VALUE_POSITIVE:
        return positive(text, out);
    case VALUE_BOOLEAN:
        return word(text, booleans, 4, out);
    case VALUE_DATE_TIME:
        return date_time(text, scratch, out);
    case VALUE_ID:
        return id(text, scratch, out);
    case VALUE_LANGUAGE:
        return language(text, out);
    case VALUE_PRIORITY:
        return priority(text, out);
    case VALUE_OPEN_CLOSED:
        return word(text, open_closed, 2, out);
    case VALUE_ACTIVE_IDLE:
        return word(text, active_idle, 2, out);
    case VALUE_FULL_PARTIAL:
        return word(text, full_partial, 2, out);
    case VALUE_COUNT:
        return count(text, out);
    case VALUE_SIP_CODE:
        return sip_code(text, out);
    case VALUE_DIALOG_STATE:
        return word(text, states, 5, out);
    case VALUE_DIALOG_EVENT:
        return word(text, events, 7, out);
    case VALUE_DIRECTION:
        return direction(text, out);
    }
    return false;
}
