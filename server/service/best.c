/* best.c - a rank per status; what tells the client how to try again comes first in its class. */
#include "server/service/best.h"

#include "server/base/must.h"
#include "server/sip/forward.h"

#include <stdlib.h>

enum { RESPONSE_BYTES_MAX = 65535, CHALLENGES_BYTES_MAX = 8192 };

static bool is_challenge(int status)
{
    return status == 401 || status == 407;
}

/* Lower is better: any 6xx, then the lowest class, and within it by what it is worth to know. */
static int rank_of(int status)
{
    const int class = status / 100 * 100;

    if (status >= 600)
        return 0;
    if (is_challenge(status))
        return class;
    if (status == 415 || status == 420 || status == 484)
        return class + 1;
    if (status == 480)
        return class + 40;
    if (status == 408)
        return class + 50; /* another device said more than nothing */
    if (status == 487)
        return class + 60;
    return status == 503 ? class + 70 : class + 10;
}

void best_deinit(struct best *self)
{
    free(self->octets);
    free(self->challenges);
    *self = (struct best){0};
}

static char *copy(struct span octets)
{
    char *made = malloc(octets.len == 0 ? 1 : octets.len);

    must(made != NULL);
    if (octets.len > 0)
        memcpy(made, octets.at, octets.len);
    return made;
}

static void keep(struct best *self, int status, const struct sip_message *response)
{
    struct buffer out;

    best_deinit(self);
    self->status = status;
    if (response == NULL)
        return;
    buffer_init(&out, RESPONSE_BYTES_MAX);
    sip_compose_backward(&out, response);
    if (!out.overflowed) {
        self->octets = copy(buffer_span(&out));
        self->len = out.len;
    }
    buffer_deinit(&out);
}

static void add_challenges(struct best *self, const struct sip_message *response)
{
    static const enum sip_header_id ids[] = {SIP_WWW_AUTHENTICATE, SIP_PROXY_AUTHENTICATE};
    struct buffer out;

    buffer_init(&out, CHALLENGES_BYTES_MAX);
    buffer_put(&out, (struct span){self->challenges, self->challenges_len});
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        for (const struct sip_header *header = sip_header_first(response, ids[i]); header != NULL;
             header = sip_header_next(response, header))
            sip_compose_header(&out, sip_header_name(ids[i]), header->value);
    if (!out.overflowed && out.len > 0) {
        free(self->challenges);
        self->challenges = copy(buffer_span(&out));
        self->challenges_len = out.len;
    }
    buffer_deinit(&out);
}

void best_consider(struct best *self, int status, const struct sip_message *response)
{
    if (self->status == 0 || rank_of(status) < rank_of(self->status))
        keep(self, status, response);
    else if (is_challenge(status) && is_challenge(self->status) && response != NULL)
        add_challenges(self, response);
}

int best_status(const struct best *self)
{
    return self->status == 503 ? 500 : self->status;
}

/* Where the empty line begins: what is added goes before it. */
static size_t head_end(struct span message)
{
    const char *end = memmem(message.at, message.len, "\r\n\r\n", 4);

    return end == NULL ? message.len : (size_t)(end - message.at) + 2;
}

bool best_compose(const struct best *self, struct buffer *out)
{
    const struct span all = {self->octets, self->len};
    const char *line_end;
    struct span rest = all;
    size_t end;

    if (self->octets == NULL)
        return false;
    line_end = span_find(all, '\n');
    if (self->status == 503 && line_end != NULL) {
        buffer_put(out, SPAN("SIP/2.0 500 Destination Unavailable\r\n"));
        rest = span_skip(all, (size_t)(line_end + 1 - all.at));
    }
    end = head_end(rest);
    buffer_put(out, (struct span){rest.at, end});
    buffer_put(out, (struct span){self->challenges, self->challenges_len});
    buffer_put(out, span_skip(rest, end));
    return true;
}
