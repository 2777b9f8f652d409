/* tcp_socket.c - socket options, and why each is set. */
#include "server/transport/tcp_socket.h"

#include "server/base/clock.h"
#include "server/transport/udp_socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, KEEPALIVE_PROBES = 3, KEEPALIVE_PROBE_S = 15 };

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

static int close_keeping_errno(int fd)
{
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

/*
 * None of these is worth refusing a connection for. Messages leave gathered already, so Nagle's
 * waiting would only delay them. A peer that vanished without a word (a NAT that forgot) is
 * noticed by probes while idle. TCP_USER_TIMEOUT is not set, though it would see to what is not
 * acknowledged: with it one lost probe ends the connection, however many are asked for.
 */
static void set_up(int fd, unsigned keepalive_s)
{
    (void)set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (keepalive_s > 0) {
        (void)set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        (void)set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)keepalive_s);
        (void)set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PROBE_S);
        (void)set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
}

static struct endpoint endpoint_of(const union socket_address *address)
{
    struct endpoint endpoint;

    socket_address_endpoint(address, &endpoint);
    endpoint.protocol = TRANSPORT_TCP;
    return endpoint;
}

struct endpoint tcp_socket_local(int fd)
{
    union socket_address address = {0};
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) != 0)
        return (struct endpoint){0};
    return endpoint_of(&address);
}

int tcp_socket_listen(const struct endpoint *bind_to, struct log *log)
{
    union socket_address address;
    socklen_t len = socket_address_of(bind_to, &address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /*
     * SO_REUSEADDR: connections of the process before may linger in TIME_WAIT on this port. IPv4
     * has its own listener and must not show up as ::ffff:192.0.2.1 on this one.
     */
    if (fd >= 0 && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
        (bind_to->family != ENDPOINT_IPV6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(fd, &address.any, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    log_line(log, LOG_ERROR, "listen", "protocol=TCP port=%u error=\"%s\"", bind_to->port,
             strerror(errno));
    return close_keeping_errno(fd);
}

int tcp_socket_accept(int fd, unsigned keepalive_s, struct endpoint *from)
{
    union socket_address address = {0};
    socklen_t len = sizeof(address);
    int accepted = accept4(fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (accepted < 0)
        return -1;
    set_up(accepted, keepalive_s);
    *from = endpoint_of(&address);
    return accepted;
}

int tcp_socket_connect(const struct endpoint *from, const struct endpoint *to, unsigned keepalive_s)
{
    struct endpoint any_port = *from;
    union socket_address local, remote;
    socklen_t len = socket_address_of(to, &remote);
    int fd = socket(remote.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    set_up(fd, keepalive_s);
    any_port.port = 0;
    (void)socket_address_of(&any_port, &local);
    /* The port is then chosen by connect(), which knows how many peers one port can serve. */
    (void)set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, &local.any, len) != 0 ||
        (connect(fd, &remote.any, len) != 0 && errno != EINPROGRESS))
        return close_keeping_errno(fd);
    return fd;
}

struct tcp_socket_debt tcp_socket_debt(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int octets = 0;

    if (ioctl(fd, SIOCOUTQ, &octets) != 0 || octets <= 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return (struct tcp_socket_debt){0};
    return (struct tcp_socket_debt){(size_t)octets, (int64_t)info.tcpi_last_ack_recv * US_PER_MS};
}

int tcp_socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}
