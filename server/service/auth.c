/* auth.c - reads top to bottom: whom the credentials name, whether they prove it, whether that is
 * enough. */
#include "server/service/auth.h"

#include "server/base/must.h"
#include "server/service/lockout.h"
#include "server/service/nonce.h"
#include "server/sip/compose.h"
#include "server/sip/digest.h"
#include "server/sip/parameter.h"

#include <stdlib.h>

struct auth {
    struct state *state;
    struct nonces *nonces;
    struct lockout *lockout;
    uint64_t *proved;
    uint64_t *challenged;
    uint64_t *stale;
    uint64_t *wrong;
};

struct auth *auth_new(struct state *state, struct metrics *metrics,
                      const struct auth_options *options)
{
    struct auth *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->nonces = nonces_new(&state->node.nonce_key, &state->node.epoch, options->nonce_life_s,
                              options->nonces_max, options->nonce_window);
    self->lockout = lockout_new(options->failures_max, options->lockout_s, options->nonces_max);
    self->proved = metric_counter(metrics, "digest_total", "outcome=\"proved\"",
                                  "Digest credentials judged, and challenges without any");
    self->challenged = metric_counter(metrics, "digest_total", "outcome=\"challenged\"", "");
    self->stale = metric_counter(metrics, "digest_total", "outcome=\"stale\"", "");
    self->wrong = metric_counter(metrics, "digest_total", "outcome=\"wrong\"", "");
    return self;
}

void auth_free(struct auth *self)
{
    if (self == NULL)
        return;
    nonces_free(self->nonces);
    lockout_free(self->lockout);
    free(self);
}

/* The two roles of RFC 3261 section 22: who serves a request asks as a server does (22.2), who
 * passes it on as a proxy (22.3). */
struct scheme {
    int status;
    struct span challenge;
    enum sip_header_id credentials;
    enum sip_header_id also; /* is looked into when `credentials` bears none for us; or the same */
    const char *malformed;
    int unknown_status; /* for who has no account, where nobody has to prove it */
    const char *unknown;
};

static const struct scheme act_scheme = {
    .status = 401,
    .challenge = {"WWW-Authenticate", sizeof("WWW-Authenticate") - 1},
    .credentials = SIP_AUTHORIZATION,
    .also = SIP_AUTHORIZATION,
    .malformed = "Malformed Authorization",
    .unknown_status = 404,
    .unknown = "No Such Account",
};

static const struct scheme forward_scheme = {
    .status = 407,
    .challenge = {"Proxy-Authenticate", sizeof("Proxy-Authenticate") - 1},
    .credentials = SIP_PROXY_AUTHORIZATION,
    .also = SIP_AUTHORIZATION,
    .malformed = "Malformed Proxy-Authorization",
    .unknown_status = 403,
    .unknown = "No Such Sender",
};

/* One request that is asked about. */
struct question {
    const struct scheme *scheme;
    struct request *request;
    const struct domain_row *domain;
    struct span aor; /* whom it acts for */
};

static struct instant now_of(const struct auth *self)
{
    return loop_now(self->state->node.loop);
}

/* ---- the challenge ---- */

static size_t algorithms_of(const struct account *account, const struct domain_row *domain,
                            enum digest_algorithm out[3])
{
    size_t count = account == NULL ? 0 : account_algorithms(account, out);

    if (count > 0)
        return count;
    for (size_t i = 0; i < domain->algorithm_count; i++)
        out[i] = (enum digest_algorithm)domain->algorithms[i];
    return domain->algorithm_count;
}

/* One challenge for each algorithm, the most wanted first (RFC 8760 section 2.4). */
static void challenge(struct auth *self, const struct question *question,
                      const struct account *account, bool stale)
{
    const struct domain_row *domain = question->domain;
    enum digest_algorithm algorithms[3];
    size_t count = algorithms_of(account, domain, algorithms);
    char text[NONCE_BYTES];
    struct sip_challenge made = {
        .realm = domain->name,
        .nonce = nonce_compose(self->nonces, domain->name, now_of(self), text),
        .qop_auth = true,
        .stale = stale,
    };
    struct buffer *out = request_compose(question->request, question->scheme->status,
                                         (struct span){0}, (struct span){0}, false);

    for (size_t i = 0; i < count; i++) {
        made.algorithm = algorithms[i];
        sip_challenge_compose(out, question->scheme->challenge, &made);
    }
    (*(stale ? self->stale : self->challenged))++;
    request_answer(question->request);
}

/* ---- the credentials ---- */

/*
 * The credentials for this realm: a request may carry several (RFC 3261 section 22.3). One that
 * cannot be read is a fault only when no other is ours.
 */
static enum status find_credentials_in(const struct sip_message *message, enum sip_header_id id,
                                       struct span realm, struct sip_credentials *out)
{
    const struct sip_header *header = sip_header_first(message, id);
    enum status status = STATUS_NOT_FOUND;

    for (; header != NULL; header = sip_header_next(message, header)) {
        if (sip_credentials_parse(header->value, out) != STATUS_OK)
            status = STATUS_MALFORMED;
        else if (out->is_digest && span_equal_nocase(out->realm, realm))
            return STATUS_OK;
    }
    return status;
}

/* What is malformed in the second place may be meant for the one that the request goes to. */
static enum status find_credentials(const struct question *question, struct sip_credentials *out)
{
    const struct scheme *scheme = question->scheme;
    const struct sip_message *message = request_message(question->request);
    const struct span realm = question->domain->name;
    const enum status status = find_credentials_in(message, scheme->credentials, realm, out);

    if (status == STATUS_NOT_FOUND && scheme->also != scheme->credentials &&
        find_credentials_in(message, scheme->also, realm, out) == STATUS_OK)
        return STATUS_OK;
    return status;
}

/* "alice" in realm example.org, or "alice@example.org". */
static const struct account *account_of(const struct auth *self, struct span username,
                                        const struct domain_row *domain)
{
    char octets[SIP_AOR_BYTES_MAX];
    struct buffer aor;

    buffer_init_fixed(&aor, octets, sizeof(octets));
    buffer_put(&aor, username);
    if (span_find(username, '@') == NULL) {
        buffer_put_char(&aor, '@');
        buffer_put(&aor, domain->name);
    }
    return aor.overflowed ? NULL : accounts_find(self->state->accounts, buffer_span(&aor));
}

/*
 * RFC 7616 section 3.4.6 lets the URI differ from the Request-URI, since proxies rewrite that;
 * clients of today write the address of the server or the domain there. What must not pass
 * are credentials made for another server: its host has to be ours.
 */
static bool is_for_us(const struct auth *self, const struct sip_message *message, struct span text)
{
    struct sip_uri uri;

    if (span_equal(text, message->request_uri))
        return true;
    if (sip_uri_parse(text, &uri) != STATUS_OK)
        return false;
    return span_equal_nocase(uri.host, message->uri.host) ||
           domains_find(self->state->domains, uri.host) != NULL;
}

static bool is_local_address(const struct auth *self, struct span text)
{
    struct sip_uri uri;

    return sip_uri_parse(text, &uri) == STATUS_OK &&
           transport_is_local(self->state->node.transport, uri.host);
}

static bool is_allowed(const struct account *account, const struct domain_row *domain,
                       const struct sip_credentials *credentials)
{
    enum digest_algorithm algorithms[3];
    size_t count = algorithms_of(account, domain, algorithms);

    for (size_t i = 0; credentials->algorithm_known && i < count; i++)
        if (algorithms[i] == credentials->algorithm)
            return credentials->qop == SIP_QOP_AUTH ||
                   (credentials->qop == SIP_QOP_NONE && domain->digest_without_qop);
    return false;
}

static bool proves(const struct account *account, const struct sip_credentials *credentials,
                   const struct sip_message *message)
{
    struct span ha1 = account_ha1(account, credentials->algorithm);

    return !span_empty(ha1) &&
           sip_credentials_prove(credentials, ha1, message->method_name, message->body);
}

/* ---- the verdict ---- */

static bool refuse(const struct question *question, int status, const char *phrase)
{
    request_refuse(question->request, status, phrase);
    return false;
}

/* A wrong password counts against its source; a nonce that is not ours may be an old client's. */
static bool disbelieve(struct auth *self, const struct question *question,
                       const struct sip_credentials *credentials, const struct account *account,
                       enum nonce_verdict nonce)
{
    (*self->wrong)++;
    if (nonce != NONCE_FOREIGN)
        lockout_count(self->lockout, credentials->username, request_flow(question->request),
                      now_of(self));
    challenge(self, question, account, false);
    return false;
}

/* Who asks has proved to be `account`. */
static bool is_entitled(struct auth *self, const struct question *question,
                        const struct account *account)
{
    (*self->proved)++;
    if (account_is_disabled(account))
        return refuse(question, 403, "Account Disabled");
    if (span_equal(account_aor(account), question->aor))
        return true;
    /* RFC 3903 section 6 step 1: what a PUBLISH is for may not be there; who knows may ask. */
    if (request_message(question->request)->method == SIP_PUBLISH &&
        accounts_find(self->state->accounts, question->aor) == NULL)
        return refuse(question, question->scheme->unknown_status, question->scheme->unknown);
    return refuse(question, 403, "Not Your Address Of Record");
}

static bool judge(struct auth *self, const struct question *question,
                  const struct sip_credentials *credentials)
{
    const struct domain_row *domain = question->domain;
    const struct sip_message *message = request_message(question->request);
    const struct account *account = account_of(self, credentials->username, domain);
    enum nonce_verdict nonce =
        nonce_check(self->nonces, domain->name, credentials->nonce, now_of(self));

    if (!is_for_us(self, message, credentials->uri) && !is_local_address(self, credentials->uri))
        return refuse(question, 400, "Digest URI Of Another Server");
    if (lockout_is_closed(self->lockout, credentials->username, request_flow(question->request),
                          now_of(self)))
        return refuse(question, 403, "Too Many Failed Attempts");
    if (account == NULL || !is_allowed(account, domain, credentials) || nonce == NONCE_FOREIGN ||
        !proves(account, credentials, message))
        return disbelieve(self, question, credentials, account, nonce);
    if (nonce == NONCE_STALE ||
        (credentials->qop == SIP_QOP_AUTH &&
         !nonce_use(self->nonces, credentials->nonce, credentials->nc, now_of(self)))) {
        challenge(self, question, account, true);
        return false;
    }
    return is_entitled(self, question, account);
}

static bool may_without_digest(const struct auth *self, const struct question *question)
{
    const struct account *account = accounts_find(self->state->accounts, question->aor);

    if (account == NULL)
        return refuse(question, question->scheme->unknown_status, question->scheme->unknown);
    if (account_is_disabled(account))
        return refuse(question, 403, "Account Disabled");
    return true;
}

/* A peer is believed on behalf of the domain that it is trusted with: a PBX publishes for its
 * lines. */
static bool is_from_peer(const struct auth *self, const struct question *question)
{
    return trusted_peers_find_for(self->state->trusted_peers,
                                  &request_flow(question->request)->remote,
                                  question->domain->name) != NULL;
}

static bool decide(struct auth *self, const struct question *question)
{
    struct sip_credentials credentials;

    if (question->domain->suspended)
        return refuse(question, 403, "Domain Suspended");
    if (!question->domain->authentication || is_from_peer(self, question))
        return may_without_digest(self, question);
    switch (find_credentials(question, &credentials)) {
    case STATUS_OK:
        return judge(self, question, &credentials);
    case STATUS_MALFORMED:
        return refuse(question, 400, question->scheme->malformed);
    case STATUS_NOT_FOUND:
    case STATUS_LIMIT:
    case STATUS_CONFLICT:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        break;
    }
    challenge(self, question, accounts_find(self->state->accounts, question->aor), false);
    return false;
}

bool auth_may_act(struct auth *self, struct request *request, const struct domain_row *domain,
                  struct span aor)
{
    return decide(self, &(struct question){&act_scheme, request, domain, aor});
}

bool auth_may_forward(struct auth *self, struct request *request, const struct domain_row *domain,
                      struct span aor)
{
    return decide(self, &(struct question){&forward_scheme, request, domain, aor});
}
