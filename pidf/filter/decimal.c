/* decimal.c - sign, digits, point, digits (XML Schema part 2 section 3.2.3). */
#include "pidf/filter/decimal.h"

#include "pidf/xml/value.h"

enum { WHOLE_DIGITS_MAX = 12, FRACTION_DIGITS = 6 };

static size_t digits(struct span text, int64_t *number)
{
    size_t count = 0;

    while (count < text.len && text.at[count] >= '0' && text.at[count] <= '9') {
        if (count < WHOLE_DIGITS_MAX)
            *number = *number * 10 + (text.at[count] - '0');
        count++;
    }
    return count;
}

static struct span without_zeros(struct span text)
{
    while (text.len > 1 && text.at[0] == '0' && text.at[1] >= '0' && text.at[1] <= '9')
        text = span_skip(text, 1);
    return text;
}

bool decimal_parse(struct span text, int64_t *millionths)
{
    int64_t whole = 0, fraction = 0;
    size_t whole_count, fraction_count = 0;
    bool negative;

    text = value_trim(text);
    negative = span_begins(text, SPAN("-"));
    if (negative || span_begins(text, SPAN("+")))
        text = span_skip(text, 1);
    text = without_zeros(text);
    whole_count = digits(text, &whole);
    text = span_skip(text, whole_count);
    if (span_begins(text, SPAN("."))) {
        text = span_skip(text, 1);
        fraction_count = digits(text, &fraction);
        text = span_skip(text, fraction_count);
    }
    if (!span_empty(text) || whole_count + fraction_count == 0 || whole_count > WHOLE_DIGITS_MAX ||
        fraction_count > FRACTION_DIGITS)
        return false;
    for (; fraction_count < FRACTION_DIGITS; fraction_count++)
        fraction *= 10;
    *millionths = (whole * 1000000 + fraction) * (negative ? -1 : 1);
    return true;
}
