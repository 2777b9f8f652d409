/* contact.c - composes the key of a binding. */
#include "server/service/contact.h"

#include "server/sip/address.h"
#include "server/sip/parameter.h"
#include "server/sip/uri.h"

#include <stdlib.h>

enum { URI_PARAMETERS_MAX = 16 };

static void put_lower(struct buffer *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.at[i];

        buffer_put_char(out, byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte);
    }
}

/* The escapes that stand for what may stand plainly are resolved; the others are kept, in one case.
 */
static void put_unescaped(struct buffer *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char plain[1];
        struct span one;

        if (text.at[i] != '%' || i + 2 >= text.len ||
            sip_uri_unescape((struct span){text.at + i, 3}, plain, 1, &one) != STATUS_OK) {
            buffer_put_char(out, text.at[i]);
            continue;
        }
        if ((one.at[0] >= '0' && one.at[0] <= '9') ||
            ((one.at[0] | 0x20) >= 'a' && (one.at[0] | 0x20) <= 'z') ||
            (one.at[0] != 0 && strchr("-_.!~*'()", one.at[0]) != NULL))
            buffer_put_char(out, one.at[0]);
        else
            put_lower(out, (struct span){text.at + i, 3});
        i += 2;
    }
}

static int compare_names(const void *a, const void *b)
{
    const struct sip_parameter *left = a;
    const struct sip_parameter *right = b;
    size_t len = left->name.len < right->name.len ? left->name.len : right->name.len;
    int order = strncasecmp(left->name.at, right->name.at, len);

    return order != 0 ? order
                      : (left->name.len > right->name.len) - (left->name.len < right->name.len);
}

static bool put_parameters(struct buffer *out, struct span params)
{
    struct sip_parameter found[URI_PARAMETERS_MAX];
    size_t count = 0;

    while (count < URI_PARAMETERS_MAX && sip_parameter_next(&params, &found[count]))
        count++;
    if (count == URI_PARAMETERS_MAX)
        return false;
    qsort(found, count, sizeof(found[0]), compare_names);
    for (size_t i = 0; i < count; i++) {
        buffer_put_char(out, ';');
        put_lower(out, found[i].name);
        if (found[i].has_value)
            buffer_put_char(out, '=');
        put_lower(out, found[i].value); /* compared without case (section 19.1.4) */
    }
    return true;
}

static bool put_uri(struct buffer *out, const struct sip_uri *uri)
{
    put_lower(out, uri->scheme_name);
    buffer_put_char(out, ':');
    put_unescaped(out, uri->user);
    if (uri->has_password) {
        buffer_put_char(out, ':');
        put_unescaped(out, uri->password);
    }
    buffer_put_char(out, '@');
    put_lower(out, uri->host);
    if (uri->port != 0) {
        buffer_put_char(out, ':');
        buffer_put_u64(out, uri->port);
    }
    return put_parameters(out, uri->params);
}

/* Everything but expires, which the answer tells anew. */
static void put_kept(struct buffer *out, struct span params)
{
    struct sip_parameter one;

    while (sip_parameter_next(&params, &one)) {
        if (span_equal_nocase(one.name, SPAN("expires")))
            continue;
        buffer_put_char(out, ';');
        buffer_put(out, one.name);
        if (one.has_value)
            buffer_put_char(out, '=');
        buffer_put(out, one.value);
    }
}

static enum status read_parameters(struct span params, struct contact *out)
{
    struct span value;
    unsigned q;
    uint64_t reg_id;

    if (sip_parameter(params, SPAN("expires"), &value)) {
        /* Section 10.2.1.1: what is no number counts as 3600. */
        if (sip_delta_seconds(value, &out->expires_s) != STATUS_OK)
            out->expires_s = 3600;
        out->has_expires = true;
    }
    if (sip_parameter(params, SPAN("q"), &value)) {
        if (sip_qvalue(value, &q) != STATUS_OK)
            return STATUS_MALFORMED;
        out->q_thousandths = (int32_t)q;
    }
    if (sip_parameter(params, SPAN("+sip.instance"), &value))
        out->instance = value;
    if (sip_parameter(params, SPAN("reg-id"), &value)) {
        if (sip_number(value, INT32_MAX, &reg_id) != STATUS_OK)
            return STATUS_MALFORMED;
        out->reg_id = (uint32_t)reg_id;
    }
    return STATUS_OK;
}

enum status contact_read(struct span value, struct buffer *memory, struct contact *out)
{
    struct sip_address address;
    size_t from = memory->len;
    size_t middle;

    *out = (struct contact){.q_thousandths = -1};
    if (sip_address_parse(value, &address) != STATUS_OK || address.is_star)
        return STATUS_MALFORMED;
    if (address.uri.scheme != SIP_SCHEME_SIP && address.uri.scheme != SIP_SCHEME_SIPS)
        return STATUS_MALFORMED;
    if (read_parameters(address.params, out) != STATUS_OK)
        return STATUS_MALFORMED;
    out->uri = address.uri_text;
    if (!span_empty(out->instance) && out->reg_id != 0) {
        buffer_put_u64(memory, out->reg_id);
        buffer_put_char(memory, ' ');
        buffer_put(memory, out->instance);
    } else if (!put_uri(memory, &address.uri)) {
        return STATUS_LIMIT;
    }
    middle = memory->len;
    put_kept(memory, address.params);
    if (memory->overflowed)
        return STATUS_LIMIT;
    out->key = (struct span){memory->at + from, middle - from};
    out->parameters = (struct span){memory->at + middle, memory->len - middle};
    return STATUS_OK;
}
