/* udp_socket.c - socket options, and why each is set. */
#include "server/transport/udp_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>
#include <unistd.h>

socklen_t socket_address_of(const struct endpoint *endpoint, union socket_address *out)
{
    memset(out, 0, sizeof(*out));
    if (endpoint->family == ENDPOINT_IPV6) {
        out->ipv6.sin6_family = AF_INET6;
        out->ipv6.sin6_port = htons(endpoint->port);
        memcpy(&out->ipv6.sin6_addr, endpoint->address, 16);
        return sizeof(out->ipv6);
    }
    out->ipv4.sin_family = AF_INET;
    out->ipv4.sin_port = htons(endpoint->port);
    memcpy(&out->ipv4.sin_addr, endpoint->address, 4);
    return sizeof(out->ipv4);
}

void socket_address_endpoint(const union socket_address *address, struct endpoint *out)
{
    memset(out, 0, sizeof(*out));
    out->protocol = TRANSPORT_UDP;
    if (address->any.sa_family == AF_INET6) {
        out->family = ENDPOINT_IPV6;
        out->port = ntohs(address->ipv6.sin6_port);
        memcpy(out->address, &address->ipv6.sin6_addr, 16);
    } else if (address->any.sa_family == AF_INET) {
        out->family = ENDPOINT_IPV4;
        out->port = ntohs(address->ipv4.sin_port);
        memcpy(out->address, &address->ipv4.sin_addr, 4);
    }
}

struct buffer_option {
    int force; /* beyond the system's limit, for those who may (CAP_NET_ADMIN) */
    int plain;
    const char *name;
    const char *sysctl;
};

static const struct buffer_option receive_option = {SO_RCVBUFFORCE, SO_RCVBUF, "receive",
                                                    "net.core.rmem_max"};
static const struct buffer_option send_option = {SO_SNDBUFFORCE, SO_SNDBUF, "send",
                                                 "net.core.wmem_max"};

/* The kernel says nothing when it gives less, and datagrams are then lost in every burst. */
static void set_buffer(int fd, const struct buffer_option *option, size_t bytes, struct log *log)
{
    int ask = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    int given = 0;
    socklen_t len = sizeof(given);

    if (setsockopt(fd, SOL_SOCKET, option->force, &ask, sizeof(ask)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, option->plain, &ask, sizeof(ask));
    (void)getsockopt(fd, SOL_SOCKET, option->plain, &given, &len);
    given /= 2; /* the kernel doubles it for its own needs, and tells the double */
    if (given < ask)
        log_line(log, LOG_WARNING, "socket-buffer",
                 "kind=%s asked_bytes=%d given_bytes=%d raise=%s", option->name, ask, given,
                 option->sysctl);
}

/* Without it ICMP errors on an unconnected socket are lost, or blamed on the next datagram. */
static bool ask_for_errors(int fd, uint8_t family)
{
    int on = 1;

    if (family == ENDPOINT_IPV6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) == 0;
    return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0;
}

/* IPv4 has its own listener and must not show up as ::ffff:192.0.2.1 on this one. */
static bool keep_to_family(int fd, uint8_t family)
{
    int on = 1;

    return family != ENDPOINT_IPV6 ||
           setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
}

int udp_socket_open(const struct endpoint *bind_to, const struct udp_buffers *ask, struct log *log)
{
    union socket_address address;
    socklen_t len = socket_address_of(bind_to, &address);
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && keep_to_family(fd, bind_to->family) && ask_for_errors(fd, bind_to->family) &&
        bind(fd, &address.any, len) == 0) {
        set_buffer(fd, &receive_option, ask->receive_bytes, log);
        set_buffer(fd, &send_option, ask->send_bytes, log);
        return fd;
    }
    log_line(log, LOG_ERROR, "listen", "protocol=UDP port=%u error=\"%s\"", bind_to->port,
             strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* RFC 3261 section 18.4: unreachable and bad parameters are told; time exceeded is not. */
static bool is_final(const struct sock_extended_err *error)
{
    if (error->ee_origin == SO_EE_ORIGIN_ICMP)
        return (error->ee_type == ICMP_DEST_UNREACH && error->ee_code != ICMP_FRAG_NEEDED) ||
               error->ee_type == ICMP_PARAMETERPROB;
    if (error->ee_origin == SO_EE_ORIGIN_ICMP6)
        return error->ee_type == ICMP6_DST_UNREACH || error->ee_type == ICMP6_PARAM_PROB;
    return false; /* local ones are also the result of the send itself */
}

bool udp_socket_error(int fd, struct udp_error *out)
{
    union socket_address to = {0};
    union {
        char octets[512];
        struct cmsghdr align;
    } control;
    struct iovec octets = {out->octets, sizeof(out->octets)};
    struct msghdr message = {
        .msg_name = &to,
        .msg_namelen = sizeof(to),
        .msg_iov = &octets,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t len = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);

    if (len < 0)
        return false;
    socket_address_endpoint(&to, &out->to);
    out->len = (size_t)len;
    out->final = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        struct sock_extended_err error;

        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
            memcpy(&error, CMSG_DATA(c), sizeof(error));
            out->final = out->final || is_final(&error);
        }
    }
    return true;
}
