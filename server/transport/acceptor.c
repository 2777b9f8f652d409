/* acceptor.c - takes who connects, some each turn, and rests when there is nothing to take with. */
#include "server/transport/acceptor.h"

#include "server/base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, PAUSE_US = 200 * 1000 };

struct acceptor {
    struct acceptor_settings settings;
    struct loop *loop;
    struct log *log;
    struct loop_io *io;
    struct timer pause;
    int fd;
};

static void on_rested(struct timer *timer, struct instant now)
{
    struct acceptor *self = CONTAINER_OF(timer, struct acceptor, pause);

    (void)now;
    loop_io_set(self->io, LOOP_READ);
}

/*
 * Without descriptors accept() fails, and the socket stays readable: the loop would spin. Those
 * who wait in the kernel's queue are taken when others have gone.
 */
static void rest(struct acceptor *self, int error)
{
    (*self->settings.pauses)++;
    log_line(self->log, LOG_WARNING, "accept", "listener=%u error=\"%s\"", self->settings.listener,
             strerror(error));
    loop_io_set(self->io, 0);
    timer_start(loop_timers(self->loop), &self->pause,
                instant_after(loop_now(self->loop), PAUSE_US), on_rested);
}

/* Of one connection only, which is gone: accept(2) says to try again. */
static bool is_of_one(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPERM || error == EPROTO ||
           error == ENETDOWN || error == ENETUNREACH || error == EHOSTUNREACH ||
           error == EHOSTDOWN || error == ENONET || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

static void on_io(void *context, int events)
{
    struct acceptor *self = context;

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct endpoint remote;
        int fd = tcp_socket_accept(self->fd, self->settings.keepalive_s, &remote);

        if (fd >= 0) {
            self->settings.on_accept(self->settings.context, fd, &remote, self->settings.listener);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_of_one(errno)) {
            rest(self, errno);
            return;
        }
    }
}

struct acceptor *acceptor_new(struct loop *loop, struct log *log,
                              const struct acceptor_settings *settings)
{
    int fd = tcp_socket_listen(&settings->bind, log);
    struct acceptor *self;

    if (fd < 0)
        return NULL;
    self = calloc(1, sizeof(*self));
    must(self != NULL);
    self->settings = *settings;
    self->loop = loop;
    self->log = log;
    self->fd = fd;
    self->io = loop_io_new(loop, fd, LOOP_READ, on_io, self);
    return self;
}

void acceptor_free(struct acceptor *self)
{
    if (self == NULL)
        return;
    timer_stop(loop_timers(self->loop), &self->pause);
    loop_io_free(self->io);
    close(self->fd);
    free(self);
}

struct endpoint acceptor_local(const struct acceptor *self)
{
    return tcp_socket_local(self->fd);
}
