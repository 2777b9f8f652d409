/* wire.c - two user agents and the tables. */
#include "tests/e2e/must/must.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct wire w;

enum { ACCOUNTS = 640 };

/* The accounts come in one commit: when the last one is live, all are. */
void wire_open(int port, char letter)
{
    char name[32], to[PEER_TEXT + 2];
    const struct ask ask = {.method = "REGISTER", .uri = "sip:example.org", .to = to};
    int status = 401;

    w.port = port;
    w.letter = letter;
    w.domain = "example.org";
    w.cluster = cluster_open();
    cluster_ask(w.cluster,
                "select presence.add_account(format('%c%%s@%s', lpad(i::text, 3, '0')), 'secret') "
                "from generate_series(0, %d) i",
                letter, w.domain, ACCOUNTS);
    snprintf(name, sizeof(name), "%c%03d", letter, ACCOUNTS);
    peer_start(&w.carol, w.port, name, w.domain, "secret");
    snprintf(to, sizeof(to), "<%s>", w.carol.aor);
    for (int tries = 0; status != 200 && tries < SOON_MS / 5; tries++) {
        status = peer_ask(&w.carol, &ask);
        poll(NULL, 0, 5);
    }
    if (status != 200)
        fprintf(stderr, "carol cannot register: %d\n", status);
}

void wire_close(void)
{
    peer_stop(&w.carol);
    cluster_close(w.cluster);
}

void wire_set_up(void)
{
    char name[32];

    snprintf(name, sizeof(name), "%c%03d", w.letter, w.next++);
    peer_start(&w.alice, w.port, name, w.domain, "secret");
    snprintf(name, sizeof(name), "%c%03d", w.letter, w.next++);
    peer_start(&w.bob, w.port, name, w.domain, "secret");
    w.dialog_to[0] = '\0';
    w.etag[0] = '\0';
    w.carol_blocked = false;
}

void wire_tear_down(void)
{
    peer_stop(&w.alice);
    peer_stop(&w.bob);
    memset(&w.alice, 0, sizeof(w.alice));
    memset(&w.bob, 0, sizeof(w.bob));
    ck_assert_str_eq(cluster_ask(w.cluster, "select count(*) from presence.invariant"), "0");
}

/* ---- SUBSCRIBE ---- */

static void keep_dialog(void)
{
    const char *contact = header(&w.bob, SIP_CONTACT);

    snprintf(w.target, sizeof(w.target), "%.*s", (int)strcspn(contact + 1, ">"), contact + 1);
    snprintf(w.dialog_to, sizeof(w.dialog_to), "%s", header(&w.bob, SIP_TO));
}

int subscribe_to(const char *event, const char *more)
{
    const bool begins = w.dialog_to[0] == '\0';
    char headers[2048];
    const struct ask ask = {.method = "SUBSCRIBE",
                            .uri = begins ? w.alice.aor : w.target,
                            .to = begins ? NULL : w.dialog_to,
                            .headers = headers};
    int status;

    snprintf(headers, sizeof(headers), "%sContact: <sip:b@127.0.0.1:%d>\r\n%s", event, w.bob.port,
             more);
    status = peer_ask(&w.bob, &ask);
    if (status == 200 && begins)
        keep_dialog();
    return status;
}

int subscribe(const char *more)
{
    return subscribe_to(EVENT, more);
}

void another_call(void)
{
    w.dialog_to[0] = '\0';
    peer_new_call(&w.bob);
}

unsigned notified(const char *state, const char *text)
{
    ck_assert_msg(peer_expect_request(&w.bob, SIP_NOTIFY, SOON_MS), "no NOTIFY: wanted %s", state);
    ck_assert_msg(peer_header_has(&w.bob, SIP_SUBSCRIPTION_STATE, state), "wanted %s, got %s",
                  state, header(&w.bob, SIP_SUBSCRIPTION_STATE));
    ck_assert_str_eq(header(&w.bob, SIP_CALL_ID), w.bob.call_id);
    ck_assert(span_equal(w.bob.message.to.tag, span_of(w.bob.from_tag)));
    if (text != NULL)
        ck_assert_msg(peer_body_has(&w.bob, text), "no %s in " SPAN_FMT, text,
                      SPAN_ARG(w.bob.message.body));
    return w.bob.message.cseq.number;
}

bool silent(void)
{
    return !peer_expect_request(&w.bob, SIP_NOTIFY, QUIET_MS);
}

int left_s(void)
{
    const char *at = strstr(header(&w.bob, SIP_SUBSCRIPTION_STATE), ";expires=");

    return at == NULL ? -1 : (int)strtol(at + strlen(";expires="), NULL, 10);
}

/* ---- PUBLISH ---- */

int publish(const char *headers, const char *body)
{
    const struct ask ask = {
        .method = "PUBLISH", .uri = w.alice.aor, .headers = headers, .body = body};
    const int status = peer_ask(&w.alice, &ask);

    if (status == 200)
        snprintf(w.etag, sizeof(w.etag), "%s", header(&w.alice, SIP_SIP_ETAG));
    return status;
}

const char *if_match(const char *more)
{
    static char text[1024];

    snprintf(text, sizeof(text), EVENT "SIP-If-Match: %s\r\n%s", w.etag, more);
    return text;
}

/* ---- the tables ---- */

static const char *of_alice(const char *query)
{
    static char text[1024];
    const char *gap = strstr(query, "%s");

    snprintf(text, sizeof(text), "%.*s%s%s", (int)(gap - query), query, w.alice.aor + 4, gap + 2);
    return text;
}

const char *about_alice(const char *query)
{
    return cluster_ask(w.cluster, "%s", of_alice(query));
}

bool shows(const char *wanted, const char *query)
{
    return shows_within(SOON_MS, wanted, query);
}

bool shows_within(int ms, const char *wanted, const char *query)
{
    return cluster_shows(w.cluster, wanted, ms, of_alice(query));
}

int subscriptions(void)
{
    return (int)strtol(about_alice("select count(*) from presence.subscription where aor = '%s'"),
                       NULL, 10);
}

int publications(void)
{
    return (int)strtol(about_alice("select count(*) from presence.publication where aor = '%s'"),
                       NULL, 10);
}

/* Carol's rule comes behind bob's in the same commit: when hers is in effect, so is his. */
static bool is_in_effect(bool blocked)
{
    char headers[128];
    const struct ask ask = {.method = "SUBSCRIBE", .uri = w.alice.aor, .headers = headers};
    int status;

    snprintf(headers, sizeof(headers), EVENT "Expires: 0\r\nContact: <sip:c@127.0.0.1:%d>\r\n",
             w.carol.port);
    peer_new_call(&w.carol);
    status = peer_ask(&w.carol, &ask);
    if (status == 200)
        ck_assert(peer_expect_request(&w.carol, SIP_NOTIFY, SOON_MS));
    return status == (blocked ? 403 : 200);
}

void rule(const char *action)
{
    int tries = 0;

    w.carol_blocked = !w.carol_blocked;
    cluster_ask(w.cluster,
                "begin; select presence.%s('%s', '%s'); select presence.%s('%s', '%s'); commit",
                action, w.alice.aor + 4, w.bob.aor + 4, w.carol_blocked ? "block" : "allow",
                w.alice.aor + 4, w.carol.aor + 4);
    while (!is_in_effect(w.carol_blocked) && tries++ < SOON_MS / 5)
        poll(NULL, 0, 5);
    ck_assert_int_lt(tries, SOON_MS / 5);
}

/* ---- reading ---- */

static char *next_text(void)
{
    static char texts[8][4096];
    static unsigned next;

    return texts[next++ % 8];
}

const char *header(struct peer *peer, enum sip_header_id id)
{
    char *text = next_text();

    snprintf(text, 4096, SPAN_FMT, SPAN_ARG(sip_header_value(&peer->message, id)));
    return text;
}
