/* peer.c - composes by hand, so that the server's own composing is not what proves it right. */
#include "tests/support/peer.h"

#include "server/base/must.h"
#include "server/sip/digest.h"
#include "server/sip/parse.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 3000 };

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void put_random(char *out, size_t size, const char *prefix)
{
    unsigned long long number;

    must(getrandom(&number, sizeof(number), 0) == sizeof(number));
    snprintf(out, size, "%s%016llx", prefix, number);
}

static void open_socket(struct peer *self)
{
    socklen_t length = sizeof(struct sockaddr_in);
    struct sockaddr_in own = {.sin_family = AF_INET};

    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->fd = socket(AF_INET, (self->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    must(self->fd >= 0 && bind(self->fd, (struct sockaddr *)&own, length) == 0);
    must(!self->tcp || connect(self->fd, (struct sockaddr *)&self->server, length) == 0);
    must(getsockname(self->fd, (struct sockaddr *)&own, &length) == 0);
    self->port = ntohs(own.sin_port);
}

void peer_start(struct peer *self, int server_port, const char *user, const char *domain,
                const char *password)
{
    self->server = (struct sockaddr_in){.sin_family = AF_INET};
    self->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->server.sin_port = htons((uint16_t)server_port);
    self->tcp = getenv("PEER_TRANSPORT") != NULL && strcmp(getenv("PEER_TRANSPORT"), "tcp") == 0;
    open_socket(self);
    snprintf(self->aor, sizeof(self->aor), "sip:%s@%s", user, domain);
    snprintf(self->user, sizeof(self->user), "%s", user);
    snprintf(self->password, sizeof(self->password), "%s", password);
    self->qop = true;
    self->via_host = "127.0.0.1";
    self->notify_status = 200;
    peer_new_call(self);
}

void peer_stop(struct peer *self)
{
    if (self->port != 0)
        close(self->fd);
    self->port = 0;
}

void peer_hang_up(struct peer *self)
{
    close(self->fd);
    self->rest.len = 0;
    self->port = 0;
}

void peer_reconnect(struct peer *self)
{
    open_socket(self);
}

void peer_new_call(struct peer *self)
{
    put_random(self->call_id, sizeof(self->call_id), "call-");
    put_random(self->from_tag, sizeof(self->from_tag), "tag-");
    self->cseq = 0;
}

/* ---- sending ---- */

static void send_octets(struct peer *self, const char *at, size_t len)
{
    if (self->tcp) {
        must(send(self->fd, at, len, MSG_NOSIGNAL) == (ssize_t)len);
        return;
    }
    must(sendto(self->fd, at, len, 0, (struct sockaddr *)&self->server, sizeof(self->server)) ==
         (ssize_t)len);
}

void peer_send(struct peer *self, const char *text)
{
    send_octets(self, text, strlen(text));
}

static void put_credentials(struct peer *self, FILE *out, const struct ask *ask)
{
    const char *uri = self->digest_uri != NULL ? self->digest_uri : ask->uri;
    enum digest_algorithm algorithm = DIGEST_MD5;
    char ha1[DIGEST_HEX_MAX];
    char response[DIGEST_HEX_MAX];
    char nc[16];
    struct sip_digest_input input = {.qop = self->qop ? SIP_QOP_AUTH : SIP_QOP_NONE};

    must(sip_algorithm_of(span_of(self->algorithm), &algorithm));
    snprintf(nc, sizeof(nc), "%08x", ++self->nc);
    input.algorithm = algorithm;
    input.ha1_hex =
        (struct span){ha1, sip_digest_ha1(algorithm, span_of(self->user), span_of(self->realm),
                                          span_of(self->password), ha1)};
    input.nonce = span_of(self->nonce);
    input.nc = span_of(nc);
    input.cnonce = SPAN("0a4f113b");
    input.method = span_of(ask->method);
    input.uri = span_of(uri);
    fprintf(out,
            "%s: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
            "algorithm=%s, response=\"%.*s\"",
            self->is_proxy ? "Proxy-Authorization" : "Authorization", self->user, self->realm,
            self->nonce, uri, self->algorithm, (int)sip_digest_response(&input, response),
            response);
    if (self->qop)
        fprintf(out, ", qop=auth, nc=%s, cnonce=\"0a4f113b\"", nc);
    fputs("\r\n", out);
}

void peer_send_request(struct peer *self, const struct ask *ask)
{
    static char octets[70000]; /* the server's limits are to be passed */
    const char *body = ask->body != NULL ? ask->body : "";
    FILE *out = fmemopen(octets, sizeof(octets), "w");
    long length;

    must(out != NULL);
    self->cseq += !ask->repeat && !ask->same;
    self->branches += !ask->same;
    fprintf(out, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s:%d;branch=z9hG4bK%s.%u;rport\r\n",
            ask->method, ask->uri, self->tcp ? "TCP" : "UDP", self->via_host, self->port,
            self->call_id, self->branches);
    fprintf(out, "Max-Forwards: 70\r\nFrom: <%s>;tag=%s\r\n",
            ask->from != NULL ? ask->from : self->aor, self->from_tag);
    if (ask->to != NULL)
        fprintf(out, "To: %s\r\n", ask->to);
    else
        fprintf(out, "To: <%s>\r\n", ask->uri);
    fprintf(out, "Call-ID: %s\r\nCSeq: %u %s\r\n", self->call_id, self->cseq, ask->method);
    if (!ask->bare && self->nonce[0] != '\0')
        put_credentials(self, out, ask);
    fprintf(out, "%sContent-Length: %zu\r\n\r\n%s", ask->headers != NULL ? ask->headers : "",
            strlen(body), body);
    length = ftell(out);
    fclose(out);
    send_octets(self, octets, (size_t)length);
}

/* The value of `name="..."` or `name=token` in a challenge. */
static void copy_parameter(const char *value, const char *name, char *out, size_t size)
{
    const char *at = strstr(value, name);

    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(name);
    if (*at == '"')
        at++;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\",\r"), at);
}

static void take_challenge(struct peer *self)
{
    char value[1024];

    self->is_proxy = self->message.status == 407;
    snprintf(value, sizeof(value), "%s",
             peer_header(self, self->is_proxy ? SIP_PROXY_AUTHENTICATE : SIP_WWW_AUTHENTICATE));
    copy_parameter(value, "realm=", self->realm, sizeof(self->realm));
    copy_parameter(value, "nonce=", self->nonce, sizeof(self->nonce));
    copy_parameter(value, "algorithm=", self->algorithm, sizeof(self->algorithm));
    if (self->algorithm[0] == '\0')
        snprintf(self->algorithm, sizeof(self->algorithm), "MD5");
    self->nc = 0;
}

/* A refusal is repeated until it has its ACK (RFC 3261 section 17.1.1.3). */
static void acknowledge_refusal(struct peer *self, const struct ask *ask)
{
    char to[PEER_TEXT];
    const struct ask ack = {
        .method = "ACK", .uri = ask->uri, .to = to, .from = ask->from, .same = true, .bare = true};

    if (strcmp(ask->method, "INVITE") != 0 || self->message.status < 300)
        return;
    snprintf(to, sizeof(to), "%s", peer_header(self, SIP_TO));
    peer_send_request(self, &ack);
}

static int ask_once(struct peer *self, const struct ask *ask)
{
    peer_send_request(self, ask);
    do {
        if (!peer_expect_response(self, ANSWER_MS))
            return 0;
    } while (self->message.status == 100);
    acknowledge_refusal(self, ask);
    return self->message.status;
}

int peer_ask(struct peer *self, const struct ask *ask)
{
    const int status = ask_once(self, ask);

    if ((status != 401 && status != 407) || ask->bare)
        return status;
    take_challenge(self);
    return ask_once(self, ask);
}

/* ---- receiving ---- */

/* Moves the whole messages that `rest` begins with to the inbox. */
static void cut(struct peer *self)
{
    struct peer_datagram *rest = &self->rest;
    size_t done = 0;

    while (done < rest->len) {
        struct sip_frame frame = {0};
        struct sip_fault fault;
        struct peer_datagram *slot = &self->inbox[self->waiting];

        if (sip_frame_stream((struct span){rest->bytes + done, rest->len - done},
                             &sip_limits_default, &frame, &fault) != SIP_PARSED)
            break;
        must(self->waiting < PEER_INBOX);
        slot->len = frame.message_bytes;
        memcpy(slot->bytes, rest->bytes + done + frame.skip_bytes, slot->len);
        self->waiting++;
        done += frame.skip_bytes + frame.message_bytes;
    }
    rest->len -= done;
    memmove(rest->bytes, rest->bytes + done, rest->len);
}

static bool receive_stream(struct peer *self)
{
    struct peer_datagram *rest = &self->rest;
    ssize_t len = recv(self->fd, rest->bytes + rest->len, sizeof(rest->bytes) - rest->len, 0);

    if (len <= 0)
        return false;
    rest->len += (size_t)len;
    cut(self);
    return true;
}

/* Waits for octets; false when none come. */
static bool receive(struct peer *self, int64_t until_ms)
{
    struct pollfd wait = {.fd = self->fd, .events = POLLIN};
    int64_t left_ms = until_ms - now_ms();
    struct peer_datagram *slot = &self->inbox[self->waiting];
    ssize_t len;

    if (poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0) <= 0)
        return false;
    if (self->tcp)
        return receive_stream(self);
    must(self->waiting < PEER_INBOX);
    len = recv(self->fd, slot->bytes, sizeof(slot->bytes), 0);
    if (len <= 0)
        return left_ms > 0;
    slot->len = (size_t)len;
    self->waiting++;
    return true;
}

static bool take_out(struct peer *self, size_t at)
{
    self->waiting--;
    for (size_t i = at; i < self->waiting; i++)
        self->inbox[i] = self->inbox[i + 1];
    return true;
}

/* Takes the first of the inbox from `from` on that is wanted. */
static bool take(struct peer *self, size_t *from, bool request, enum sip_method method)
{
    struct sip_fault fault;

    for (; *from < self->waiting; ++*from) {
        self->taken = self->inbox[*from];
        if (sip_parse_datagram((struct span){self->taken.bytes, self->taken.len},
                               &sip_limits_default, &self->message, &fault) != SIP_PARSED) {
            if (!self->message.request && self->message.status != 0 && !request)
                return take_out(self, *from); /* the answer to what lacked a header field */
            fprintf(stderr, "malformed: %s\n%.*s\n", fault.phrase, (int)self->taken.len,
                    self->taken.bytes);
            continue;
        }
        if (self->message.request != request || (request && self->message.method != method))
            continue;
        return take_out(self, *from);
    }
    return false;
}

static bool expect(struct peer *self, bool request, enum sip_method method, int within_ms)
{
    int64_t until_ms = now_ms() + within_ms;
    size_t from = 0;

    while (!take(self, &from, request, method))
        if (!receive(self, until_ms))
            return false;
    return true;
}

bool peer_expect_response(struct peer *self, int within_ms)
{
    return expect(self, false, SIP_METHOD_OTHER, within_ms);
}

bool peer_expect_request(struct peer *self, enum sip_method method, int within_ms)
{
    if (!expect(self, true, method, within_ms))
        return false;
    if (method == SIP_NOTIFY && self->notify_status != 0)
        peer_answer(self, self->notify_status, "");
    return true;
}

static bool goes_back(enum sip_header_id id)
{
    return id == SIP_VIA || id == SIP_FROM || id == SIP_TO || id == SIP_CALL_ID || id == SIP_CSEQ ||
           id == SIP_RECORD_ROUTE;
}

void peer_answer_to(struct peer *self, const struct peer_datagram *request, int status,
                    const char *headers, const char *body)
{
    static struct sip_message message;
    char octets[PEER_BYTES];
    FILE *out = fmemopen(octets, sizeof(octets), "w");
    struct sip_fault fault;
    long length;

    must(out != NULL && sip_parse_datagram((struct span){request->bytes, request->len},
                                           &sip_limits_default, &message, &fault) == SIP_PARSED);
    fprintf(out, "SIP/2.0 %d Answer\r\n", status);
    for (size_t i = 0; i < message.header_count; i++) {
        const struct sip_header *header = &message.headers[i];

        if (!goes_back(header->id))
            continue;
        fprintf(out, SPAN_FMT ": " SPAN_FMT, SPAN_ARG(header->name), SPAN_ARG(header->value));
        if (header->id == SIP_TO && span_empty(message.to.tag))
            fprintf(out, ";tag=%s", self->from_tag);
        fputs("\r\n", out);
    }
    fprintf(out, "%sContent-Length: %zu\r\n\r\n%s", headers, body != NULL ? strlen(body) : 0,
            body != NULL ? body : "");
    length = ftell(out);
    fclose(out);
    send_octets(self, octets, (size_t)length);
}

void peer_answer(struct peer *self, int status, const char *headers)
{
    peer_answer_to(self, &self->taken, status, headers, NULL);
}

/* ---- reading ---- */

const char *peer_header(struct peer *self, enum sip_header_id id)
{
    static char text[4096];

    snprintf(text, sizeof(text), SPAN_FMT, SPAN_ARG(sip_header_value(&self->message, id)));
    return text;
}

bool peer_header_has(struct peer *self, enum sip_header_id id, const char *text)
{
    const struct sip_header *header = sip_header_first(&self->message, id);

    for (; header != NULL; header = sip_header_next(&self->message, header))
        if (memmem(header->value.at, header->value.len, text, strlen(text)) != NULL)
            return true;
    return false;
}

bool peer_body_has(const struct peer *self, const char *text)
{
    return self->message.body.len > 0 &&
           memmem(self->message.body.at, self->message.body.len, text, strlen(text)) != NULL;
}
