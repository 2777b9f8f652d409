/* account.c - what administrators write and the server reads: domains, accounts, commands. */
#include "storage/noun.h"

#include "server/base/crypto.h"

#define DOMAIN_SELECT                                                                              \
    "select id, name, suspended, authentication, digest_without_qop, accept_foreign,"              \
    " array_to_string(algorithms, ','), default_watcher_rule::text, presence_policy::text,"        \
    " presence_from_registration, message_summary_from_kept,"                                      \
    " coalesce(notify_interval_min_ms, 0)::int8,"                                                  \
    " coalesce(registration_expires_max_s, 0)::int8, coalesce(subscription_expires_max_s, "        \
    "0)::int8,"                                                                                    \
    " coalesce(publication_expires_max_s, 0)::int8, coalesce(contacts_max, 0)::int8,"              \
    " coalesce(publications_max, 0)::int8, coalesce(subscriptions_max, 0)::int8, keep_messages,"   \
    " coalesce(message_keep_max_s, 0)::int8, coalesce(messages_max, 0)::int8"                      \
    " from presence.domain"

#define ACCOUNT_SELECT                                                                             \
    "select id, aor, domain, username, disabled, coalesce(ha1_md5, ''), coalesce(ha1_sha256, '')," \
    " coalesce(ha1_sha512_256, ''), coalesce(array_to_string(algorithms, ','), '')"                \
    " from presence.account"

const char domain_scan[] = "copy (" DOMAIN_SELECT ") to stdout (format binary)";
const char domain_read[] = DOMAIN_SELECT " where id = any ($1)";
const char account_scan[] = "copy (" ACCOUNT_SELECT ") to stdout (format binary)";
const char account_read[] = ACCOUNT_SELECT " where id = any ($1)";
const char command_read[] =
    "select id, kind::text, aor, event, target, reason, content_type, document, expires_s,"
    " sender"
    " from presence.command where id <> all ($1) order by id limit 200";

static bool algorithm_of(struct span name, uint8_t *out)
{
    if (span_equal(name, SPAN("MD5")))
        *out = DIGEST_MD5;
    else if (span_equal(name, SPAN("SHA-256")))
        *out = DIGEST_SHA256;
    else if (span_equal(name, SPAN("SHA-512-256")))
        *out = DIGEST_SHA512_256;
    else
        return false;
    return true;
}

/* "MD5,SHA-256"; the table's check lets no more than three in. */
static bool decode_algorithms(struct span names, uint8_t out[3], uint8_t *count)
{
    *count = 0;
    while (!span_empty(names)) {
        const char *comma = span_find(names, ',');
        const struct span name = comma == NULL ? names : span_between(names.at, comma);

        if (*count == 3 || !algorithm_of(name, &out[*count]))
            return false;
        (*count)++;
        names = span_skip(names, name.len + 1);
    }
    return true;
}

static bool policy_of(struct span name, enum presence_policy *out)
{
    static const struct {
        struct span name;
        enum presence_policy policy;
    } policies[] = {
        {{"union", 5}, POLICY_UNION},
        {{"latest", 6}, POLICY_LATEST},
        {{"priority", 8}, POLICY_PRIORITY},
        {{"single", 6}, POLICY_SINGLE},
    };

    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (span_equal(name, policies[i].name)) {
            *out = policies[i].policy;
            return true;
        }
    }
    return false;
}

bool domain_decode(struct row *from, struct domain_row *out)
{
    struct span algorithms;
    struct span action;
    struct span policy;

    *out = (struct domain_row){.id = row_int8(from)};
    out->name = row_octets(from);
    out->suspended = row_bool(from);
    out->authentication = row_bool(from);
    out->digest_without_qop = row_bool(from);
    out->accept_foreign = row_bool(from);
    algorithms = row_octets(from);
    action = row_octets(from);
    policy = row_octets(from);
    out->presence_from_registration = row_bool(from);
    out->message_summary_from_kept = row_bool(from);
    out->notify_interval_min_ms = (uint32_t)row_int8(from);
    out->registration_expires_max_s = (uint32_t)row_int8(from);
    out->subscription_expires_max_s = (uint32_t)row_int8(from);
    out->publication_expires_max_s = (uint32_t)row_int8(from);
    out->contacts_max = (uint32_t)row_int8(from);
    out->publications_max = (uint32_t)row_int8(from);
    out->subscriptions_max = (uint32_t)row_int8(from);
    out->keep_messages = row_bool(from);
    out->message_keep_max_s = (uint32_t)row_int8(from);
    out->messages_max = (uint32_t)row_int8(from);
    return row_is_good(from) && watcher_action_of(action, &out->default_action) &&
           policy_of(policy, &out->presence_policy) &&
           decode_algorithms(algorithms, out->algorithms, &out->algorithm_count);
}

bool account_decode(struct row *from, struct account_row *out)
{
    struct span algorithms;

    *out = (struct account_row){.id = row_int8(from)};
    out->aor = row_octets(from);
    out->domain = row_octets(from);
    out->username = row_octets(from);
    out->disabled = row_bool(from);
    out->ha1_md5 = row_octets(from);
    out->ha1_sha256 = row_octets(from);
    out->ha1_sha512_256 = row_octets(from);
    algorithms = row_octets(from);
    return row_is_good(from) &&
           decode_algorithms(algorithms, out->algorithms, &out->algorithm_count);
}

static bool kind_of(struct span name, enum command_kind *out)
{
    static const struct {
        struct span name;
        enum command_kind kind;
    } kinds[] = {
        {{"publish", 7}, COMMAND_PUBLISH},
        {{"unpublish", 9}, COMMAND_UNPUBLISH},
        {{"terminate", 9}, COMMAND_TERMINATE},
        {{"unregister", 10}, COMMAND_UNREGISTER},
        {{"message", 7}, COMMAND_MESSAGE},
        {{"remove_message", 14}, COMMAND_REMOVE_MESSAGE},
        {{"forget_device", 13}, COMMAND_FORGET_DEVICE},
        {{"review", 6}, COMMAND_REVIEW},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (span_equal(name, kinds[i].name)) {
            *out = kinds[i].kind;
            return true;
        }
    }
    return false;
}

bool command_decode(struct row *from, struct command_row *out)
{
    struct span kind;

    *out = (struct command_row){.id = row_int8(from)};
    kind = row_octets(from);
    out->aor = row_octets(from);
    out->event = row_octets(from);
    out->target = row_int8(from);
    out->reason = row_octets(from);
    out->content_type = row_octets(from);
    out->document = row_octets(from);
    out->expires_s = (uint32_t)row_int8(from);
    out->sender = row_octets(from);
    return row_is_good(from) && kind_of(kind, &out->kind);
}
