/* escape.c - what XML would take for markup, or would change, is written as a reference. */
#include "pidf/xml/escape.h"

static bool is_special(char c, bool in_value)
{
    return c == '&' || c == '<' || c == '>' || c == '\r' ||
           (in_value && (c == '"' || c == '\t' || c == '\n'));
}

static void put_escaped(struct buffer *out, struct span text, bool in_value)
{
    while (!span_empty(text)) {
        size_t plain = 0;

        while (plain < text.len && !is_special(text.at[plain], in_value))
            plain++;
        buffer_put(out, (struct span){text.at, plain});
        text = span_skip(text, plain);
        if (span_empty(text))
            return;
        switch (*text.at) {
        case '&':
            buffer_put(out, SPAN("&amp;"));
            break;
        case '<':
            buffer_put(out, SPAN("&lt;"));
            break;
        case '>':
            buffer_put(out, SPAN("&gt;"));
            break;
        case '"':
            buffer_put(out, SPAN("&quot;"));
            break;
        default: /* a reader would turn white space into blanks or line feeds */
            buffer_put(out, SPAN("&#"));
            buffer_put_u64(out, (uint64_t)(unsigned char)*text.at);
            buffer_put_char(out, ';');
            break;
        }
        text = span_skip(text, 1);
    }
}

void escape_put_text(struct buffer *out, struct span text)
{
    put_escaped(out, text, false);
}

void escape_put_value(struct buffer *out, struct span text)
{
    put_escaped(out, text, true);
}

void escape_put_uri(struct buffer *out, struct span uri)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < uri.len; i++) {
        unsigned char byte = (unsigned char)uri.at[i];

        if (byte > ' ' && byte < 0x7f) {
            buffer_put_char(out, uri.at[i]);
            continue;
        }
        buffer_put_char(out, '%');
        buffer_put_char(out, hex[byte >> 4]);
        buffer_put_char(out, hex[byte & 0xf]);
    }
}
