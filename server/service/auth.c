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
static void challenge(struct auth *self, struct request *request, const struct domain_row *domain,
                      const struct account *account, bool stale)
{
    enum digest_algorithm algorithms[3];
    size_t count = algorithms_of(account, domain, algorithms);
    char text[NONCE_BYTES];
    struct sip_challenge made = {
        .realm = domain->name,
        .nonce = nonce_compose(self->nonces, domain->name, now_of(self), text),
        .qop_auth = true,
        .stale = stale,
    };
    struct buffer *out = request_compose(request, 401, (struct span){0}, (struct span){0}, false);

    for (size_t i = 0; i < count; i++) {
        made.algorithm = algorithms[i];
        sip_challenge_compose(out, SPAN("WWW-Authenticate"), &made);
    }
    (*(stale ? self->stale : self->challenged))++;
    request_answer(request);
}

/* ---- the credentials ---- */

/* The Authorization for this realm: a request may carry several (RFC 3261 section 22.3). */
static enum status find_credentials(const struct sip_message *message, struct span realm,
                                    struct sip_credentials *out)
{
    const struct sip_header *header = sip_header_first(message, SIP_AUTHORIZATION);

    for (; header != NULL; header = sip_header_next(message, header)) {
        if (sip_credentials_parse(header->value, out) != STATUS_OK)
            return STATUS_MALFORMED;
        if (out->is_digest && span_equal_nocase(out->realm, realm))
            return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
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
    const struct transport *transport = self->state->node.transport;
    struct sip_uri uri;
    struct endpoint end = {0};

    if (sip_uri_parse(text, &uri) != STATUS_OK || endpoint_parse_host(uri.host, &end) != STATUS_OK)
        return false;
    for (uint16_t i = 0; i < transport_listener_count(transport); i++) {
        const struct endpoint local = transport_local(transport, i);

        if (endpoint_same_address(&local, &end))
            return true;
    }
    return false;
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

static bool judge(struct auth *self, struct request *request, const struct domain_row *domain,
                  struct span aor, const struct sip_credentials *credentials)
{
    const struct sip_message *message = request_message(request);
    const struct account *account = account_of(self, credentials->username, domain);
    enum nonce_verdict nonce =
        nonce_check(self->nonces, domain->name, credentials->nonce, now_of(self));

    if (!is_for_us(self, message, credentials->uri) && !is_local_address(self, credentials->uri)) {
        request_refuse(request, 400, "Digest URI Of Another Server");
        return false;
    }
    if (lockout_is_closed(self->lockout, credentials->username, request_flow(request),
                          now_of(self))) {
        request_refuse(request, 403, "Too Many Failed Attempts");
        return false;
    }
    if (account == NULL || !is_allowed(account, domain, credentials) || nonce == NONCE_FOREIGN ||
        !proves(account, credentials, message)) {
        (*self->wrong)++;
        if (nonce != NONCE_FOREIGN)
            lockout_count(self->lockout, credentials->username, request_flow(request),
                          now_of(self));
        challenge(self, request, domain, account, false);
        return false;
    }
    if (nonce == NONCE_STALE ||
        (credentials->qop == SIP_QOP_AUTH &&
         !nonce_use(self->nonces, credentials->nonce, credentials->nc, now_of(self)))) {
        challenge(self, request, domain, account, true);
        return false;
    }
    (*self->proved)++;
    if (account_is_disabled(account)) {
        request_refuse(request, 403, "Account Disabled");
        return false;
    }
    if (!span_equal(account_aor(account), aor)) {
        request_refuse(request, 403, "Not Your Address Of Record");
        return false;
    }
    return true;
}

static bool may_without_digest(const struct auth *self, struct request *request, struct span aor)
{
    const struct account *account = accounts_find(self->state->accounts, aor);

    if (account == NULL)
        request_refuse(request, 404, "No Such Account");
    else if (account_is_disabled(account))
        request_refuse(request, 403, "Account Disabled");
    else
        return true;
    return false;
}

bool auth_may_act(struct auth *self, struct request *request, const struct domain_row *domain,
                  struct span aor)
{
    struct sip_credentials credentials;

    if (domain->suspended) {
        request_refuse(request, 403, "Domain Suspended");
        return false;
    }
    if (!domain->authentication)
        return may_without_digest(self, request, aor);
    switch (find_credentials(request_message(request), domain->name, &credentials)) {
    case STATUS_OK:
        return judge(self, request, domain, aor, &credentials);
    case STATUS_MALFORMED:
        request_refuse(request, 400, "Malformed Authorization");
        return false;
    case STATUS_NOT_FOUND:
    case STATUS_LIMIT:
    case STATUS_CONFLICT:
    case STATUS_FAILED:
    case STATUS_UNAVAILABLE:
        break;
    }
    challenge(self, request, domain, accounts_find(self->state->accounts, aor), false);
    return false;
}
