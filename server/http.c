/* http.c - we listen and accept, so that limits and errors are ours; libwebsockets does the rest.
 */
#include "server/http.h"

#include "server/base/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 4 << 20, REASON_BYTES_MAX = 256, HEAD_BYTES_MAX = 1024, BACKLOG = 64 };
enum { PIECE_BYTES = 64 << 10 }; /* of a long body, sent in one turn */

struct http {
    struct log *log;
    struct http_options options;
    struct lws_context *lws;
    struct lws_vhost *vhost;
    struct loop_io *io;
    int fd;
    uint16_t port;
    uint32_t connections;
    struct lws_protocols protocols[2];
};

/* What one connection is being sent; libwebsockets allots it zeroed. */
struct exchange {
    struct buffer body; /* behind LWS_PRE octets that libwebsockets may overwrite */
    bool composed;
};

/* ---- answers ---- */

/* Fills `body`; the status code. */
static unsigned int compose(const struct http *self, const char *path, struct buffer *body)
{
    char reason[REASON_BYTES_MAX];
    struct buffer why;

    if (strcmp(path, "/healthz") == 0) {
        buffer_put(body, SPAN("ok\n"));
        return HTTP_STATUS_OK;
    }
    if (strcmp(path, "/metrics") == 0) {
        self->options.on_metrics(self->options.context, body);
        return HTTP_STATUS_OK;
    }
    if (strcmp(path, "/readyz") != 0) {
        buffer_put(body, SPAN("not found\n"));
        return HTTP_STATUS_NOT_FOUND;
    }
    buffer_init_fixed(&why, reason, sizeof(reason));
    if (self->options.on_ready(self->options.context, &why)) {
        buffer_put(body, SPAN("ready\n"));
        return HTTP_STATUS_OK;
    }
    buffer_put(body, buffer_span(&why));
    buffer_put_char(body, '\n');
    return HTTP_STATUS_SERVICE_UNAVAILABLE;
}

/* The head; false when the connection is to be closed. */
static bool send_head(struct lws *wsi, unsigned int status, size_t body_bytes)
{
    static const char allow[] = "GET, HEAD";
    unsigned char head[LWS_PRE + HEAD_BYTES_MAX];
    unsigned char *start = head + LWS_PRE, *at = start, *end = head + sizeof(head) - 1;

    if (lws_add_http_common_headers(wsi, status, "text/plain; version=0.0.4; charset=utf-8",
                                    body_bytes, &at, end) != 0)
        return false;
    if (status == HTTP_STATUS_METHOD_NOT_ALLOWED &&
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_ALLOW, (const unsigned char *)allow,
                                     (int)strlen(allow), &at, end) != 0)
        return false;
    return lws_finalize_write_http_header(wsi, start, &at, end) == 0;
}

static void begin_body(struct exchange *exchange)
{
    static const char room[LWS_PRE];

    buffer_deinit(&exchange->body);
    buffer_init(&exchange->body, BODY_BYTES_MAX);
    buffer_put(&exchange->body, (struct span){room, sizeof(room)});
    exchange->composed = true;
}

/* libwebsockets wants 0 to go on, -1 to close. */
static int on_request(const struct http *self, struct lws *wsi, struct exchange *exchange,
                      const char *path)
{
    bool get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
    bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    unsigned int status = HTTP_STATUS_METHOD_NOT_ALLOWED;

    begin_body(exchange);
    if (get || head)
        status = compose(self, path, &exchange->body);
    else
        buffer_put(&exchange->body, SPAN("method not allowed\n"));
    if (exchange->body.overflowed) {
        begin_body(exchange);
        status = HTTP_STATUS_INTERNAL_SERVER_ERROR;
    }
    if (!send_head(wsi, status, exchange->body.len - LWS_PRE))
        return -1;
    if (head)
        buffer_cut(&exchange->body, LWS_PRE);
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_writable(struct lws *wsi, struct exchange *exchange)
{
    size_t len;
    int sent = 0;

    if (!exchange->composed)
        return 0;
    len = exchange->body.len - LWS_PRE;
    if (len > 0) /* what the socket does not take, libwebsockets keeps and sends */
        sent =
            lws_write(wsi, (unsigned char *)exchange->body.at + LWS_PRE, len, LWS_WRITE_HTTP_FINAL);
    buffer_deinit(&exchange->body);
    exchange->composed = false;
    if (sent < 0 || lws_http_transaction_completed(wsi) != 0)
        return -1;
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct http *self = lws_context_user(lws_get_context(wsi));

    (void)len;
    switch ((int)reason) { /* only some of some hundred */
    case LWS_CALLBACK_HTTP:
        return on_request(self, wsi, user, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_writable(wsi, user);
    case LWS_CALLBACK_CLOSED_HTTP:
        if (user != NULL)
            buffer_deinit(&((struct exchange *)user)->body);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        self->connections--;
        return 0;
    default:
        return 0;
    }
}

/* ---- listening ---- */

static void on_connection(void *context, int events)
{
    struct http *self = context;
    int fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    if (self->connections >= self->options.connections_max) {
        close(fd);
        return;
    }
    self->connections++;
    if (lws_adopt_socket_vhost(self->vhost, fd) == NULL)
        self->connections--; /* it has closed the descriptor */
}

static socklen_t socket_address(const struct http_options *options, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, options->address, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(options->port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, options->address, &in6->sin6_addr) != 1)
        return 0;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(options->port);
    return sizeof(*in6);
}

static bool listen_on(struct http *self)
{
    struct sockaddr_storage address;
    socklen_t len = socket_address(&self->options, &address);
    int on = 1;

    if (len == 0) {
        errno = EINVAL;
        return false;
    }
    self->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->fd < 0)
        return false;
    setsockopt(self->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(self->fd, (struct sockaddr *)&address, len) != 0 || listen(self->fd, BACKLOG) != 0 ||
        getsockname(self->fd, (struct sockaddr *)&address, &len) != 0)
        return false;
    /* the port is at the same place for both families */
    self->port = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
    return true;
}

/* ---- the whole ---- */

static bool start_libwebsockets(struct http *self, struct loop *loop)
{
    struct lws_context_creation_info info;
    void *loops[1] = {loop_raw(loop)};

    lws_set_log_level(0, NULL); /* what matters is in our own log */
    self->protocols[0] = (struct lws_protocols){
        .name = "http", .callback = on_event, .per_session_data_size = sizeof(struct exchange)};
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.options = LWS_SERVER_OPTION_LIBEV;
    info.foreign_loops = loops;
    info.protocols = self->protocols;
    info.user = self;
    info.server_string = "presenced";
    info.fd_limit_per_thread = self->options.connections_max + 8;
    info.max_http_header_data2 = self->options.header_bytes_max;
    info.max_http_header_pool2 = self->options.connections_max;
    info.pt_serv_buf_size = PIECE_BYTES;
    info.timeout_secs = self->options.idle_s;
    info.timeout_secs_ah_idle = self->options.idle_s;
    info.keepalive_timeout = (int)self->options.idle_s;
    self->lws = lws_create_context(&info);
    if (self->lws == NULL)
        return false;
    self->vhost = lws_get_vhost_by_name(self->lws, "default");
    return self->vhost != NULL;
}

struct http *http_new(struct loop *loop, struct log *log, const struct http_options *options)
{
    struct http *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->log = log;
    self->options = *options;
    self->fd = -1;
    if (!listen_on(self)) {
        log_line(log, LOG_ERROR, "http", "address=%s port=%u error=\"%s\"", options->address,
                 options->port, strerror(errno));
        http_free(self);
        return NULL;
    }
    if (!start_libwebsockets(self, loop)) {
        log_line(log, LOG_ERROR, "http", "error=\"libwebsockets with libev does not start\"");
        http_free(self);
        return NULL;
    }
    self->io = loop_io_new(loop, self->fd, LOOP_READ, on_connection, self);
    log_line(log, LOG_INFO, "http", "address=%s port=%u", options->address, self->port);
    return self;
}

void http_free(struct http *self)
{
    if (self == NULL)
        return;
    loop_io_free(self->io);
    if (self->fd >= 0)
        close(self->fd);
    if (self->lws != NULL)
        lws_context_destroy(self->lws);
    free(self);
}

uint16_t http_port(const struct http *self)
{
    return self->port;
}
