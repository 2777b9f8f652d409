/* watcher_rule.c - who may see whom. */
#include "storage/noun.h"

/* Times go as they are: what lies behind the year 294246 has no number of microseconds since 1970.
 */
#define WATCHER_RULE_SELECT                                                                        \
    "select id, domain, coalesce(presentity, ''), coalesce(watcher, ''), coalesce(event, ''),"     \
    " action::text, presence.hidden_bits(basic_only, without)::int8,"                              \
    " coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity')"                        \
    " from presence.watcher_rule"

const char watcher_rule_scan[] = "copy (" WATCHER_RULE_SELECT ") to stdout (format binary)";
const char watcher_rule_read[] = WATCHER_RULE_SELECT " where id = any ($1)";

#define FROM_1970_TO_2000_US INT64_C(946684800000000)

/* The wall clock's microseconds for a timestamptz, which counts from 2000; 0 for infinity of either
 * sign: the other one is far enough as it is, and 1970 itself moves by one. */
static int64_t wall_us(int64_t timestamp, int64_t infinity)
{
    if (timestamp == infinity)
        return 0;
    if (timestamp > INT64_MAX - FROM_1970_TO_2000_US)
        return INT64_MAX;
    timestamp += FROM_1970_TO_2000_US;
    return timestamp == 0 ? -1 : timestamp;
}

bool watcher_action_of(struct span name, enum watcher_action *out)
{
    static const struct {
        struct span name;
        enum watcher_action action;
    } actions[] = {
        {{"block", 5}, WATCHER_BLOCK},
        {{"confirm", 7}, WATCHER_CONFIRM},
        {{"polite-block", 12}, WATCHER_POLITE_BLOCK},
        {{"allow", 5}, WATCHER_ALLOW},
    };

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (span_equal(name, actions[i].name)) {
            *out = actions[i].action;
            return true;
        }
    }
    return false;
}

bool watcher_rule_decode(struct row *from, struct watcher_rule_row *out)
{
    struct span action;

    *out = (struct watcher_rule_row){.id = row_int8(from)};
    out->domain = row_octets(from);
    out->presentity = row_octets(from);
    out->watcher = row_octets(from);
    out->event = row_octets(from);
    action = row_octets(from);
    out->hidden = (uint32_t)row_int8(from);
    out->valid_from_us = wall_us(row_int8(from), INT64_MIN);
    out->valid_until_us = wall_us(row_int8(from), INT64_MAX);
    return row_is_good(from) && watcher_action_of(action, &out->action);
}
