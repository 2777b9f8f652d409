/* package_message_summary.c - the event package `message-summary` (RFC 3842): published, put by
 * SQL, and fed by kept messages where a domain says so. */
#include "server/service/packages.h"

#include "pidf/event/message_summary.h"
#include "server/base/must.h"

#include <stdlib.h>

enum { SOURCES_MAX = 256 };

struct message_summary_package {
    struct event_package package; /* first: the interface */
    const struct state *state;
};

static enum status check(const struct event_package *package, struct span content_type,
                         struct span body, struct span before, struct buffer *out,
                         const char **phrase)
{
    struct pidf_fault fault = {0};
    struct message_summary read;
    const enum status status = message_summary_parse(body, &read, &fault);

    (void)package;
    (void)content_type;
    (void)before;
    (void)out;
    if (status != STATUS_OK)
        *phrase = fault.phrase;
    return status;
}

static void put(const struct message_summary_account *account,
                const struct message_summary_source sources[], size_t count, struct parts *out)
{
    struct buffer *document = parts_begin(out, (struct span){0});

    if (message_summary_compose(account, sources, count, document) == STATUS_OK)
        (void)parts_end(out, false, 0);
}

/* Kept messages wait for devices: to whoever asks they are new. */
static void count_kept(const struct message_summary_package *self, const struct resource *resource,
                       struct message_summary_account *account)
{
    const struct domain_row *domain =
        domains_find(self->state->domains, domain_of_aor(resource_aor(resource)));
    const struct mailbox *mailbox = mailboxes_find(&self->state->mailboxes, resource_aor(resource));

    account->keeps = domain != NULL && domain->message_summary_from_kept;
    if (account->keeps)
        account->kept = (uint32_t)mailbox_kept(mailbox);
}

static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    const struct message_summary_package *self = (const struct message_summary_package *)package;
    struct publication_view views[SOURCES_MAX];
    struct message_summary_source sources[SOURCES_MAX];
    const size_t count = publication_views(resource, views, SOURCES_MAX);
    struct message_summary_account account = {0};
    char octets[ENTITY_BYTES];

    (void)key;
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct message_summary_source){
            .body = views[i].document,
            .published_at_us = views[i].sequence,
        };
    account.uri = package_entity(resource, octets);
    count_kept(self, resource, &account);
    put(&account, sources, count, out);
}

/* As of an account for which nothing waits. */
static void compose_closed(const struct event_package *package, const struct resource *resource,
                           const struct view_key *key, struct parts *out)
{
    struct message_summary_account account = {0};
    char octets[ENTITY_BYTES];

    (void)key;
    account.uri = package_entity(resource, octets);
    count_kept((const struct message_summary_package *)package, resource, &account);
    account.kept = 0;
    put(&account, NULL, 0, out);
}

struct event_package *package_message_summary_new(const struct state *state)
{
    struct message_summary_package *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->state = state;
    self->package = (struct event_package){
        .name = SPAN("message-summary"),
        .audience = AUDIENCE_PRESENTITY,
        .formats = {{.content_type = SPAN("application/simple-message-summary")}},
        .publishes = {SPAN("application/simple-message-summary")},
        .check = check,
        .compose = compose,
        .compose_closed = compose_closed,
        .end = package_end_plain,
    };
    return &self->package;
}
