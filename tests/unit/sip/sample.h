/* sample.h - messages for the tests of this folder: parse text, read files. */
#ifndef SIP_SAMPLE_H
#define SIP_SAMPLE_H

#include "server/sip/parse.h"

#include <check.h>
#include <stdio.h>

enum { SAMPLE_BYTES_MAX = 65536 };

struct sample {
    struct sip_message message;
    struct sip_fault fault;
    enum sip_parse_result result;
};

static inline void sample_parse(struct sample *self, struct span bytes)
{
    self->result = sip_parse_datagram(bytes, &sip_limits_default, &self->message, &self->fault);
}

/* Like sample_parse(), and what must be good is. */
static inline void sample_parse_good(struct sample *self, struct span bytes)
{
    sample_parse(self, bytes);
    ck_assert_msg(self->result == SIP_PARSED, "%d %s", self->fault.status, self->fault.phrase);
}

/* False when there is no such file. */
static inline bool sample_read(const char *path, char *into, struct span *out)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return false;
    *out = (struct span){into, fread(into, 1, SAMPLE_BYTES_MAX, file)};
    fclose(file);
    return true;
}

/* For assertions: the text of a span, NUL-terminated, good until the next eight calls. */
static inline const char *text_of(struct span span)
{
    static char texts[8][1024];
    static unsigned turn;
    char *text = texts[turn++ % 8];

    snprintf(text, sizeof(texts[0]), SPAN_FMT, SPAN_ARG(span));
    return text;
}

#define ck_assert_span_eq(span, literal) ck_assert_str_eq(text_of(span), literal)

#endif
