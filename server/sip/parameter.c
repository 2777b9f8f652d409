#include "server/sip/parameter.h"

#include "server/sip/scan.h"

enum step { STEP_END, STEP_FOUND, STEP_BAD };

bool sip_is_token(struct span text)
{
    return text.len > 0 && skip_class(text.at, span_end(text), OCTET_TOKEN) == span_end(text);
}

struct span sip_trim(struct span text)
{
    const char *at = text.at, *end = span_end(text);

    if (text.len == 0)
        return text;
    at = skip_space(at, end);
    while (end > at && octet_is(end[-1], OCTET_SPACE))
        end--;
    return span_between(at, end);
}

/* SEMI generic-param (RFC 3261 section 25.1). */
static enum step step(struct span *rest, struct sip_parameter *out)
{
    const char *end = span_end(*rest), *at, *name, *name_end, *value;

    if (rest->len == 0 || (at = skip_space(rest->at, end)) == end)
        return STEP_END;
    if (*at != ';')
        return STEP_BAD;
    name = skip_space(at + 1, end);
    name_end = skip_class(name, end, OCTET_TOKEN);
    if (name_end == name)
        return STEP_BAD;
    *out = (struct sip_parameter){.name = span_between(name, name_end)};
    at = skip_space(name_end, end);
    if (at < end && *at == '=') {
        value = skip_space(at + 1, end);
        if (value < end && *value == '"')
            at = sip_quoted_end(value, end);
        else
            at = skip_class(value, end, OCTET_VALUE);
        if (at == NULL || at == value)
            return STEP_BAD;
        out->value = span_between(value, at);
        out->has_value = true;
    }
    *rest = span_between(at, end);
    return STEP_FOUND;
}

bool sip_parameters_valid(struct span params)
{
    struct sip_parameter parameter;
    enum step last;

    while ((last = step(&params, &parameter)) == STEP_FOUND)
        continue;
    return last == STEP_END;
}

bool sip_parameter_next(struct span *rest, struct sip_parameter *out)
{
    return step(rest, out) == STEP_FOUND;
}

bool sip_parameter_find(struct span params, struct span name, struct sip_parameter *out)
{
    struct sip_parameter parameter;

    while (step(&params, &parameter) == STEP_FOUND) {
        if (span_equal_nocase(parameter.name, name)) {
            *out = parameter;
            return true;
        }
    }
    return false;
}

bool sip_parameter(struct span params, struct span name, struct span *value)
{
    struct sip_parameter parameter;

    if (!sip_parameter_find(params, name, &parameter))
        return false;
    *value = parameter.value;
    return true;
}

enum status sip_unescape_quoted(struct span inner, char *out, size_t size_bytes, struct span *text)
{
    size_t len = 0;

    if (inner.len == 0 || span_find(inner, '\\') == NULL) {
        *text = inner;
        return STATUS_OK;
    }
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.at[i] == '\\' && ++i == inner.len)
            return STATUS_MALFORMED;
        if (len == size_bytes)
            return STATUS_LIMIT;
        out[len++] = inner.at[i];
    }
    *text = (struct span){out, len};
    return STATUS_OK;
}

enum status sip_unquote(struct span quoted, char *out, size_t size_bytes, struct span *text)
{
    if (quoted.len == 0 || quoted.at[0] != '"') {
        *text = quoted;
        return STATUS_OK;
    }
    if (sip_quoted_end(quoted.at, span_end(quoted)) != span_end(quoted))
        return STATUS_MALFORMED;
    return sip_unescape_quoted((struct span){quoted.at + 1, quoted.len - 2}, out, size_bytes, text);
}

enum status sip_number(struct span text, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;
    bool above = false;

    if (text.len == 0)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned char)text.at[i] - (unsigned)'0';

        if (digit > 9)
            return STATUS_MALFORMED;
        if (above || number > max / 10 || number * 10 > max - (digit > max ? max : digit))
            above = true; /* go on: what follows may still be no digit */
        else
            number = number * 10 + digit;
    }
    if (above || number > max)
        return STATUS_LIMIT;
    *out = number;
    return STATUS_OK;
}

enum status sip_delta_seconds(struct span text, uint32_t *out)
{
    uint64_t number = UINT32_MAX;
    enum status status = sip_number(text, UINT32_MAX, &number);

    if (status == STATUS_MALFORMED)
        return STATUS_MALFORMED;
    *out = (uint32_t)number;
    return STATUS_OK;
}

/* ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
enum status sip_qvalue(struct span text, unsigned *thousandths)
{
    unsigned value, place = 100;

    if (text.len == 0 || text.len > 5 || (text.at[0] != '0' && text.at[0] != '1') ||
        (text.len > 1 && text.at[1] != '.'))
        return STATUS_MALFORMED;
    value = text.at[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.len; i++, place /= 10) {
        if (!octet_is(text.at[i], OCTET_DIGIT))
            return STATUS_MALFORMED;
        value += place * (unsigned)(text.at[i] - '0');
    }
    if (value > 1000)
        return STATUS_MALFORMED;
    *thousandths = value;
    return STATUS_OK;
}

/* Where the value that begins at `at` ends: at its comma or at `end`. */
static const char *value_end(const char *at, const char *end)
{
    while (at != NULL && at < end) {
        if (*at == ',')
            return at;
        if (*at == '"')
            at = sip_quoted_end(at, end);
        else if (*at == '<')
            at = memchr(at, '>', (size_t)(end - at));
        else
            at++;
    }
    return end; /* also when a quote stays open: whoever parses the value finds that */
}

bool sip_value_next(struct span *rest, struct span *value)
{
    const char *at = rest->at, *end, *stop;

    if (at == NULL)
        return false;
    end = at + rest->len;
    stop = value_end(at, end);
    *value = sip_trim(span_between(at, stop));
    *rest = stop < end ? span_between(stop + 1, end) : (struct span){0};
    return true;
}
