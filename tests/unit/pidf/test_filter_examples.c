/* test_filter_examples.c - the filters that RFC 4660 and RFC 4661 print, and what they make of the
 * documents beside them. */
#include "tests/unit/pidf/filter.h"
#include "tests/unit/pidf/schema.h"

#include <dirent.h>
#include <stdio.h>

Suite *pidf_filter_examples_suite(void);

enum { BYTES_MAX = 1 << 16 };

#define SET(bindings, filters)                                                                     \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<filter-set xmlns=\"urn:ietf:params:xml:ns:simple-filter\">" bindings filters "</filter-set>"
#define BINDINGS(inner) "<ns-bindings>" inner "</ns-bindings>"
#define PIDF "<ns-binding prefix=\"pidf\" urn=\"urn:ietf:params:xml:ns:pidf\"/>"
#define RPID "<ns-binding prefix=\"rpid\"\n urn=\"urn:ietf:params:xml:ns:pidf:rpid\"/>"
#define WI BINDINGS("<ns-binding prefix=\"wi\" urn=\"urn:ietf:params:xml:ns:watcherinfo\"/>")
#define FOR_PRESENTITY(inner)                                                                      \
    "<filter id=\"123\" uri=\"sip:presentity@example.com\">" inner "</filter>"

/* RFC 4660 section 7.1; an id may not begin with a digit, as the first one does there. */
#define PRESENCE(inner)                                                                            \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" " \
    "xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:presentity@example.com\">" inner \
    "</presence>"
#define IM(basic)                                                                                  \
    "<tuple id=\"t432sd\"><status><basic>" basic "</basic></status><rpid:class>IM</rpid:class>"    \
    "<contact>im:presentity@example.com</contact></tuple>"
#define VOICE(basic)                                                                               \
    "<tuple id=\"thr76jk\"><status><basic>" basic                                                  \
    "</basic></status><rpid:class>voice</rpid:class>"                                              \
    "<contact>tel:2224055555@example.com</contact></tuple>"

/* RFC 4660 section 7.2; every watcher has the same id there. */
#define WATCHERINFO(inner)                                                                         \
    "<?xml version=\"1.0\"?>\n<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" "          \
    "version=\"0\" state=\"full\"><watcher-list resource=\"sip:presentity@example.com\" "          \
    "package=\"presence\">" inner "</watcher-list></watcherinfo>"
#define WATCHER(status, seconds, event, who)                                                       \
    "<watcher status=\"" status "\" id=\"sr8fdsj\" duration-subscribed=\"" seconds                 \
    "\" expiration=\"20\" event=\"" event "\">sip:watcher" who "@example.com</watcher>"
#define A WATCHER("active", "509", "approved", "A")
#define B WATCHER("pending", "501", "subscribe", "B")
#define C WATCHER("terminated", "500", "rejected", "C")
#define D WATCHER("active", "20", "approved", "D")
#define B_REJECTED WATCHER("terminated", "501", "rejected", "B")

#define MESSAGING "[rpid:class=\"IM\" or rpid:class=\"SMS\"\n or rpid:class=\"MMS\"]"

struct example {
    const char *section;
    const char *filter;
    const char *document;
    const char *left;
};

/* clang-format off */
static const struct example examples[] = {
    {"4660 7.1.1", SET(BINDINGS(PIDF RPID), FOR_PRESENTITY("<what>"
        "<include type=\"xpath\">\n //pidf:tuple" MESSAGING "/pidf:status/pidf:basic\n</include>"
        "<include type=\"xpath\">\n //pidf:tuple" MESSAGING "/rpid:class\n</include>"
        "<include type=\"xpath\">\n //pidf:tuple" MESSAGING "/pidf:contact\n</include></what>")),
     PRESENCE(IM("closed") VOICE("open")), PRESENCE(IM("closed"))},
    {"4660 7.1.2", SET(BINDINGS(PIDF RPID), FOR_PRESENTITY("<what>"
        "<include type=\"xpath\">\n //pidf:tuple/pidf:status[pidf:basic=\"open\"]/pidf:basic\n</include>"
        "<include type=\"xpath\">\n //pidf:tuple[pidf:status/pidf:basic=\"open\"]/rpid:class\n</include>"
        "<include type=\"xpath\">\n //pidf:tuple[pidf:status/pidf:basic=\"open\"]/pidf:contact\n</include></what>")),
     PRESENCE(IM("closed") VOICE("open")), PRESENCE(VOICE("open"))},
    {"4660 7.2.1", SET(WI, FOR_PRESENTITY("<what><include>\n"
        "/wi:watcherinfo/wi:watcher-list[@package=\"presence\"]/\n wi:watcher[@status=\"active\"]\n</include></what>")),
     WATCHERINFO(A B C D), WATCHERINFO(A D)},
    {"4660 7.2.2", SET(WI, FOR_PRESENTITY("<what><include>\n"
        "/wi:watcherinfo/wi:watcher-list[@package=\"presence\"]/\n wi:watcher[@duration-subscribed>500]\n</include></what>")),
     WATCHERINFO(A B C D), WATCHERINFO(A B)},
    {"4660 7.2.3", SET(WI, FOR_PRESENTITY("<what><include>\n"
        "/wi:watcherinfo/wi:watcher-list[@package=\"presence\"]/\n wi:watcher[@status=\"terminated\" and @event=\"rejected\"]\n"
        "</include></what><trigger><changed from=\"pending\"\n to=\"terminated\">\n //@status\n</changed></trigger>")),
     WATCHERINFO(A B_REJECTED C D), WATCHERINFO(B_REJECTED C)},
    {"4661 6.1", SET(BINDINGS(PIDF RPID), FOR_PRESENTITY("<what><include type=\"xpath\">\n"
        "/pidf:presence/pidf:tuple" MESSAGING "/pidf:status/pidf:basic\n</include></what>")),
     PRESENCE(IM("closed") VOICE("open")),
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
     "entity=\"sip:presentity@example.com\"><tuple id=\"t432sd\"><status><basic>closed</basic></status></tuple></presence>"},
    {"4661 6.3", SET(WI, FOR_PRESENTITY("<what><include>\n"
        "/wi:watcherinfo/wi:watcher-list/wi:watcher[@status=\"pending\"\n or @status=\"waiting\"]\n</include></what>"
        "<trigger><changed to=\"pending\">\n/wi:watcherinfo/wi:watcher-list/wi:watcher/@status\n</changed></trigger>"
        "<trigger><changed to=\"waiting\">\n/wi:watcherinfo/wi:watcher-list/wi:watcher/@status\n</changed></trigger>")),
     WATCHERINFO(A B C D), WATCHERINFO(B)},
    {"4661 6.4", SET("", FOR_PRESENTITY("<what><include type=\"namespace\">\n urn:ietf:params:xml:ns:pidf\n</include></what>")),
     PRESENCE(IM("closed")),
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
     "entity=\"sip:presentity@example.com\"><tuple id=\"t432sd\"><status><basic>closed</basic></status>"
     "<contact>im:presentity@example.com</contact></tuple></presence>"},
    {"4661 6.5", /* uses a prefix that it does not bind */
     SET(BINDINGS("<ns-binding prefix=\"game-ext\" urn=\"urn:ietf:params:xml:ns:game-ext\"/>"),
        "<filter id=\"123\"><what><include>\n/pidf:presence/pidf:tuple/\n pidf:status[game-ext:label=\"game-X\"]\n</include></what></filter>"),
     PRESENCE(IM("open") "<tuple id=\"g\"><status><basic>open</basic><label xmlns=\"urn:ietf:params:xml:ns:game-ext\">game-X</label>"
              "</status><contact>sip:g@x</contact></tuple>"),
     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
     "entity=\"sip:presentity@example.com\"><tuple id=\"g\"><status><basic>open</basic>"
     "<label xmlns=\"urn:ietf:params:xml:ns:game-ext\">game-X</label></status></tuple></presence>"},
    {"4661 6.2", SET(BINDINGS(PIDF), FOR_PRESENTITY("<trigger><changed from=\"CLOSED\" to=\"OPEN\">\n"
        "/pidf:presence/pidf:tuple/pidf:status/pidf:basic\n</changed></trigger>")),
     PRESENCE(IM("closed") VOICE("open")), PRESENCE(IM("closed") VOICE("open"))},
};
/* clang-format on */

static void expect_left(struct filterer *filterer, const struct filter_rules *rules,
                        const char *document, const char *left)
{
    struct buffer out;

    buffer_init(&out, BYTES_MAX);
    ck_assert_int_eq(filter_apply(filterer, rules, span_of(document), &out), STATUS_OK);
    buffer_put_char(&out, '\0');
    ck_assert_str_eq(out.at, left);
    buffer_deinit(&out);
}

START_TEST(each_printed_filter_leaves_what_is_printed_behind_it)
{
    const struct example *example = &examples[_i];
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(filterer, NULL, example->filter);

    expect_left(filterer, rules_of(filter), example->document, example->left);
    if (strstr(example->left, "<presence") != NULL)
        ck_assert(schema_accepts(span_of(example->left)));
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

/* RFC 4660 section 7.1.3: the second document sends none, the third does. */
START_TEST(a_notify_is_sent_when_the_basic_status_opens)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = read_filter(
        filterer, NULL,
        SET(BINDINGS(PIDF), FOR_PRESENTITY("<trigger><changed from=\"closed\" to=\"open\">\n"
                                           "/pidf:presence/pidf:tuple/pidf:status/pidf:basic\n"
                                           "</changed></trigger>")));
    const struct span first = SPAN(PRESENCE(IM("closed") VOICE("open")));
    const struct span second = SPAN(PRESENCE(IM("closed") VOICE("closed")));
    const struct span third = SPAN(PRESENCE(IM("open") VOICE("closed")));

    ck_assert(!filter_triggers(filterer, rules_of(filter), first, second));
    ck_assert(filter_triggers(filterer, rules_of(filter), first, third));
    ck_assert(filter_triggers(filterer, rules_of(filter), second, third));
    expect_left(filterer, rules_of(filter), third.at, third.at);
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

START_TEST(a_watcher_that_becomes_pending_or_terminated_is_told)
{
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *rejected = read_filter(filterer, NULL, examples[4].filter);
    struct simple_filter *pending = read_filter(filterer, NULL, examples[6].filter);
    const struct span before = SPAN(WATCHERINFO(A B C D));
    const struct span now = SPAN(WATCHERINFO(A B_REJECTED C D));

    ck_assert_str_eq(examples[4].section, "4660 7.2.3");
    ck_assert_str_eq(examples[6].section, "4661 6.3");
    ck_assert(filter_triggers(filterer, rules_of(rejected), before, now));
    ck_assert(!filter_triggers(filterer, rules_of(rejected), now, before));
    ck_assert(!filter_triggers(filterer, rules_of(pending), before, now));
    ck_assert(filter_triggers(filterer, rules_of(pending), now, before));
    ck_assert(filter_triggers(filterer, rules_of(pending), SPAN(WATCHERINFO(A)), /* a new one */
                              SPAN(WATCHERINFO(A B))));
    simple_filter_free(rejected);
    simple_filter_free(pending);
    filterer_free(filterer);
}
END_TEST

/* RFC 4661 section 6.6 and RFC 4660 section 4.1: one filter for a list, one for somebody on it. */
START_TEST(a_list_and_its_member_have_a_filter_each)
{
    static const char set[] = SET(
        BINDINGS(PIDF RPID),
        "<filter id=\"8439\" uri=\"sip:buddies@example.com\"><what><include>\n"
        "/pidf:presence/pidf:tuple[rpid:class=\"service\"]/pidf:status/\n pidf:basic\n"
        "</include></what></filter>"
        "<filter id=\"999\" uri=\"sip:bob@example.com\"><what><include type=\"namespace\">\n"
        "urn:ietf:params:xml:ns:pidf\n</include><exclude>\n/pidf:presence/pidf:tuple/pidf:note\n"
        "</exclude></what></filter>");
    static const char document[] =
        PRESENCE("<tuple id=\"a\"><status><basic>open</basic></status><rpid:class>service"
                 "</rpid:class><note>x</note></tuple>");
    static const char bare[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence "
        "xmlns=\"urn:ietf:params:xml:ns:pidf\" "
        "entity=\"sip:presentity@example.com\"><tuple id=\"a\"><status><basic>open</basic>"
        "</status></tuple></presence>";
    const struct filter_scope scope = scope_of("sip:buddies@example.com");
    struct filterer *filterer = filterer_new(NULL);
    struct simple_filter *filter = NULL;
    const struct filter_rules *list, *bob;

    ck_assert_int_eq(simple_filter_update(filterer, &scope, NULL, SPAN(set), &filter, NULL),
                     FILTER_ACCEPTED);
    list = simple_filter_for(filter, SPAN("sip:carol@example.com"));
    bob = simple_filter_for(filter, SPAN("sip:bob@example.com"));
    ck_assert_ptr_nonnull(list);
    ck_assert_ptr_ne(list, bob);
    ck_assert_ptr_eq(list, simple_filter_for(filter, SPAN("sip:buddies@example.com")));
    expect_left(filterer, list, document, bare);
    expect_left(filterer, bob, document, bare);
    simple_filter_free(filter);
    filterer_free(filterer);
}
END_TEST

/* ---- the very bytes, where the reference folder is present ---- */

#define FOLDER REFERENCE_DIR "/xsd/examples"

static void read_example(struct filterer *filterer, const char *name)
{
    char path[512], body[8192];
    struct simple_filter *filter;
    size_t len;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", FOLDER, name);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    len = fread(body, 1, sizeof(body) - 1, file);
    body[len] = '\0';
    (void)fclose(file);
    filter = read_filter(filterer, NULL, body);
    ck_assert_ptr_nonnull(filter);
    simple_filter_free(filter);
}

START_TEST(every_filter_of_the_reference_folder_is_accepted)
{
    struct filterer *filterer = filterer_new(NULL);
    DIR *folder = opendir(FOLDER);
    unsigned count = 0;

    if (folder == NULL)
        printf("skipped: no %s\n", FOLDER);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (strstr(entry->d_name, "-filter-set-") != NULL) {
            read_example(filterer, entry->d_name);
            count++;
        }
    ck_assert(folder == NULL || count >= 12);
    if (folder != NULL)
        (void)closedir(folder);
    filterer_free(filterer);
}
END_TEST

Suite *pidf_filter_examples_suite(void)
{
    Suite *suite = suite_create("pidf/filter_examples");
    TCase *tcase = tcase_create("RFC 4660 section 7, RFC 4661 section 6");

    tcase_add_loop_test(tcase, each_printed_filter_leaves_what_is_printed_behind_it, 0,
                        sizeof(examples) / sizeof(examples[0]));
    tcase_add_test(tcase, a_notify_is_sent_when_the_basic_status_opens);
    tcase_add_test(tcase, a_watcher_that_becomes_pending_or_terminated_is_told);
    tcase_add_test(tcase, a_list_and_its_member_have_a_filter_each);
    tcase_add_test(tcase, every_filter_of_the_reference_folder_is_accepted);
    suite_add_tcase(suite, tcase);
    return suite;
}
