/* watcher_rule.c - one table by presentity, watcher and event; each combination that may hold a
 * rule for a question is asked, the most specific first. */
#include "server/state/watcher_rule.h"

#include "server/base/list.h"
#include "server/base/must.h"
#include "server/base/table.h"
#include "server/state/domain.h"

#include <stdlib.h>

enum identity { WATCHER_ITSELF, WATCHER_DOMAIN, WATCHER_ANYONE, IDENTITIES };

/* What a rule is for, and what is asked for. */
struct key {
    struct span scope; /* the presentity, or the domain of all of them: one has an '@' */
    enum identity identity;
    struct span watcher; /* AOR or domain; empty for anyone */
    struct span event;   /* empty: those that rules decide */
};

struct watcher_rule {
    struct table_link key_link;
    struct table_link id_link;
    struct list bounded_link; /* in no list when it counts for ever */
    struct timer timer;       /* until it begins or ends */
    struct watcher_rules *rules;
    bool counts;
    struct watcher_rule_row row; /* its spans point behind it */
    char octets[];
};

struct watcher_rules {
    struct node *node;
    struct table by_key;
    struct table by_id;
    struct list bounded;
    struct timer look;      /* whether the wall clock was set */
    int64_t wall_offset_us; /* what it was ahead of the monotonic one when last looked */
    uint64_t generation;
    watcher_rules_changed_fn *fn;
    void *context;
};

/* A timer runs by the monotonic clock: when the wall clock is set, each has to be made anew. One
 * that lies far ahead is started again and again, so that no number of microseconds overflows. */
static const int64_t look_us = 5 * US_PER_S;
static const int64_t wait_max_us = 24 * 3600 * US_PER_S;

static struct watcher_rule *by_key(struct table_link *link)
{
    return CONTAINER_OF(link, struct watcher_rule, key_link);
}

static struct watcher_rule *by_id(struct table_link *link)
{
    return CONTAINER_OF(link, struct watcher_rule, id_link);
}

struct watcher_rules *watcher_rules_new(struct node *node)
{
    struct watcher_rules *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->generation = 1;
    table_init(&self->by_key);
    table_init(&self->by_id);
    list_init(&self->bounded);
    return self;
}

static void rule_free(struct watcher_rule *rule)
{
    timer_stop(loop_timers(rule->rules->node->loop), &rule->timer);
    list_remove(&rule->bounded_link);
    free(rule);
}

static void free_one(struct table_link *link, void *context)
{
    (void)context;
    rule_free(by_id(link));
}

void watcher_rules_free(struct watcher_rules *self)
{
    if (self == NULL)
        return;
    timer_stop(loop_timers(self->node->loop), &self->look);
    table_each(&self->by_id, free_one, NULL);
    table_deinit(&self->by_key);
    table_deinit(&self->by_id);
    free(self);
}

void watcher_rules_watch(struct watcher_rules *self, watcher_rules_changed_fn *fn, void *context)
{
    self->fn = fn;
    self->context = context;
}

size_t watcher_rules_count(const struct watcher_rules *self)
{
    return self->by_id.count;
}

uint64_t watcher_rules_generation(const struct watcher_rules *self)
{
    return self->generation;
}

/* ---- keys ---- */

static struct key key_of(const struct watcher_rule_row *row)
{
    struct key key = {
        .scope = span_empty(row->presentity) ? row->domain : row->presentity,
        .identity = WATCHER_ITSELF,
        .watcher = row->watcher,
        .event = row->event,
    };

    if (span_empty(row->watcher)) {
        key.identity = WATCHER_ANYONE;
    } else if (row->watcher.at[0] == '@') {
        key.identity = WATCHER_DOMAIN;
        key.watcher = span_skip(row->watcher, 1);
    }
    return key;
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->identity == b->identity && span_equal(a->scope, b->scope) &&
           span_equal(a->watcher, b->watcher) && span_equal(a->event, b->event);
}

static uint64_t key_hash(const struct watcher_rules *self, const struct key *key)
{
    uint64_t hash = table_hash(&self->by_key, key->scope);

    hash = table_hash_more(&self->by_key, hash, key->watcher);
    return table_hash_more(&self->by_key, hash, key->event);
}

static uint64_t id_hash(const struct watcher_rules *self, int64_t id)
{
    return table_hash(&self->by_id, (struct span){(const char *)&id, sizeof(id)});
}

/* ---- who decides ---- */

/* RFC 4745 section 10: of equal rules the greatest value of each permission. */
static bool decide(const struct watcher_rules *self, const struct key *key,
                   struct watcher_judgement *out)
{
    struct table_link *link = table_first(&self->by_key, key_hash(self, key));
    bool decided = false;

    for (; link != NULL; link = table_next(link)) {
        const struct watcher_rule *rule = by_key(link);
        const struct key its = key_of(&rule->row);

        if (!rule->counts || !key_equal(&its, key) || (decided && rule->row.action < out->action))
            continue;
        if (!decided || rule->row.action > out->action) {
            *out = (struct watcher_judgement){rule->row.action, rule->row.hidden, rule->row.id};
            decided = true;
            continue;
        }
        out->hidden &= rule->row.hidden;
        if (rule->row.id < out->rule)
            out->rule = rule->row.id;
    }
    return decided;
}

/* For one identity: the presentity's own rules first, and of each those for the event first. */
static bool decide_for(const struct watcher_rules *self, struct span presentity, struct key *key,
                       struct span event, bool named_only, struct watcher_judgement *out)
{
    const struct span scopes[] = {presentity, domain_of_aor(presentity)};

    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        key->scope = scopes[i];
        key->event = event;
        if (decide(self, key, out))
            return true;
        key->event = (struct span){0};
        if (!named_only && decide(self, key, out))
            return true;
    }
    return false;
}

bool watcher_rules_judge(const struct watcher_rules *self, struct span presentity,
                         struct span watcher, struct span event, bool named_only,
                         struct watcher_judgement *out)
{
    struct key keys[IDENTITIES] = {
        {.identity = WATCHER_ITSELF, .watcher = watcher},
        {.identity = WATCHER_DOMAIN, .watcher = domain_of_aor(watcher)},
        {.identity = WATCHER_ANYONE},
    };

    if (self->by_id.count == 0)
        return false;
    for (size_t i = 0; i < IDENTITIES; i++)
        if (decide_for(self, presentity, &keys[i], event, named_only, out))
            return true;
    return false;
}

/* ---- times ---- */

static void changed(struct watcher_rules *self, const struct watcher_rule *rule)
{
    if (self->fn != NULL)
        self->fn(self->context, rule->row.domain, rule->row.presentity);
}

/* `now` may be later than the begin of the turn, as timers are told. */
static struct wall_time wall_at(const struct watcher_rules *self, struct instant now)
{
    struct loop *loop = self->node->loop;

    return (struct wall_time){loop_wall(loop).us + (now.us - loop_now(loop).us)};
}

static int64_t wall_offset(const struct watcher_rules *self)
{
    return loop_wall(self->node->loop).us - loop_now(self->node->loop).us;
}

static bool is_bounded(const struct watcher_rule_row *row)
{
    return row->valid_from_us != 0 || row->valid_until_us != 0;
}

static bool is_valid(const struct watcher_rule_row *row, struct wall_time wall)
{
    return (row->valid_from_us == 0 || row->valid_from_us <= wall.us) &&
           (row->valid_until_us == 0 || row->valid_until_us > wall.us);
}

static void on_boundary(struct timer *timer, struct instant now);

static void wait_for_boundary(struct watcher_rule *rule, struct instant now, struct wall_time wall)
{
    const int64_t from_us = rule->row.valid_from_us;
    const int64_t until_us = rule->row.valid_until_us;
    const int64_t next_us = from_us > wall.us ? from_us : until_us;
    struct timers *timers = loop_timers(rule->rules->node->loop);
    int64_t wait_us;

    timer_stop(timers, &rule->timer);
    if (next_us <= wall.us)
        return; /* it has ended, or never will */
    wait_us = next_us - wall.us < wait_max_us ? next_us - wall.us : wait_max_us;
    timer_start(timers, &rule->timer, instant_after(now, wait_us), on_boundary);
}

static void reconsider(struct watcher_rule *rule, struct instant now)
{
    struct watcher_rules *self = rule->rules;
    const struct wall_time wall = wall_at(self, now);
    const bool counted = rule->counts;

    rule->counts = is_valid(&rule->row, wall);
    wait_for_boundary(rule, now, wall);
    if (rule->counts == counted)
        return;
    self->generation++;
    changed(self, rule);
}

static void on_boundary(struct timer *timer, struct instant now)
{
    reconsider(CONTAINER_OF(timer, struct watcher_rule, timer), now);
}

static void on_look(struct timer *timer, struct instant now)
{
    struct watcher_rules *self = CONTAINER_OF(timer, struct watcher_rules, look);
    const int64_t moved_us = wall_offset(self) - self->wall_offset_us;

    if (list_empty(&self->bounded))
        return;
    if (moved_us > US_PER_MS || moved_us < -US_PER_MS) {
        self->wall_offset_us += moved_us;
        for (struct list *link = self->bounded.next; link != &self->bounded; link = link->next)
            reconsider(CONTAINER_OF(link, struct watcher_rule, bounded_link), now);
    }
    timer_start(loop_timers(self->node->loop), &self->look, instant_after(now, look_us), on_look);
}

static void begin_looking(struct watcher_rules *self, struct instant now)
{
    if (timer_is_running(&self->look))
        return;
    self->wall_offset_us = wall_offset(self);
    timer_start(loop_timers(self->node->loop), &self->look, instant_after(now, look_us), on_look);
}

/* ---- rows ---- */

static struct span copy(char **at, struct span from)
{
    char *to = *at;

    if (from.len > 0)
        memcpy(to, from.at, from.len);
    *at += from.len;
    return (struct span){to, from.len};
}

static struct watcher_rule *rule_new(struct watcher_rules *self, const struct watcher_rule_row *row)
{
    const size_t octets = row->domain.len + row->presentity.len + row->watcher.len + row->event.len;
    struct watcher_rule *rule = calloc(1, sizeof(*rule) + octets);
    char *at;

    must(rule != NULL);
    at = rule->octets;
    rule->rules = self;
    rule->row = *row;
    rule->row.domain = copy(&at, row->domain);
    rule->row.presentity = copy(&at, row->presentity);
    rule->row.watcher = copy(&at, row->watcher);
    rule->row.event = copy(&at, row->event);
    list_init(&rule->bounded_link);
    return rule;
}

static void add(struct watcher_rules *self, struct watcher_rule *rule)
{
    const struct instant now = loop_now(self->node->loop);
    const struct wall_time wall = wall_at(self, now);
    const struct key key = key_of(&rule->row);

    table_add(&self->by_key, &rule->key_link, key_hash(self, &key));
    table_add(&self->by_id, &rule->id_link, id_hash(self, rule->row.id));
    rule->counts = is_valid(&rule->row, wall);
    if (!is_bounded(&rule->row))
        return;
    list_append(&self->bounded, &rule->bounded_link);
    wait_for_boundary(rule, now, wall);
    begin_looking(self, now);
}

static struct watcher_rule *find(const struct watcher_rules *self, int64_t id)
{
    struct table_link *link = table_first(&self->by_id, id_hash(self, id));

    while (link != NULL && by_id(link)->row.id != id)
        link = table_next(link);
    return link == NULL ? NULL : by_id(link);
}

static void take_out(struct watcher_rules *self, struct watcher_rule *rule)
{
    table_remove(&self->by_key, &rule->key_link);
    table_remove(&self->by_id, &rule->id_link);
}

static bool is_same_scope(const struct watcher_rule_row *a, const struct watcher_rule_row *b)
{
    return span_equal(a->domain, b->domain) && span_equal(a->presentity, b->presentity);
}

static bool is_same(const struct watcher_rule_row *a, const struct watcher_rule_row *b)
{
    return is_same_scope(a, b) && span_equal(a->watcher, b->watcher) &&
           span_equal(a->event, b->event) && a->action == b->action && a->hidden == b->hidden &&
           a->valid_from_us == b->valid_from_us && a->valid_until_us == b->valid_until_us;
}

/* After a reconnect every row is told again: nothing has changed by that. */
void watcher_rules_put(struct watcher_rules *self, const struct watcher_rule_row *row)
{
    struct watcher_rule *old = find(self, row->id);
    struct watcher_rule *rule;

    if (old != NULL && is_same(&old->row, row))
        return;
    rule = rule_new(self, row);
    if (old != NULL)
        take_out(self, old);
    add(self, rule);
    self->generation++;
    if (old != NULL && old->counts && !(rule->counts && is_same_scope(&old->row, row)))
        changed(self, old);
    if (rule->counts)
        changed(self, rule);
    if (old != NULL)
        rule_free(old);
}

void watcher_rules_remove(struct watcher_rules *self, int64_t id)
{
    struct watcher_rule *rule = find(self, id);

    if (rule == NULL)
        return;
    take_out(self, rule);
    self->generation++;
    if (rule->counts)
        changed(self, rule);
    rule_free(rule);
}
