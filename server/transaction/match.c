/* match.c - the parts of a key, hashed; nothing of them is kept. */
#include "server/transaction/match.h"

#include "server/base/crypto.h"

enum { PARTS_BYTES = 512 };

/* Gathers parts; when they are too many, what came before is replaced by its own hash. */
struct gathering {
    const struct match_secret *secret;
    size_t len;
    char octets[PARTS_BYTES];
};

static struct match_key hash_of(const struct gathering *self)
{
    struct span octets = {self->octets, self->len};

    return (struct match_key){
        {hash64(self->secret->keys[0], octets), hash64(self->secret->keys[1], octets)}};
}

static void gather_octets(struct gathering *self, struct span octets)
{
    while (octets.len > 0) {
        size_t room = sizeof(self->octets) - self->len;
        size_t len = octets.len < room ? octets.len : room;

        if (room == 0) {
            struct match_key so_far = hash_of(self);

            memcpy(self->octets, &so_far, sizeof(so_far));
            self->len = sizeof(so_far);
            continue;
        }
        memcpy(self->octets + self->len, octets.at, len);
        self->len += len;
        octets = span_skip(octets, len);
    }
}

/* With its length, so that "ab" "c" is not "a" "bc". */
static void gather(struct gathering *self, struct span part)
{
    gather_octets(self, (struct span){(const char *)&part.len, sizeof(part.len)});
    gather_octets(self, part);
}

static void gather_number(struct gathering *self, uint64_t number)
{
    gather_octets(self, (struct span){(const char *)&number, sizeof(number)});
}

/*
 * The fallback of section 17.2.3. The To tag is left out for INVITE, since its ACK bears the tag of
 * the answer; the CSeq number tells a re-INVITE from the first.
 */
static void gather_rfc2543(struct gathering *self, const struct sip_message *message,
                           enum sip_method method)
{
    gather(self, message->request_uri);
    gather(self, message->from.tag);
    gather(self, message->call_id);
    gather_number(self, message->cseq.number);
    gather(self, message->via.text);
    if (method != SIP_INVITE)
        gather(self, message->to.tag);
}

struct match_key match_key_of(const struct match_secret *secret, const struct sip_message *message,
                              enum sip_method method)
{
    struct gathering parts = {.secret = secret, .len = 0};

    if (method == SIP_ACK)
        method = SIP_INVITE;
    gather_number(&parts, method);
    if (method == SIP_METHOD_OTHER)
        gather(&parts, message->cseq.method_name);
    if (sip_via_has_cookie(&message->via)) {
        /* Octet by octet: a repeated request is the same datagram again. */
        gather_number(&parts, message->via.port);
        gather(&parts, message->via.host);
        gather(&parts, message->via.branch);
    } else {
        gather_rfc2543(&parts, message, method);
    }
    return hash_of(&parts);
}
