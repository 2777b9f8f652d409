/* test_view.c - versions of what is shown, and what has changed from one to the next. */
#include "server/service/view.h"
#include "server/state/state.h"
#include "tests/support/script/storage_script.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *service_view_suite(void);

enum { THINGS_MAX = 400, DOCUMENT_BYTES_MAX = 65536 };

/* What the package of this test shows: things of one letter, "a1" is thing a in state 1. */
struct things {
    struct event_package package;
    const char *shown[THINGS_MAX + 1]; /* ends with NULL */
    char many[THINGS_MAX][8];
    unsigned composed;
};

static void compose(const struct event_package *package, const struct resource *resource,
                    const struct view_key *key, struct parts *out)
{
    struct things *self = (struct things *)package;

    (void)resource;
    self->composed++;
    for (size_t i = 0; self->shown[i] != NULL; i++) {
        const struct span thing = span_of(self->shown[i]);

        if (key->hidden != 0 && thing.at[0] == 'h')
            continue;
        buffer_put(parts_begin(out, (struct span){thing.at, thing.len - 1}), thing);
        (void)parts_end(out, thing.at[thing.len - 1] == '!', 0);
    }
}

static void compose_closed(const struct event_package *package, const struct resource *resource,
                           const struct view_key *key, struct parts *out)
{
    (void)package;
    (void)resource;
    (void)key;
    (void)out;
}

static void wrap(const struct event_package *package, const struct event_document *document,
                 struct buffer *out)
{
    (void)package;
    buffer_printf(out, "%u %s", document->number, document->full ? "full" : "partial");
    for (size_t i = 0; i < document->count; i++) {
        buffer_put_char(out, ' ');
        buffer_put(out, document->parts[i].octets);
    }
}

static void end_part(const struct event_package *package, struct span octets, bool expired,
                     struct buffer *out)
{
    (void)package;
    (void)expired;
    buffer_put_char(out, '-');
    buffer_put(out, octets);
}

/* Tells everything; wants to hear of what does not end with a quiet "q". */
static void filter(const struct event_package *package, const struct resource *resource,
                   const struct view_key *key, struct span document, struct buffer *out)
{
    (void)package;
    (void)resource;
    (void)key;
    buffer_put(out, document);
}

static bool triggers(const struct event_package *package, const struct resource *resource,
                     const struct view_key *key, struct span before, struct span now)
{
    (void)package;
    (void)resource;
    (void)key;
    (void)before;
    return now.at[now.len - 1] != 'q';
}

static void differ(const struct event_package *package, struct span before, struct span now,
                   uint32_t number, struct buffer *out)
{
    (void)package;
    buffer_printf(out, "%u ", number);
    buffer_put(out, before);
    buffer_put(out, SPAN(">"));
    buffer_put(out, now);
}

struct rig {
    struct loop *loop;
    struct metrics *metrics;
    struct transport *transport;
    struct state *state;
    struct views *views;
    struct resource *resource;
    struct things things;
};

static void rig_begin(struct rig *rig, bool versioned)
{
    const struct transport_options transport = {0};
    const struct state_options options = {
        .batch = {.rows_max = 100, .bytes_max = SIZE_MAX, .patience_us = US_PER_S},
        .publication = {.per_resource_max = 10, .publications_max = 10},
        .subscription = {.subscriptions_max = 10},
        .bindings_max = 10,
        .expiry_per_s = 1000,
    };

    memset(rig, 0, sizeof(*rig));
    rig->loop = loop_new();
    rig->metrics = metrics_new();
    rig->transport = transport_new(rig->loop, NULL, rig->metrics, &transport);
    rig->state = state_new(rig->loop, NULL, rig->metrics, rig->transport, &options);
    rig->state->node.mark_key = (struct mac_key){{5, 6}};
    rig->views = views_new(&rig->state->node, rig->metrics, DOCUMENT_BYTES_MAX);
    rig->resource = resources_get(rig->state->resources, SPAN("alice@example.org"), SPAN("things"));
    rig->things.package = (struct event_package){
        .name = SPAN("things"),
        .formats = {{.content_type = SPAN("text/things")}},
        .compose = compose,
        .compose_closed = compose_closed,
        .wrap = versioned ? wrap : NULL,
        .end_part = end_part,
    };
}

static void rig_end(struct rig *rig)
{
    ck_assert(list_empty(&rig->resource->notify.views));
    resource_release(rig->resource);
    views_free(rig->views);
    state_free(rig->state);
    transport_free(rig->transport);
    loop_free(rig->loop);
    metrics_free(rig->metrics);
}

static struct view *get(struct rig *rig, uint32_t hidden)
{
    return view_get(rig->resource, &rig->things.package, &(struct view_key){.hidden = hidden});
}

/* Now these are shown, with one more NULL behind them. Returns whether that is a new version. */
static bool show(struct rig *rig, struct view *view, const char *const shown[])
{
    size_t count = 0;

    for (; shown[count] != NULL; count++)
        rig->things.shown[count] = shown[count];
    rig->things.shown[count] = NULL;
    views_touch(rig->resource);
    return view_refresh(rig->views, view);
}

#define SHOW(rig, view, ...) show(rig, view, (const char *const[]){__VA_ARGS__, NULL})

static void expect_body(struct rig *rig, struct view *view, uint64_t from, uint32_t number,
                        const char *expected)
{
    struct blob *body = view_body(rig->views, view, from, number);

    if (!span_equal(blob_span(body), span_of(expected)))
        ck_abort_msg("got %.*s, not %s", (int)blob_span(body).len, blob_span(body).at, expected);
    blob_unref(body);
}

START_TEST(who_sees_the_same_shares_a_view)
{
    struct rig rig;
    struct view *a, *b, *c;

    rig_begin(&rig, false);
    a = get(&rig, 0);
    b = get(&rig, 0);
    c = get(&rig, 1);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_ne(a, c);
    ck_assert(SHOW(&rig, a, "a1"));
    ck_assert(!view_refresh(rig.views, b));
    ck_assert_uint_eq(rig.things.composed, 1);
    view_release(a);
    expect_body(&rig, b, 0, 0, "a1");
    view_release(b);
    view_release(c);
    rig_end(&rig);
}
END_TEST

START_TEST(what_a_view_does_not_show_is_no_new_version_of_it)
{
    struct rig rig;
    struct view *open, *less;
    uint64_t version;

    rig_begin(&rig, false);
    open = get(&rig, 0);
    less = get(&rig, 1);
    ck_assert(SHOW(&rig, open, "a1", "h1"));
    ck_assert(view_refresh(rig.views, less));
    version = less->version;
    ck_assert(SHOW(&rig, open, "a1", "h2"));
    ck_assert(!view_refresh(rig.views, less));
    ck_assert_uint_eq(less->version, version);
    expect_body(&rig, less, 0, 0, "a1");
    expect_body(&rig, open, 0, 0, "a1h2");
    view_release(open);
    view_release(less);
    rig_end(&rig);
}
END_TEST

START_TEST(a_partial_document_tells_what_changed_since_the_acknowledged_version)
{
    struct rig rig;
    struct view *view;
    uint64_t first, second;

    rig_begin(&rig, true);
    view = get(&rig, 0);
    SHOW(&rig, view, "a1", "b1", "c1");
    first = view->version;
    expect_body(&rig, view, 0, 0, "0 full a1 b1 c1");
    SHOW(&rig, view, "a1", "b2", "c1");
    second = view->version;
    expect_body(&rig, view, first, 1, "1 partial b2");
    SHOW(&rig, view, "b2", "c1", "d1");
    expect_body(&rig, view, second, 2, "2 partial -a1 d1");
    expect_body(&rig, view, first, 2, "2 partial -a1 b2 d1");
    view_release(view);
    rig_end(&rig);
}
END_TEST

START_TEST(what_said_that_it_is_over_is_not_ended_again)
{
    struct rig rig;
    struct view *view;
    uint64_t before;

    rig_begin(&rig, true);
    view = get(&rig, 0);
    SHOW(&rig, view, "a1", "b1");
    before = view->version;
    SHOW(&rig, view, "a!", "b1");
    expect_body(&rig, view, before, 1, "1 partial a!");
    before = view->version;
    SHOW(&rig, view, "b1");
    expect_body(&rig, view, before, 2, "2 full b1"); /* nothing to say: RFC 4235 section 3.3 */
    view_release(view);
    rig_end(&rig);
}
END_TEST

START_TEST(what_is_not_remembered_or_too_much_is_told_in_full)
{
    struct rig rig;
    struct view *view;
    uint64_t first;
    static const char *const states[] = {"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"};

    rig_begin(&rig, true);
    view = get(&rig, 0);
    SHOW(&rig, view, "a0");
    first = view->version;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        SHOW(&rig, view, states[i]);
    expect_body(&rig, view, first, 1, "1 full a9");
    first = view->version;
    for (size_t i = 0; i < THINGS_MAX; i++) {
        (void)snprintf(rig.things.many[i], sizeof(rig.things.many[i]), "m%zu.", i);
        rig.things.shown[i] = rig.things.many[i];
    }
    rig.things.shown[THINGS_MAX] = NULL;
    views_touch(rig.resource);
    (void)view_refresh(rig.views, view);
    {
        struct blob *body = view_body(rig.views, view, first, 2);

        ck_assert(span_begins(blob_span(body), SPAN("2 full m0. ")));
        blob_unref(body);
    }
    view_release(view);
    rig_end(&rig);
}
END_TEST

/* RFC 5263 with RFC 4661: what a watcher holds of a version is not known once it showed two. */
START_TEST(a_change_that_triggers_nothing_is_no_basis_for_a_partial_document)
{
    const struct view_key key = {.filter = SPAN("filter")};
    struct rig rig;
    struct view *view;
    uint64_t told;

    rig_begin(&rig, false);
    rig.things.package.formats[0].differs = true;
    rig.things.package.differ = differ;
    rig.things.package.filter = filter;
    rig.things.package.triggers = triggers;
    view = view_get(rig.resource, &rig.things.package, &key);
    ck_assert(SHOW(&rig, view, "a1"));
    ck_assert(SHOW(&rig, view, "a2"));
    told = view->version;
    ck_assert(!SHOW(&rig, view, "aq"));
    ck_assert_uint_eq(view->version, told);
    expect_body(&rig, view, told, 1, "1 >aq");
    ck_assert(SHOW(&rig, view, "a3"));
    expect_body(&rig, view, told, 1, "1 >a3"); /* not aq>a3: who acknowledged it has a2 */
    expect_body(&rig, view, view->version, 2, "2 a3>a3");
    view_release(view);
    rig_end(&rig);
}
END_TEST

START_TEST(an_entity_tag_is_that_of_what_is_shown)
{
    struct rig rig;
    struct view *view;
    char a[ENTITY_TAG_BYTES], b[ENTITY_TAG_BYTES];

    rig_begin(&rig, true);
    view = get(&rig, 0);
    SHOW(&rig, view, "a1");
    view_entity_tag(rig.views, view, a);
    SHOW(&rig, view, "a2");
    view_entity_tag(rig.views, view, b);
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
    SHOW(&rig, view, "a1");
    view_entity_tag(rig.views, view, b);
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    view_release(view);
    rig_end(&rig);
}
END_TEST

/* Of a set of parts, which a restart brings in another order. */
START_TEST(an_entity_tag_knows_no_order_and_nothing_that_is_over)
{
    struct rig rig;
    struct view *view;
    char a[ENTITY_TAG_BYTES], b[ENTITY_TAG_BYTES];

    rig_begin(&rig, true);
    view = get(&rig, 0);
    SHOW(&rig, view, "a1", "b1", "c1");
    view_entity_tag(rig.views, view, a);
    SHOW(&rig, view, "c1", "a1", "b1");
    view_entity_tag(rig.views, view, b);
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    SHOW(&rig, view, "c1", "a1", "b!");
    view_entity_tag(rig.views, view, a);
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
    SHOW(&rig, view, "c1", "a1");
    view_entity_tag(rig.views, view, b);
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    view_release(view);
    rig_end(&rig);
}
END_TEST

START_TEST(a_closed_view_says_nothing_whatever_changes)
{
    struct rig rig;
    struct view *view;

    rig_begin(&rig, true);
    view = view_get(rig.resource, &rig.things.package, &(struct view_key){.closed = true});
    (void)SHOW(&rig, view, "a1");
    ck_assert(!SHOW(&rig, view, "a2"));
    ck_assert_uint_eq(rig.things.composed, 0);
    expect_body(&rig, view, 0, 0, "0 full");
    view_release(view);
    rig_end(&rig);
}
END_TEST

Suite *service_view_suite(void)
{
    Suite *suite = suite_create("service/view");
    TCase *tcase = tcase_create("DESIGN section 4");

    tcase_add_test(tcase, who_sees_the_same_shares_a_view);
    tcase_add_test(tcase, what_a_view_does_not_show_is_no_new_version_of_it);
    tcase_add_test(tcase, a_partial_document_tells_what_changed_since_the_acknowledged_version);
    tcase_add_test(tcase, what_said_that_it_is_over_is_not_ended_again);
    tcase_add_test(tcase, what_is_not_remembered_or_too_much_is_told_in_full);
    tcase_add_test(tcase, a_change_that_triggers_nothing_is_no_basis_for_a_partial_document);
    tcase_add_test(tcase, an_entity_tag_is_that_of_what_is_shown);
    tcase_add_test(tcase, an_entity_tag_knows_no_order_and_nothing_that_is_over);
    tcase_add_test(tcase, a_closed_view_says_nothing_whatever_changes);
    suite_add_tcase(suite, tcase);
    return suite;
}
