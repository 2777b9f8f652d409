/* test_filter_trigger.c - which changes of a document are worth a NOTIFY, and what it may cost. */
#include "tests/unit/pidf/filter.h"

#include <stdio.h>

Suite *pidf_filter_trigger_suite(void);

enum { BYTES_MAX = 1 << 20 };

#define ROOT                                                                                       \
    "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-"    \
    "model' xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' xmlns:e='urn:e' entity='a'>"
#define DOC(inner) ROOT inner "</presence>"
#define TUPLE(id, basic, more)                                                                     \
    "<tuple id='" id "'><status><basic>" basic "</basic></status>" more "</tuple>"
#define PERSON(id, inner) "<dm:person id='" id "'>" inner "</dm:person>"
#define N(value) "<e:n>" value "</e:n>"
#define TWO(a, b) DOC(TUPLE("a", a, "") TUPLE("b", b, ""))

#define CHANGED(attributes, path) "<changed" attributes ">" path "</changed>"
#define ADDED(path) "<added>" path "</added>"
#define REMOVED(path) "<removed>" path "</removed>"
#define TRIGGER(inner) "<trigger>" inner "</trigger>"
#define BASIC "/p:presence/p:tuple/p:status/p:basic"
#define OPENED TRIGGER(CHANGED(" from='closed' to='open'", BASIC))
#define BY(value) TRIGGER(CHANGED(" by='" value "'", "//e:n"))

struct change {
    const char *triggers;
    const char *before;
    const char *now;
    bool met;
};

/* clang-format off */
static const struct change changes[] = {
    /* section 3.6.1: a value that changes; the same value again is no change */
    {OPENED, TWO("closed", "closed"), TWO("closed", "open"), true},
    {OPENED, TWO("closed", "open"), TWO("closed", "open"), false},
    {OPENED, TWO("closed", "open"), TWO("closed", "closed"), false},
    {OPENED, TWO("closed", "open"), TWO("open", "closed"), true},
    {TRIGGER(CHANGED(" from='CLOSED' to='OPEN'", BASIC)), TWO("open", "closed"), TWO("open", "open"), true}, /* section 6.2 */
    {TRIGGER(CHANGED(" from='CLOSED'", "//e:n")), DOC(N("closed")), DOC(N("open")), false},
    {TRIGGER(CHANGED("", BASIC)), TWO("open", "open"), TWO("open", "closed"), true},
    {TRIGGER(CHANGED("", BASIC)), TWO("open", "open"), TWO("open", " open "), false},
    {TRIGGER(CHANGED("", BASIC)), DOC(TUPLE("a", "open", "")), DOC(TUPLE("a", "open", N("1"))), false},
    {TRIGGER(CHANGED("", "//p:tuple")), DOC(TUPLE("a", "open", N("1"))), DOC(TUPLE("a", "open", N("2"))), true},
    {TRIGGER(CHANGED("", "//r:activities")), DOC(PERSON("p", "<r:activities><r:away/></r:activities>")),
     DOC(PERSON("p", "<r:activities><r:meal/></r:activities>")), true},
    {TRIGGER(CHANGED("", "//e:x/@y")), DOC("<e:x y='1' z='1'/>"), DOC("<e:x y='1' z='2'/>"), false},
    {TRIGGER(CHANGED(" to='2'", "//e:x/@y")), DOC("<e:x y='1'/>"), DOC("<e:x y='2'/>"), true},
    {TRIGGER(CHANGED("", "//@y")), DOC("<e:x y='1'/>"), DOC("<e:x y='2'/>"), true},
    {TRIGGER(CHANGED(" from='open'", BASIC)), TWO("open", "open"), TWO("closed", "open"), true},
    {TRIGGER(CHANGED(" from='open'", BASIC)), TWO("closed", "open"), TWO("open", "open"), false},
    {TRIGGER(CHANGED(" to='open'", BASIC)), TWO("closed", "closed"), TWO("closed", "open"), true},
    {TRIGGER(CHANGED(" to='open'", BASIC)), TWO("open", "closed"), TWO("closed", "closed"), false},

    /* a thing is known by its id, wherever it stands; without one by its place */
    {OPENED, DOC(TUPLE("a", "closed", "") TUPLE("b", "open", "")), DOC(TUPLE("b", "open", "") TUPLE("a", "closed", "")), false},
    {OPENED, DOC(TUPLE("a", "closed", "") TUPLE("b", "open", "")), DOC(TUPLE("b", "open", "")), false},
    {TRIGGER(CHANGED("", "//e:n")), DOC(N("1") N("2")), DOC(N("2") N("1")), true},
    {TRIGGER(CHANGED(" from='1' to='2'", "//e:n")), DOC(PERSON("p", N("1"))), DOC(PERSON("q", N("2"))), true},

    /* what is not there has no value */
    {TRIGGER(CHANGED(" to='open'", BASIC)), DOC(TUPLE("a", "open", "")), TWO("open", "open"), true},
    {TRIGGER(CHANGED(" from='open'", BASIC)), TWO("open", "open"), DOC(TUPLE("a", "open", "")), true},
    {TRIGGER(CHANGED(" to='open'", BASIC)), TWO("open", "open"), DOC(TUPLE("a", "open", "")), false},
    {OPENED, DOC(TUPLE("a", "open", "")), TWO("open", "open"), false},
    {TRIGGER(CHANGED("", BASIC)), DOC(TUPLE("a", "open", "")), TWO("open", "open"), true},

    /* section 3.6.1.3 */
    {BY("2"), DOC(N("6")), DOC(N("7.9")), false},
    {BY("2"), DOC(N("6")), DOC(N("8")), true},
    {BY("2"), DOC(N("6")), DOC(N("4")), true},
    {BY("2"), DOC(N("6")), DOC(N("4.000001")), false},
    {BY("0.1"), DOC(N("0.2")), DOC(N("0.3")), true}, /* exact, not as binary fractions are */
    {BY("0"), DOC(N("6")), DOC(N("6")), false},
    {BY("2"), DOC(N("few")), DOC(N("many")), false},
    {BY("2"), DOC(""), DOC(N("6")), false},
    {BY("2"), DOC(N("-1")), DOC(N("+1")), true},
    {TRIGGER(CHANGED(" from='6' by='2'", "//e:n")), DOC(N("5")), DOC(N("9")), false},
    {TRIGGER(CHANGED(" from='6' to='9' by='2'", "//e:n")), DOC(N("6")), DOC(N("9")), true},

    /* sections 3.6.2 and 3.6.3 */
    {TRIGGER(ADDED("//p:tuple")), DOC(TUPLE("a", "open", "")), TWO("open", "open"), true},
    {TRIGGER(ADDED("//p:tuple")), TWO("open", "open"), DOC(TUPLE("a", "open", "")), false},
    {TRIGGER(ADDED("//p:tuple")), DOC(TUPLE("a", "open", "")), DOC(TUPLE("a", "closed", "")), false},
    {TRIGGER(ADDED("//p:tuple")), DOC(TUPLE("a", "open", "")), DOC(TUPLE("b", "open", "")), true},
    {TRIGGER(ADDED("//e:n")), DOC(N("1")), DOC(N("1") N("1")), true},
    {TRIGGER(ADDED("//e:x/@y")), DOC("<e:x/>"), DOC("<e:x y='1'/>"), true},
    {TRIGGER(ADDED("//r:away")), DOC(""), DOC(PERSON("p", "<r:activities><r:away/></r:activities>")), true},
    {TRIGGER(REMOVED("//p:tuple")), TWO("open", "open"), DOC(TUPLE("a", "open", "")), true},
    {TRIGGER(REMOVED("//p:tuple")), DOC(TUPLE("a", "open", "")), TWO("open", "open"), false},
    {TRIGGER(REMOVED("//e:x/@y")), DOC("<e:x y='1'/>"), DOC("<e:x/>"), true},
    {TRIGGER(REMOVED("//p:basic")), TWO("open", "open"), DOC(TUPLE("a", "open", "")), true},

    /* section 3.6: all within one trigger, any of several; an empty one is none */
    {TRIGGER(ADDED("//p:tuple") REMOVED("//e:n")), DOC(N("1")), DOC(TUPLE("a", "open", "") N("1")), false},
    {TRIGGER(ADDED("//p:tuple") REMOVED("//e:n")), DOC(N("1")), DOC(TUPLE("a", "open", "")), true},
    {TRIGGER(ADDED("//p:tuple")) TRIGGER(REMOVED("//e:n")), DOC(N("1")), DOC(TUPLE("a", "open", "") N("1")), true},
    {TRIGGER(ADDED("//p:tuple")) TRIGGER(REMOVED("//e:n")), DOC(N("1")), DOC(N("2")), false},
    {TRIGGER(ADDED("//p:tuple")) TRIGGER(""), DOC(N("1")), DOC(N("2")), false},
    {TRIGGER(""), DOC(N("1")), DOC(N("1")), true},

    /* the first NOTIFY, and what cannot be told */
    {OPENED, "", TWO("closed", "closed"), true},
    {OPENED, TWO("closed", "closed"), "broken", true},
};
/* clang-format on */

START_TEST(a_trigger_is_met_by_just_these_changes)
{
    const struct change *change = &changes[_i];
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter;
    char body[2048];

    (void)snprintf(body, sizeof(body), FILTER_SET("<filter id='1'>%s</filter>"), change->triggers);
    filter = read_filter(filterer, NULL, body);
    ck_assert_msg(filter_triggers(filterer, rules_of(filter), span_of(change->before),
                                  span_of(change->now)) == change->met,
                  "%s\n%s\n%s", change->triggers, change->before, change->now);
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

START_TEST(without_triggers_every_change_is_told)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(filterer, NULL, WHAT(INCLUDE("//p:note")));

    ck_assert(filter_triggers(filterer, rules_of(filter), SPAN(DOC("")), SPAN(DOC(N("1")))));
    ck_assert(filter_triggers(filterer, NULL, SPAN(DOC("")), SPAN(DOC(N("1")))));
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

/* ---- cost: counted, not timed ---- */

static void put_many(struct buffer *out, unsigned count)
{
    buffer_reset(out);
    buffer_put(out, SPAN(ROOT));
    for (unsigned i = 0; i < count; i++)
        buffer_put(out, SPAN(N("1")));
    buffer_put(out, SPAN("</presence>"));
}

START_TEST(work_beyond_its_limit_is_reported_and_never_hides_a_change)
{
    struct filter_limits limits = filter_limits_default;
    struct filterer *filterer;
    struct simple_filter *what, *trigger;
    struct buffer document, out;

    limits.work = 1000;
    filterer = filterer_new(&limits);
    what = read_filter(filterer, NULL, WHAT(INCLUDE("//*[e:n//e:n='1']")));
    trigger = read_filter(filterer, NULL, FILTER(TRIGGER(ADDED("//p:tuple"))));
    buffer_init(&document, BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
    put_many(&document, 2000);
    buffer_put_char(&out, 'x');
    ck_assert_int_eq(filter_apply(filterer, rules_of(what), buffer_span(&document), &out),
                     STATUS_LIMIT);
    ck_assert_uint_eq(out.len, 1);
    ck_assert(filter_triggers(filterer, rules_of(trigger), buffer_span(&document),
                              buffer_span(&document)));
    put_many(&document, 100);
    ck_assert(!filter_triggers(filterer, rules_of(trigger), buffer_span(&document),
                               buffer_span(&document)));
    simple_filter_free(what);
    simple_filter_free(trigger);
    filterer_free(filterer);
    buffer_deinit(&document);
    buffer_deinit(&out);
}
END_TEST

START_TEST(ten_thousand_siblings_are_paired_and_searched_in_one_pass)
{
    struct filter_limits limits = filter_limits_default;
    struct filterer *filterer;
    struct simple_filter *filter;
    struct buffer document;

    limits.work = 50000; /* two passes over both, with their text: a square would need 10^8 */
    filterer = filterer_new(&limits);
    filter = read_filter(filterer, NULL, FILTER(TRIGGER(ADDED("//*//e:n"))));
    buffer_init(&document, BYTES_MAX);
    put_many(&document, 10000);
    ck_assert(!filter_triggers(filterer, rules_of(filter), buffer_span(&document),
                               buffer_span(&document)));
    simple_filter_free(filter);
    filterer_free(filterer);
    buffer_deinit(&document);
}
END_TEST

START_TEST(an_overflowing_buffer_is_cut_back)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(filterer, NULL, WHAT(INCLUDE("//p:tuple")));
    char memory[64];
    struct buffer out;

    buffer_init_fixed(&out, memory, sizeof(memory));
    buffer_put(&out, SPAN("kept"));
    ck_assert_int_eq(filter_apply(filterer, rules_of(filter), SPAN(TWO("open", "open")), &out),
                     STATUS_LIMIT);
    ck_assert(span_equal(buffer_span(&out), SPAN("kept")));
    buffer_reset(&out);
    ck_assert_int_eq(filter_apply(filterer, rules_of(filter), SPAN("<broken"), &out),
                     STATUS_MALFORMED);
    ck_assert_uint_eq(out.len, 0);
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

Suite *pidf_filter_trigger_suite(void)
{
    Suite *suite = suite_create("pidf/filter_trigger");
    TCase *met = tcase_create("RFC 4661 section 3.6"), *cost = tcase_create("RFC 4660 section 8");

    tcase_add_loop_test(met, a_trigger_is_met_by_just_these_changes, 0,
                        sizeof(changes) / sizeof(changes[0]));
    tcase_add_test(met, without_triggers_every_change_is_told);
    tcase_add_test(cost, work_beyond_its_limit_is_reported_and_never_hides_a_change);
    tcase_add_test(cost, ten_thousand_siblings_are_paired_and_searched_in_one_pass);
    tcase_add_test(cost, an_overflowing_buffer_is_cut_back);
    suite_add_tcase(suite, met);
    suite_add_tcase(suite, cost);
    return suite;
}
