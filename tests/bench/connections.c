/* connections.c - holds many connections open while others misbehave, and asks meanwhile.
 *
 *   bench_connections PORT PID HELD SILENT DRIPPING SECONDS DOMAIN
 *
 * HELD connections say hello by a ping and then nothing; SILENT ones never say anything; DRIPPING
 * ones send an octet of a message now and then. Meanwhile REGISTERs over UDP and over one of the
 * held connections are timed. The bad ones must be closed within SECONDS, the held ones stay. What
 * a held one costs the process PID is printed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PROBES_MAX = 4096, ANSWER_MS = 3000, SLOW_MS = 500, OPENED_IN_A_ROW = 200 };

struct crowd {
    const char *name;
    int *fds; /* -1 once closed by the server */
    size_t count;
};

struct probes {
    const char *name;
    int fd;
    unsigned count;
    double ms[PROBES_MAX];
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static const char *domain;
static bool failed;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void check(bool good, const char *sentence)
{
    printf("%s: %s\n", good ? "ok" : "FAILED", sentence);
    failed = failed || !good;
}

static long memory_kb(const char *pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    file = fopen(path, "re");
    if (file == NULL)
        die(path);
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    fclose(file);
    return kb;
}

static int open_one(int type)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0)
        die("connect");
    return fd;
}

static bool is_readable(int fd, int within_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    return poll(&wait, 1, within_ms) == 1;
}

/* ---- crowds ---- */

static struct crowd crowd_open(const char *name, size_t count)
{
    struct crowd self = {name, calloc(count + 1, sizeof(int)), count};

    for (size_t i = 0; i < count; i++) {
        self.fds[i] = open_one(SOCK_STREAM);
        if (i % OPENED_IN_A_ROW == 0)
            usleep(5000);
    }
    return self;
}

static size_t crowd_ping(struct crowd *self)
{
    size_t answered = 0;
    char pong[16];

    for (size_t i = 0; i < self->count; i++)
        (void)send(self->fds[i], "\r\n\r\n", 4, MSG_NOSIGNAL);
    for (size_t i = 0; i < self->count; i++)
        answered +=
            is_readable(self->fds[i], ANSWER_MS) && recv(self->fds[i], pong, sizeof(pong), 0) == 2;
    return answered;
}

/* Returns how many the server has not closed yet. */
static size_t crowd_look(struct crowd *self)
{
    size_t open = 0;
    char octet;

    for (size_t i = 0; i < self->count; i++) {
        if (self->fds[i] < 0)
            continue;
        if (is_readable(self->fds[i], 0) && recv(self->fds[i], &octet, 1, 0) <= 0) {
            close(self->fds[i]);
            self->fds[i] = -1;
        } else {
            open++;
        }
    }
    return open;
}

static void crowd_drip(struct crowd *self, size_t at)
{
    static const char message[] = "OPTIONS sip:example.org SIP/2.0\r\nSubject: drop by drop\r\n";

    for (size_t i = 0; i < self->count; i++)
        if (self->fds[i] >= 0)
            (void)send(self->fds[i], message + at % (sizeof(message) - 1), 1, MSG_NOSIGNAL);
}

/* ---- probes ---- */

static void probe(struct probes *self, const char *transport)
{
    char text[1024];
    double begin = now_s();
    int len = snprintf(text, sizeof(text),
                       "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:9;rport;"
                       "branch=z9hG4bKp%s%u\r\nMax-Forwards: 70\r\nFrom: <sip:alice@%s>;tag=%s\r\n"
                       "To: <sip:alice@%s>\r\nCall-ID: probe-%s\r\nCSeq: %u REGISTER\r\n"
                       "Contact: <sip:alice@127.0.0.1:9;transport=%s>\r\nContent-Length: 0\r\n\r\n",
                       domain, transport, transport, self->count, domain, transport, domain,
                       transport, self->count + 1, transport);

    if (self->count == PROBES_MAX)
        return;
    (void)send(self->fd, text, (size_t)len, MSG_NOSIGNAL);
    if (!is_readable(self->fd, ANSWER_MS) || recv(self->fd, text, sizeof(text), 0) < 12 ||
        memcmp(text, "SIP/2.0 200", 11) != 0) {
        printf("%s: no 200 but %.60s\n", self->name, text);
        failed = true;
    }
    self->ms[self->count++] = (now_s() - begin) * 1000;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void report(struct probes *self)
{
    char sentence[128];

    if (self->count == 0)
        return;
    qsort(self->ms, self->count, sizeof(self->ms[0]), compare);
    snprintf(sentence, sizeof(sentence), "%s: %u REGISTERs, p50 %.2f ms, p99 %.2f ms, max %.2f ms",
             self->name, self->count, self->ms[self->count / 2], self->ms[self->count * 99 / 100],
             self->ms[self->count - 1]);
    check(self->ms[self->count - 1] < SLOW_MS, sentence);
}

/* ---- the whole ---- */

static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("setrlimit");
}

static void misbehave(size_t silent_count, size_t dripping_count, double seconds, int held_fd)
{
    struct probes udp = {.name = "UDP meanwhile", .fd = open_one(SOCK_DGRAM)};
    struct probes tcp = {.name = "TCP meanwhile", .fd = held_fd};
    double begin = now_s(), drip_at = begin, silent_s = 0, dripping_s = 0;
    struct crowd silent = crowd_open("silent", silent_count);
    struct crowd dripping = crowd_open("dripping", dripping_count);
    size_t at = 0, silent_open = silent_count, dripping_open = dripping_count;
    char sentence[128];

    while ((silent_open > 0 || dripping_open > 0) && now_s() < begin + seconds) {
        if (now_s() >= drip_at) {
            crowd_drip(&dripping, at++);
            drip_at = now_s() + 0.3;
        }
        probe(&udp, "UDP");
        probe(&tcp, "TCP");
        if ((silent_open = crowd_look(&silent)) == 0 && silent_s == 0)
            silent_s = now_s() - begin;
        if ((dripping_open = crowd_look(&dripping)) == 0 && dripping_s == 0)
            dripping_s = now_s() - begin;
        usleep(10000);
    }
    report(&udp);
    report(&tcp);
    snprintf(sentence, sizeof(sentence), "%zu silent peers are closed, the last after %.1f s",
             silent_count - silent_open, silent_s);
    check(silent_open == 0, sentence);
    snprintf(sentence, sizeof(sentence), "%zu dripping peers are closed, the last after %.1f s",
             dripping_count - dripping_open, dripping_s);
    check(dripping_open == 0, sentence);
    free(silent.fds);
    free(dripping.fds);
}

int main(int argc, char **argv)
{
    struct crowd held;
    long before_kb, after_kb;
    size_t count;
    char sentence[128];

    if (argc != 8) {
        fputs("bench_connections PORT PID HELD SILENT DRIPPING SECONDS DOMAIN\n", stderr);
        return EXIT_FAILURE;
    }
    raise_descriptors();
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    count = strtoul(argv[3], NULL, 10);
    domain = argv[7];
    before_kb = memory_kb(argv[2]);
    held = crowd_open("held", count + 1);
    snprintf(sentence, sizeof(sentence), "%zu connections are held and answer a ping", count);
    check(crowd_ping(&held) == count + 1, sentence);
    after_kb = memory_kb(argv[2]);
    printf("memory: %ld kB before, %ld kB after: %ld bytes for each connection\n", before_kb,
           after_kb, count == 0 ? 0 : (after_kb - before_kb) * 1024 / (long)count);
    misbehave(strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10), strtod(argv[6], NULL),
              held.fds[count]);
    check(crowd_ping(&held) == count + 1, "the held connections have not noticed");
    free(held.fds);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
