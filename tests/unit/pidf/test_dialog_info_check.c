/* test_dialog_info_check.c - which bodies are refused, and with which words; what passes. */
#include "pidf/dialog/dialog_info.h"
#include "tests/unit/run.h"

Suite *pidf_dialog_info_check_suite(void);

#define ROOT "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='0' state='full' "
#define DOC(inner) ROOT "entity='sip:a@b'>" inner "</dialog-info>"
#define WITH(attributes)                                                                           \
    "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' " attributes "></dialog-info>"
#define BODY(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

struct refusal {
    struct span body;
    enum status status;
    const char *phrase;
};

/* clang-format off */
static const struct refusal refusals[] = {
    {BODY(""), STATUS_MALFORMED, "Empty Document"},
    {BODY("dialog-info"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(ROOT ">"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<dialog id='a'><state>early</dialog>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<x:dialog id='a'/>")), STATUS_MALFORMED, "Undeclared Namespace Prefix"},
    {BODY("<!DOCTYPE dialog-info [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" DOC("")), STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<?xml version='1.0' encoding='UTF-7'?>" DOC("")), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("<dialog-info version='0' state='full' entity='sip:a@b'/>"), STATUS_MALFORMED, "Not a dialog-info Document"},
    {BODY("<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"), STATUS_MALFORMED, "Not a dialog-info Document"},
    {BODY("<dialog xmlns='urn:ietf:params:xml:ns:dialog-info'/>"), STATUS_MALFORMED, "Not a dialog-info Document"},
    {BODY(WITH("version='-1'")), STATUS_MALFORMED, "Bad Document Version"},
    {BODY(WITH("version=''")), STATUS_MALFORMED, "Bad Document Version"},
    {BODY(WITH("version='one'")), STATUS_MALFORMED, "Bad Document Version"},
    {BODY(WITH("state='whole'")), STATUS_MALFORMED, "Bad Document State"},
    {BODY(DOC("<dialog id='a'/>")), STATUS_MALFORMED, "Dialog Without State"},
    {BODY(DOC("<dialog id='a'>...</dialog>")), STATUS_MALFORMED, "Dialog Without State"}, /* section 4.1.1 */
    {BODY(DOC("<dialog id='a'><state xmlns=''>early</state></dialog>")), STATUS_MALFORMED, "Dialog Without State"},
    {BODY(DOC("<dialog id='a'><state>ringing</state></dialog>")), STATUS_MALFORMED, "Unknown Dialog State"},
    {BODY(DOC("<dialog id='a'><state/></dialog>")), STATUS_MALFORMED, "Unknown Dialog State"},
    {BODY(DOC("<dialog id='a'><state>early</state></dialog><dialog id='b'/>")), STATUS_MALFORMED, "Dialog Without State"},
};

static const struct span accepted[] = {
    BODY(DOC("")),
    BODY(WITH("")),
    BODY(WITH("version='00000000001' state='partial'")),
    BODY(WITH("version=' 4294967295 ' state=' Full '")),
    BODY(WITH("notify-state='full'")), /* section 4.1 */
    BODY("\r\n<?xml version='1.0'?>" DOC("<dialog><state>confirmed</state></dialog>")),
    BODY(DOC("<dialog id='a'><state> Terminated\n</state></dialog>")),
    BODY(DOC("<dialog id='a'><state event='who knows' code='x'>early</state><x/></dialog>")),
    BODY(DOC("<dialog id='a'><state>nothing</state><state>early</state></dialog>")),
    BODY(DOC("text<note/><e:x xmlns:e='urn:e'/>")),
    BODY("<d:dialog-info xmlns:d='urn:ietf:params:xml:ns:dialog-info'><d:dialog id='1'><d:state>early"
         "</d:state></d:dialog></d:dialog-info>"),
};
/* clang-format on */

START_TEST(what_no_lamp_can_show_is_refused_by_name)
{
    const struct refusal *refusal = &refusals[_i];
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct pidf_fault fault = {0};

    ck_assert_msg(dialog_info_check(composer, refusal->body, &fault) == refusal->status, SPAN_FMT,
                  SPAN_ARG(refusal->body));
    ck_assert_str_eq(fault.phrase, refusal->phrase);
    ck_assert_int_eq(dialog_info_check(composer, refusal->body, NULL), refusal->status);
    /* The next one is not judged by the last one's faults. */
    ck_assert_int_eq(dialog_info_check(composer, accepted[0], NULL), STATUS_OK);
    dialog_info_composer_free(composer);
}
END_TEST

START_TEST(what_is_only_untidy_passes)
{
    struct dialog_info_composer *composer = dialog_info_composer_new(NULL);
    struct pidf_fault fault = {.phrase = "untouched"};

    ck_assert_msg(dialog_info_check(composer, accepted[_i], &fault) == STATUS_OK, SPAN_FMT,
                  SPAN_ARG(accepted[_i]));
    ck_assert_str_eq(fault.phrase, "untouched");
    dialog_info_composer_free(composer);
}
END_TEST

START_TEST(the_limits_are_those_of_the_composer)
{
    const struct pidf_limits small = {
        .bytes = 200, .depth = 2, .elements = 3, .attributes = 8, .namespaces = 1};
    struct dialog_info_composer *composer = dialog_info_composer_new(&small);
    struct pidf_fault fault = {0};

    ck_assert_int_eq(dialog_info_check(composer, SPAN(DOC("<a/><a/>")), &fault), STATUS_OK);
    ck_assert_int_eq(dialog_info_check(composer, SPAN(DOC("<a/><a/><a/>")), &fault), STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Too Many Elements");
    ck_assert_int_eq(dialog_info_check(composer, SPAN(DOC("<a><a/></a>")), &fault),
                     STATUS_MALFORMED);
    ck_assert_str_eq(fault.phrase, "Too Deep");
    ck_assert_int_eq(
        dialog_info_check(composer,
                          SPAN(DOC("<!-- a comment that is long enough to be too long for a body "
                                   "that may have two hundred bytes and not one more -->")),
                          &fault),
        STATUS_LIMIT);
    ck_assert_str_eq(fault.phrase, "Document Too Large");
    dialog_info_composer_free(composer);
}
END_TEST

Suite *pidf_dialog_info_check_suite(void)
{
    Suite *suite = suite_create("pidf/dialog_info_check");
    TCase *tcase = tcase_create("RFC 4235 section 4");

    tcase_add_loop_test(tcase, what_no_lamp_can_show_is_refused_by_name, 0,
                        (int)(sizeof(refusals) / sizeof(refusals[0])));
    tcase_add_loop_test(tcase, what_is_only_untidy_passes, 0,
                        (int)(sizeof(accepted) / sizeof(accepted[0])));
    tcase_add_test(tcase, the_limits_are_those_of_the_composer);
    suite_add_tcase(suite, tcase);
    return suite;
}
