/* log.c - whole lines gather in one capped buffer; a partial write keeps what was not taken. */
#include "server/base/log.h"

#include "server/base/buffer.h"
#include "server/base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

enum {
    GATHERED_BYTES_MAX = 1024 * 1024,
    PAIRS_BYTES_MAX = 8 * 1024, /* of one line; the rest is cut off */
    SECOND_BYTES = sizeof("2024-01-31T23:59:59"),
};

struct log {
    int fd;
    int fd_flags; /* as they were */
    enum log_level level;
    bool systemd;
    int64_t second;                 /* what `second_text` says */
    int millisecond;                /* of the turn */
    char second_text[SECOND_BYTES]; /* made anew only when the second has changed */
    struct buffer gathered;
    bool mid_line;    /* the last byte written was not the end of a line */
    uint64_t dropped; /* since the start */
    uint64_t told;    /* of those, how many a line has told of */
};

/* ---- levels ---- */

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    return names[level];
}

/* sd-daemon(3) */
static const char *systemd_prefix(enum log_level level)
{
    static const char *const prefixes[] = {"<3>", "<4>", "<6>", "<7>"};

    return prefixes[level];
}

struct log *log_new(int fd, enum log_level level, bool systemd)
{
    struct log *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->fd = fd;
    self->fd_flags = fcntl(fd, F_GETFL);
    if (self->fd_flags >= 0)
        (void)fcntl(fd, F_SETFL, self->fd_flags | O_NONBLOCK);
    self->level = level;
    self->systemd = systemd;
    self->second = -1;
    buffer_init(&self->gathered, GATHERED_BYTES_MAX);
    log_set_time(self, (struct wall_time){0});
    return self;
}

void log_free(struct log *self)
{
    if (self == NULL)
        return;
    log_flush(self);
    /* The flag belongs to the open file, which a terminal shares with the shell. */
    if (self->fd_flags >= 0)
        (void)fcntl(self->fd, F_SETFL, self->fd_flags);
    buffer_deinit(&self->gathered);
    free(self);
}

void log_set_level(struct log *self, enum log_level level)
{
    self->level = level;
}

bool log_enabled(const struct log *self, enum log_level level)
{
    return self != NULL && level <= self->level;
}

uint64_t log_dropped(const struct log *self)
{
    return self == NULL ? 0 : self->dropped;
}

void log_set_time(struct log *self, struct wall_time now)
{
    int64_t second = now.us / US_PER_S;

    if (self == NULL)
        return;
    self->millisecond = (int)(now.us % US_PER_S / US_PER_MS);
    if (second == self->second)
        return;
    struct tm parts;
    time_t seconds = (time_t)second;

    must(gmtime_r(&seconds, &parts) != NULL);
    (void)strftime(self->second_text, sizeof(self->second_text), "%Y-%m-%dT%H:%M:%S", &parts);
    self->second = second;
}

/* ---- lines ---- */

static void put_head(struct log *self, enum log_level level, const char *event)
{
    struct buffer *out = &self->gathered;

    if (self->systemd)
        buffer_put(out, span_of(systemd_prefix(level)));
    buffer_printf(out, "%s.%03dZ %s %s", self->second_text, self->millisecond, level_name(level),
                  event);
}

/* A name that a peer chose must not begin a line of its own, nor steer a terminal. */
static void replace_controls(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
    }
}

/* Puts the line, and before it the one about lines that were lost; all of it or nothing. */
static bool put_line(struct log *self, enum log_level level, const char *event, struct span pairs)
{
    struct buffer *out = &self->gathered;
    size_t len_before = out->len;

    if (self->told < self->dropped) {
        put_head(self, LOG_WARNING, "log_dropped");
        buffer_printf(out, " lines=%llu\n", (unsigned long long)(self->dropped - self->told));
    }
    put_head(self, level, event);
    if (!span_empty(pairs))
        buffer_put_char(out, ' ');
    buffer_put(out, pairs);
    buffer_put_char(out, '\n');
    if (out->overflowed) {
        buffer_cut(out, len_before);
        out->overflowed = false;
        return false;
    }
    self->told = self->dropped;
    return true;
}

void log_line(struct log *self, enum log_level level, const char *event, const char *format, ...)
{
    char text[PAIRS_BYTES_MAX];
    struct span pairs = {text, 0};
    va_list arguments;
    int len;

    if (!log_enabled(self, level))
        return;
    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    must(len >= 0);
    pairs.len = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    replace_controls(text, pairs.len);
    if (put_line(self, level, event, pairs))
        return;
    log_flush(self); /* a long turn; then once more */
    if (!put_line(self, level, event, pairs))
        self->dropped++;
}

/* ---- writing ---- */

/* The descriptor is broken: keeping the lines would help nobody. */
static void drop_all(struct log *self)
{
    struct span lines = buffer_span(&self->gathered);

    for (size_t i = 0; i < lines.len; i++)
        self->dropped += lines.at[i] == '\n';
    buffer_reset(&self->gathered);
    if (self->mid_line)
        buffer_put_char(&self->gathered, '\n');
}

static void forget_first(struct log *self, size_t len)
{
    struct buffer *gathered = &self->gathered;

    if (len == 0)
        return;
    self->mid_line = gathered->at[len - 1] != '\n';
    memmove(gathered->at, gathered->at + len, gathered->len - len);
    buffer_cut(gathered, gathered->len - len);
}

void log_flush(struct log *self)
{
    size_t written = 0;
    bool broken = false;

    if (self == NULL)
        return;
    while (written < self->gathered.len) {
        ssize_t count = write(self->fd, self->gathered.at + written, self->gathered.len - written);

        if (count > 0) {
            written += (size_t)count;
        } else if (count == 0 || errno != EINTR) {
            broken = count == 0 || errno != EAGAIN;
            break;
        }
    }
    forget_first(self, written);
    if (broken)
        drop_all(self);
}
