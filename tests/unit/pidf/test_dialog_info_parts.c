/* test_dialog_info_parts.c - keys that stay, ends, and the document around the parts. */
#include "pidf/dialog/dialog_info.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

Suite *pidf_dialog_info_parts_suite(void);

enum { BYTES_MAX = 4096 };

#define DOC(inner)                                                                                 \
    "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' "            \
    "entity='sip:a@b'>" inner "</dialog-info>"
#define DIALOG(id, leg, state) "<dialog id='" id "' " leg "><state>" state "</state></dialog>"
#define BODY(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define LEG(remote) "call-id='c' local-tag='l' remote-tag='" remote "'"

static struct dialog_info_composer *composer;
static struct parts parts;
static struct buffer out;

static void setup(void)
{
    composer = dialog_info_composer_new(NULL);
    parts_init(&parts, BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
}

static void teardown(void)
{
    buffer_deinit(&out);
    parts_deinit(&parts);
    dialog_info_composer_free(composer);
}

static void compose(unsigned view, const struct dialog_info_source sources[], size_t count)
{
    parts_reset(&parts);
    dialog_info_compose(composer, view, sources, count, &parts);
}

static void expect_key(size_t i, const char *key)
{
    struct span got = parts_get(&parts, i).key;

    ck_assert_msg(span_equal(got, span_of(key)), "%s but " SPAN_FMT, key, SPAN_ARG(got));
}

static void expect_out(const char *text)
{
    ck_assert_msg(span_equal(buffer_span(&out), span_of(text)), "expected %s\ngot " SPAN_FMT, text,
                  SPAN_ARG(buffer_span(&out)));
}

/* ---- keys: section 4.3 has watchers index dialogs by them ---- */

START_TEST(a_dialog_keeps_its_key_when_others_come_and_go)
{
    const struct dialog_info_source sources[] = {
        {.body = SPAN(DOC(DIALOG("x", "", "early"))), .publication = 9, .sequence = 1},
        {.body = SPAN(DOC(DIALOG("x", "", "confirmed"))), .publication = 3, .sequence = 2},
        {.body = SPAN(DOC(DIALOG("x", "", "trying"))), .publication = 12, .sequence = 3},
    };

    compose(0, sources, 1);
    expect_key(0, "9.x");
    compose(0, sources, 3);
    ck_assert_uint_eq(parts.count, 3);
    expect_key(0, "3.x");
    expect_key(1, "9.x");
    expect_key(2, "c.x");
}
END_TEST

START_TEST(a_half_dialog_keeps_its_key_when_it_gets_its_remote_tag)
{
    struct dialog_info_source source = {
        .body = SPAN(DOC(DIALOG("x", "call-id='c' local-tag='l'", "trying"))), .publication = 1};

    compose(0, &source, 1);
    expect_key(0, "1.x");
    source.body = SPAN(DOC(DIALOG("x", LEG("r"), "early")));
    compose(0, &source, 1);
    expect_key(0, "1.x");
}
END_TEST

START_TEST(a_branch_keeps_its_key_while_another_with_its_id_is_listed_before_it)
{
    const struct dialog_info_source two = {
        .body = SPAN(DOC(DIALOG("x", LEG("r1"), "early") DIALOG("x", LEG("r2"), "early"))),
        .publication = 1};
    const struct dialog_info_source more = {
        .body = SPAN(DOC(DIALOG("x", LEG("r1"), "early") DIALOG("x", LEG("r3"), "early")
                             DIALOG("x", LEG("r2"), "confirmed"))),
        .publication = 1};
    char key[64];
    struct span second;

    compose(0, &two, 1);
    ck_assert_uint_eq(parts.count, 2);
    expect_key(0, "1.x");
    second = parts_get(&parts, 1).key;
    ck_assert_uint_lt(second.len, sizeof(key));
    memcpy(key, second.at, second.len);
    key[second.len] = '\0';
    compose(0, &more, 1);
    ck_assert_uint_eq(parts.count, 3);
    expect_key(0, "1.x");
    expect_key(2, key);
}
END_TEST

START_TEST(no_two_publications_make_one_key)
{
    const struct dialog_info_source sources[] = {
        {.body = SPAN(DOC(DIALOG("1.x", "", "early"))), .publication = 1},
        {.body = SPAN(DOC(DIALOG("x", "", "early"))), .publication = 0x11},
        {.body = SPAN(DOC(DIALOG(".x", "", "early"))), .publication = 0x111},
        {.body = SPAN(DOC(DIALOG("x", "", "early"))), .publication = -1},
    };

    compose(0, sources, 4);
    ck_assert_uint_eq(parts.count, 4);
    expect_key(0, "ffffffffffffffff.x");
    expect_key(1, "1.1.x");
    expect_key(2, "11.x");
    expect_key(3, "111..x");
}
END_TEST

START_TEST(a_terminated_dialog_is_the_last_word)
{
    const struct dialog_info_source source = {
        .body = SPAN(DOC(DIALOG("x", "", "confirmed") DIALOG("y", "", "terminated"))),
        .publication = 1};

    compose(0, &source, 1);
    expect_key(0, "1.y");
    ck_assert(parts_get(&parts, 0).last);
    expect_key(1, "1.x");
    ck_assert(!parts_get(&parts, 1).last);
    ck_assert_int_eq(parts_get(&parts, 1).deadline_us, 0);
    compose(DIALOG_INFO_SINGLE, &source, 1);
    ck_assert_uint_eq(parts.count, 1);
    expect_key(0, "1");
    ck_assert(!parts_get(&parts, 0).last);
    compose(DIALOG_INFO_BASIC_ONLY, &source, 1);
    ck_assert_uint_eq(parts.count, 1);
    expect_key(0, "1");
    ck_assert(!parts_get(&parts, 0).last);
}
END_TEST

START_TEST(the_virtual_dialog_ends_with_the_last_call)
{
    const struct dialog_info_source source = {
        .body = SPAN(DOC(DIALOG("x", "", "terminated") DIALOG("y", "", "terminated"))),
        .publication = 1};

    compose(DIALOG_INFO_BASIC_ONLY, &source, 1);
    ck_assert_uint_eq(parts.count, 1);
    ck_assert(parts_get(&parts, 0).last);
    compose(DIALOG_INFO_SINGLE, &source, 1);
    ck_assert_uint_eq(parts.count, 1);
    ck_assert(parts_get(&parts, 0).last);
}
END_TEST

/* Who may know busy or not gets the same octets from ringing to hanging up, so no NOTIFY either. */
START_TEST(ringing_and_talking_are_the_same_to_who_may_know_busy_or_not)
{
    struct dialog_info_source source = {.body = SPAN(DOC(DIALOG("x", LEG("r"), "trying"))),
                                        .publication = 1};

    compose(DIALOG_INFO_BASIC_ONLY, &source, 1);
    buffer_put(&out, parts_get(&parts, 0).octets);
    expect_out("<dialog id=\"1\"><state>confirmed</state></dialog>");
    source.body = SPAN(DOC(DIALOG("x", LEG("r"), "confirmed") DIALOG("y", "", "early")));
    compose(DIALOG_INFO_BASIC_ONLY, &source, 1);
    ck_assert(span_equal(parts_get(&parts, 0).octets, buffer_span(&out)));
}
END_TEST

START_TEST(parts_that_have_no_room_are_told)
{
    const struct dialog_info_source source = {
        .body = SPAN(DOC(DIALOG("x", "", "early") DIALOG("y", "", "early"))), .publication = 1};
    struct parts small;

    parts_init(&small, 60);
    dialog_info_compose(composer, 0, &source, 1, &small);
    ck_assert_uint_eq(small.count, 1);
    ck_assert(parts_overflowed(&small));
    parts_deinit(&small);
}
END_TEST

/* ---- the document ---- */

START_TEST(a_document_has_version_state_and_entity)
{
    const struct part part = {.octets = SPAN("<dialog id=\"1\"><state>early</state></dialog>")};

    dialog_info_wrap(SPAN("sip:a&\"b\x01\xc3\xa9@c"), UINT32_MAX, false, &part, 1, &out);
    expect_out("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"4294967295\" "
               "state=\"partial\" entity=\"sip:a&amp;&quot;b%01%C3%A9@c\">"
               "<dialog id=\"1\"><state>early</state></dialog></dialog-info>\n");
    ck_assert(schema_file_accepts("dialog-info.xsd", buffer_span(&out)));
}
END_TEST

START_TEST(a_document_without_dialogs_puts_the_lamp_out)
{
    dialog_info_wrap(SPAN("sip:a@b"), 0, true, NULL, 0, &out);
    expect_out("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" "
               "state=\"full\" entity=\"sip:a@b\"></dialog-info>\n");
}
END_TEST

/* ---- what is reported no more ---- */

struct end {
    struct span body;
    const char *ended;
};

/* clang-format off */
static const struct end ends[] = {
    {BODY(DOC("<dialog id='a>b' call-id='c>&quot;' local-tag='l' direction='initiator'><state code='200'>confirmed</state><duration>7</duration><local/></dialog>")),
     "<dialog id=\"7.a&gt;b\" call-id=\"c&gt;&quot;\" local-tag=\"l\" direction=\"initiator\"><state>terminated</state></dialog>"},
    {BODY(DOC("<dialog id='a'><state>early</state><e:x xmlns:e='urn:>'/></dialog>")),
     "<dialog xmlns:e=\"urn:&gt;\" id=\"7.a\"><state>terminated</state></dialog>"},
    {BODY(DOC("<dialog id='a'><state>trying</state></dialog>")),
     "<dialog id=\"7.a\"><state>terminated</state></dialog>"},
};
/* clang-format on */

START_TEST(a_dialog_that_vanished_is_said_to_have_ended)
{
    const struct dialog_info_source source = {.body = ends[_i].body, .publication = 7};
    struct part ended;
    struct buffer document;

    compose(0, &source, 1);
    dialog_info_end(parts_get(&parts, 0).octets, &out);
    expect_out(ends[_i].ended);
    ended = (struct part){.octets = buffer_span(&out)};
    buffer_init(&document, BYTES_MAX);
    dialog_info_wrap(SPAN("sip:a@b"), 1, false, &ended, 1, &document);
    ck_assert(schema_file_accepts("dialog-info.xsd", buffer_span(&document)));
    buffer_deinit(&document);
}
END_TEST

/* With the same octets as when a publisher says so: how it ended is not for this watcher. */
START_TEST(the_virtual_dialog_ends_the_same_way_when_it_vanishes)
{
    const struct dialog_info_source source = {.body = SPAN(DOC(DIALOG("x", "", "early"))),
                                              .publication = 1};

    compose(DIALOG_INFO_BASIC_ONLY, &source, 1);
    dialog_info_end(parts_get(&parts, 0).octets, &out);
    expect_out("<dialog id=\"1\"><state>terminated</state></dialog>");
}
END_TEST

Suite *pidf_dialog_info_parts_suite(void)
{
    Suite *suite = suite_create("pidf/dialog_info_parts");
    TCase *keys = tcase_create("RFC 4235 section 4.3"), *around = tcase_create("section 4.1");
    TCase *ended = tcase_create("section 3.7.1");

    tcase_add_checked_fixture(keys, setup, teardown);
    tcase_add_checked_fixture(around, setup, teardown);
    tcase_add_checked_fixture(ended, setup, teardown);
    tcase_add_test(keys, a_dialog_keeps_its_key_when_others_come_and_go);
    tcase_add_test(keys, a_half_dialog_keeps_its_key_when_it_gets_its_remote_tag);
    tcase_add_test(keys, a_branch_keeps_its_key_while_another_with_its_id_is_listed_before_it);
    tcase_add_test(keys, no_two_publications_make_one_key);
    tcase_add_test(keys, a_terminated_dialog_is_the_last_word);
    tcase_add_test(keys, the_virtual_dialog_ends_with_the_last_call);
    tcase_add_test(keys, ringing_and_talking_are_the_same_to_who_may_know_busy_or_not);
    tcase_add_test(keys, parts_that_have_no_room_are_told);
    tcase_add_test(around, a_document_has_version_state_and_entity);
    tcase_add_test(around, a_document_without_dialogs_puts_the_lamp_out);
    tcase_add_loop_test(ended, a_dialog_that_vanished_is_said_to_have_ended, 0,
                        (int)(sizeof(ends) / sizeof(ends[0])));
    tcase_add_test(ended, the_virtual_dialog_ends_the_same_way_when_it_vanishes);
    suite_add_tcase(suite, keys);
    suite_add_tcase(suite, around);
    suite_add_tcase(suite, ended);
    return suite;
}
