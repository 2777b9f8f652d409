/* peer.h - a SIP user agent on a real socket, UDP or TCP, for end-to-end tests. */
#ifndef SUPPORT_PEER_H
#define SUPPORT_PEER_H

#include "server/sip/message.h"

#include <netinet/in.h>

enum { PEER_INBOX = 64, PEER_BYTES = 8192, PEER_TEXT = 256 };

/** One request to compose; what is NULL has the default that is said. */
struct ask {
    const char *method;
    const char *uri;
    const char *to;      /* value of To; <uri> */
    const char *from;    /* URI of From; the peer's own */
    const char *headers; /* whole lines, each with CRLF; none */
    const char *body;    /* none */
    bool repeat;         /* the CSeq of the request before, in another transaction */
    bool same;           /* and its branch too: a CANCEL, the ACK to a refusal, a retransmission */
    bool bare;           /* no credentials, and a 401 or 407 is the answer */
};

struct peer_datagram {
    size_t len;
    char bytes[PEER_BYTES];
};

/** Everything lies in it, so that a test that fails leaks nothing; zero it before peer_start(). */
struct peer {
    int fd;
    bool tcp; /* PEER_TRANSPORT=tcp in the environment: one connection to the server */
    int port;
    struct sockaddr_in server;
    char aor[PEER_TEXT]; /* "sip:user@domain" */
    char user[PEER_TEXT];
    char password[PEER_TEXT];
    char call_id[PEER_TEXT];
    char from_tag[PEER_TEXT];
    unsigned cseq;
    unsigned branches;
    bool is_proxy;         /* whether the last challenge was a proxy's, */
    char realm[PEER_TEXT]; /* and what it said */
    char nonce[PEER_TEXT];
    char algorithm[PEER_TEXT];
    unsigned nc;
    bool qop;               /* credentials with qop; true after peer_start() */
    const char *digest_uri; /* instead of the Request-URI */
    const char *via_host;   /* 127.0.0.1 */
    int notify_status;      /* with which NOTIFYs are answered when they are taken; 0: not */
    size_t waiting;
    struct peer_datagram inbox[PEER_INBOX];
    struct peer_datagram rest; /* of the stream: what is no whole message yet */
    struct peer_datagram taken;
    struct sip_message message; /* of `taken`: the last that was expected */
};

/** Binds a free port of 127.0.0.1, or connects from it; the server is 127.0.0.1:`server_port`. */
void peer_start(struct peer *self, int server_port, const char *user, const char *domain,
                const char *password);
void peer_stop(struct peer *self);

/** Over TCP: closes its connection and makes another; what had not been read is lost. */
void peer_hang_up(struct peer *self);
void peer_reconnect(struct peer *self);

/** Begins another Call-ID with another From tag and CSeq 0. */
void peer_new_call(struct peer *self);

/** Sends octets as they are. */
void peer_send(struct peer *self, const char *text);

/** Sends one request; peer_expect_response() takes its answer. */
void peer_send_request(struct peer *self, const struct ask *ask);

/** Sends, answers one challenge, and returns the status of the first response but 100; 0 when none
 * came within 3 s. The refusal of an INVITE gets its ACK. */
int peer_ask(struct peer *self, const struct ask *ask);

/** The next response, or the next request of a method: false when none comes in time. It is
 * then `message`. A NOTIFY is answered with `notify_status`. */
bool peer_expect_response(struct peer *self, int within_ms);
bool peer_expect_request(struct peer *self, enum sip_method method, int within_ms);

/** Answers the request that is `message`, with its Record-Route and a To tag of our own. */
void peer_answer(struct peer *self, int status, const char *headers);

/** The same for a request that was copied before; `body` may be NULL. */
void peer_answer_to(struct peer *self, const struct peer_datagram *request, int status,
                    const char *headers, const char *body);

/** A header field's value of `message`, terminated; "" when there is none. Good until the next. */
const char *peer_header(struct peer *self, enum sip_header_id id);

/** Whether a header of that id has the text, and whether the body of `message` has it. */
bool peer_header_has(struct peer *self, enum sip_header_id id, const char *text);
bool peer_body_has(const struct peer *self, const char *text);

#endif
