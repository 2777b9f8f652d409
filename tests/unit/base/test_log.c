#include "server/base/log.h"
#include "tests/unit/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* 2024-02-29T23:59:58.007Z */
static const struct wall_time leap_day = {INT64_C(1709251198) * US_PER_S + 7 * US_PER_MS + 999};

/* A pipe whose other end the test reads. */
struct reader {
    int ends[2];
    struct log *log;
};

static struct reader reader_open(enum log_level level, bool systemd)
{
    struct reader self;

    ck_assert_int_eq(pipe(self.ends), 0);
    ck_assert_int_ne(fcntl(self.ends[0], F_SETFL, O_NONBLOCK), -1);
    self.log = log_new(self.ends[1], level, systemd);
    log_set_time(self.log, leap_day);
    return self;
}

static void reader_close(struct reader *self)
{
    log_free(self->log);
    close(self->ends[0]);
    close(self->ends[1]);
}

/* What arrived so far, at most `size_bytes`. */
static size_t read_some(const struct reader *self, char *out, size_t size_bytes)
{
    ssize_t count = read(self->ends[0], out, size_bytes);

    if (count < 0)
        ck_assert_int_eq(errno, EAGAIN);
    return count < 0 ? 0 : (size_t)count;
}

static void reads(const struct reader *self, const char *text)
{
    char arrived[16384];
    size_t len = read_some(self, arrived, sizeof(arrived));

    ck_assert_msg(span_equal((struct span){arrived, len}, span_of(text)), "reads '%.*s'", (int)len,
                  arrived);
}

START_TEST(a_line_has_time_level_event_and_pairs)
{
    struct reader reader = reader_open(LOG_DEBUG, false);
    struct span aor = SPAN("sip:a@x and more");

    aor.len = 7;
    log_line(reader.log, LOG_INFO, "publish", "aor=" SPAN_FMT " code=%d", SPAN_ARG(aor), 200);
    log_line(reader.log, LOG_ERROR, "start", "%s", "");
    reads(&reader, "");
    log_set_time(reader.log, (struct wall_time){leap_day.us + 2 * US_PER_S});
    log_line(reader.log, LOG_DEBUG, "packet", "bytes=%d", 4);
    log_flush(reader.log);
    reads(&reader, "2024-02-29T23:59:58.007Z info publish aor=sip:a@x code=200\n"
                   "2024-02-29T23:59:58.007Z error start\n"
                   "2024-03-01T00:00:00.007Z debug packet bytes=4\n");
    reader_close(&reader);
}
END_TEST

START_TEST(systemd_is_told_the_priority_of_each_line)
{
    struct reader reader = reader_open(LOG_DEBUG, true);

    log_line(reader.log, LOG_ERROR, "a", "%s", "x=1");
    log_line(reader.log, LOG_WARNING, "b", "%s", "x=1");
    log_line(reader.log, LOG_INFO, "c", "%s", "x=1");
    log_line(reader.log, LOG_DEBUG, "d", "%s", "x=1");
    log_flush(reader.log);
    reads(&reader, "<3>2024-02-29T23:59:58.007Z error a x=1\n"
                   "<4>2024-02-29T23:59:58.007Z warning b x=1\n"
                   "<6>2024-02-29T23:59:58.007Z info c x=1\n"
                   "<7>2024-02-29T23:59:58.007Z debug d x=1\n");
    reader_close(&reader);
}
END_TEST

START_TEST(a_level_below_the_wanted_one_is_silent)
{
    struct reader reader = reader_open(LOG_WARNING, false);

    ck_assert(log_enabled(reader.log, LOG_WARNING));
    ck_assert(!log_enabled(reader.log, LOG_INFO));
    ck_assert(!log_enabled(NULL, LOG_ERROR));
    log_line(reader.log, LOG_INFO, "quiet", "%s", "x=1");
    log_line(NULL, LOG_ERROR, "quiet", "%s", "x=1");
    log_set_level(reader.log, LOG_INFO);
    log_line(reader.log, LOG_INFO, "loud", "%s", "x=1");
    log_flush(reader.log);
    reads(&reader, "2024-02-29T23:59:58.007Z info loud x=1\n");
    reader_close(&reader);
}
END_TEST

START_TEST(a_peer_cannot_begin_a_line_nor_steer_a_terminal)
{
    struct reader reader = reader_open(LOG_INFO, false);

    log_line(reader.log, LOG_INFO, "publish", "from=%s", "a\r\nb\x1b[2J\x7f\tc\xc3\xa9");
    log_flush(reader.log);
    reads(&reader, "2024-02-29T23:59:58.007Z info publish from=a??b?[2J??c\xc3\xa9\n");
    reader_close(&reader);
}
END_TEST

START_TEST(a_line_of_any_length_is_cut_and_still_ends)
{
    struct reader reader = reader_open(LOG_INFO, false);
    static char arrived[16384];
    size_t len;

    log_line(reader.log, LOG_INFO, "long", "x=%0*d", 100000, 7);
    log_flush(reader.log);
    len = read_some(&reader, arrived, sizeof(arrived));
    ck_assert_uint_gt(len, 8000);
    ck_assert_uint_lt(len, 9000);
    ck_assert_int_eq(arrived[len - 1], '\n');
    reader_close(&reader);
}
END_TEST

START_TEST(a_stuck_reader_loses_lines_and_hears_how_many)
{
    enum { LINES = 30000 };
    struct reader reader = reader_open(LOG_INFO, false);
    static char arrived[4 * 1024 * 1024];
    unsigned long long told = 0;
    size_t len = 0, lines = 0;
    const char *told_at;

    for (int i = 0; i < LINES; i++)
        log_line(reader.log, LOG_INFO, "line", "number=%06d padding=%060d", i, 0);
    ck_assert_uint_gt(log_dropped(reader.log), 0);
    for (size_t more = 1; more > 0; len += more) {
        log_flush(reader.log);
        more = read_some(&reader, arrived + len, sizeof(arrived) - len - 1);
    }
    log_line(reader.log, LOG_INFO, "after", "%s", "all=1");
    log_line(reader.log, LOG_INFO, "after", "%s", "all=2");
    log_flush(reader.log);
    len += read_some(&reader, arrived + len, sizeof(arrived) - len - 1);
    arrived[len] = '\0';

    for (size_t i = 0; i < len; i++)
        lines += arrived[i] == '\n';
    told_at = strstr(arrived, "warning log_dropped lines=");
    ck_assert_ptr_nonnull(told_at);
    told = strtoull(strchr(told_at, '=') + 1, NULL, 10);
    ck_assert_uint_eq(told, log_dropped(reader.log));
    ck_assert_uint_eq(lines, LINES - told + 3);
    ck_assert_ptr_null(strstr(told_at, "all=1\n2024-02-29T23:59:58.007Z warning"));
    reader_close(&reader);
}
END_TEST

START_TEST(a_broken_descriptor_drops_and_counts)
{
    int fd = open("/dev/full", O_WRONLY);
    struct log *log = log_new(fd, LOG_INFO, false);

    log_line(log, LOG_INFO, "a", "%s", "x=1");
    log_line(log, LOG_INFO, "b", "%s", "x=1");
    log_flush(log);
    ck_assert_uint_eq(log_dropped(log), 2);
    log_flush(log);
    ck_assert_uint_eq(log_dropped(log), 2);
    log_free(log);
    close(fd);
}
END_TEST

START_TEST(the_descriptor_is_left_as_it_was)
{
    struct reader reader = reader_open(LOG_INFO, false);

    ck_assert((fcntl(reader.ends[1], F_GETFL) & O_NONBLOCK) != 0);
    log_line(reader.log, LOG_INFO, "last", "%s", "words=1");
    log_free(reader.log);
    ck_assert((fcntl(reader.ends[1], F_GETFL) & O_NONBLOCK) == 0);
    reads(&reader, "2024-02-29T23:59:58.007Z info last words=1\n");
    reader.log = NULL;
    reader_close(&reader);
}
END_TEST

Suite *base_log_suite(void);

Suite *base_log_suite(void)
{
    Suite *suite = suite_create("base/log");
    TCase *lines = tcase_create("lines");
    TCase *writing = tcase_create("writing");

    tcase_add_test(lines, a_line_has_time_level_event_and_pairs);
    tcase_add_test(lines, systemd_is_told_the_priority_of_each_line);
    tcase_add_test(lines, a_level_below_the_wanted_one_is_silent);
    tcase_add_test(lines, a_peer_cannot_begin_a_line_nor_steer_a_terminal);
    tcase_add_test(lines, a_line_of_any_length_is_cut_and_still_ends);
    tcase_add_test(writing, a_stuck_reader_loses_lines_and_hears_how_many);
    tcase_add_test(writing, a_broken_descriptor_drops_and_counts);
    tcase_add_test(writing, the_descriptor_is_left_as_it_was);
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, writing);
    return suite;
}
