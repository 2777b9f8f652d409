/* test_check.c - what is refused, and with which words; what is only untidy, and passes. */
#include "pidf/pidf.h"
#include "tests/unit/run.h"

Suite *pidf_check_suite(void);

#define ROOT "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:a@b'>"
#define DOC(inner) ROOT inner "</presence>"

/* ---- one document ---- */

struct refusal {
    struct span body;
    enum status status;
    const char *phrase;
};

/* clang-format off */
static const struct refusal refusals[] = {
    {{"", 0}, STATUS_MALFORMED, "Empty Document"},
    {{" \r\n ", 4}, STATUS_MALFORMED, "Empty Document"},
#define BODY(text) {(text), sizeof(text) - 1}
    {BODY("presence"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(ROOT), STATUS_MALFORMED, "Malformed XML"},
    {BODY(ROOT "<tuple></presence>"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("") DOC("")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("") "x"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note a='1' a='2'/>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>a & b</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>&#0;</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>\x01</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("\0")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("") "\0<x/>"), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>caf\xe9</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>\xc0\xaf</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note>\xed\xa0\x80</note>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note a='\xff'/>")), STATUS_MALFORMED, "Malformed XML"},
    {BODY(DOC("<note xml:id='a'>&undeclared;</note>")), STATUS_MALFORMED, "Undeclared Entity"},
    {BODY(DOC("<dm:person id='p'/>")), STATUS_MALFORMED, "Undeclared Namespace Prefix"},
    {BODY(DOC("<tuple x:y='1' id='p'/>")), STATUS_MALFORMED, "Undeclared Namespace Prefix"},
    {BODY("<a/>"), STATUS_MALFORMED, "Not a PIDF Document"},
    {BODY("<presence/>"), STATUS_MALFORMED, "Not a PIDF Document"},
    {BODY("<presence xmlns='urn:ietf:params:xml:ns:cpim-pidf'/>"), STATUS_MALFORMED, "Not a PIDF Document"},
    {BODY("<tuple xmlns='urn:ietf:params:xml:ns:pidf'/>"), STATUS_MALFORMED, "Not a PIDF Document"},
    {BODY("<!DOCTYPE presence>" DOC("")), STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<!DOCTYPE presence SYSTEM 'http://127.0.0.1/x.dtd'>" DOC("")), STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<!DOCTYPE presence [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" DOC("<note>&x;</note>")),
     STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<!DOCTYPE presence [<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]>" DOC("")),
     STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<!DOCTYPE presence [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>"
          DOC("<note>&c;</note>")), STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("<!DOCTYPE presence [<!ATTLIST tuple id CDATA 'x'>]>" DOC("<tuple/>")),
     STATUS_MALFORMED, "DOCTYPE Not Allowed"},
    {BODY("\xff\xfe<\0a\0/\0>\0"), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("\xfe\xff\0<\0a\0/\0>"), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("<\0a\0/\0>\0"), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("\0<\0a\0/\0>"), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("<?xml version='1.0' encoding='UTF-7'?>" DOC("")), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("<?xml version='1.0' encoding='EBCDIC-US'?>" DOC("")), STATUS_MALFORMED, "Unsupported Encoding"},
    {BODY("<?xml version='1.0' encoding='no-such'?>" DOC("")), STATUS_MALFORMED, "Unsupported Encoding"},
};

static const struct span accepted[] = {
    BODY(DOC("")),
    BODY("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>" DOC("<tuple id='a'/>")),
    BODY("<?xml version='1.0' encoding='utf-8'?>" DOC("<note>caf\xc3\xa9</note>")),
    BODY("<?xml version='1.0' encoding='ISO-8859-1'?>" DOC("<note>caf\xe9</note>")),
    BODY("\xef\xbb\xbf<?xml version='1.0'?>" DOC("")),
    BODY("\r\n\r\n" DOC("") "\r\n"),
    BODY("<presence xmlns='urn:ietf:params:xml:ns:pidf'/>"),
    BODY(DOC("<note>&lt;&amp;&#x1F600;</note><!-- - --><?x y?>")),
    BODY(DOC("<x:y xmlns:x=' not a uri'/>")),
    BODY(DOC("<tuple/><status/><basic>maybe</basic>")),
};
/* clang-format on */

START_TEST(what_cannot_be_composed_is_refused_by_name)
{
    const struct refusal *refusal = &refusals[_i];
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_fault fault = {0};

    ck_assert_msg(pidf_check(composer, refusal->body, &fault) == refusal->status, SPAN_FMT,
                  SPAN_ARG(refusal->body));
    ck_assert_str_eq(fault.phrase, refusal->phrase);
    /* The next one is not judged by the last one's faults. */
    ck_assert_int_eq(pidf_check(composer, accepted[0], NULL), STATUS_OK);
    pidf_composer_free(composer);
}
END_TEST

START_TEST(what_is_only_untidy_passes)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_fault fault = {.phrase = "untouched"};

    ck_assert_int_eq(pidf_check(composer, accepted[_i], &fault), STATUS_OK);
    ck_assert_str_eq(fault.phrase, "untouched");
    pidf_composer_free(composer);
}
END_TEST

START_TEST(a_fault_has_its_line)
{
    struct pidf_composer *composer = pidf_composer_new(NULL);
    struct pidf_fault fault = {0};

    ck_assert_int_eq(pidf_check(composer,
                                SPAN("<presence\nxmlns='urn:ietf:params:xml:ns:pidf'>\n"
                                     "<a:b/></presence>"),
                                &fault),
                     STATUS_MALFORMED);
    ck_assert_uint_eq(fault.line, 3);
    pidf_composer_free(composer);
}
END_TEST

/* ---- limits: one below passes, one above is refused ---- */

struct limit {
    const char *begin;
    const char *repeated;
    const char *closing; /* repeated as often, behind the middle */
    const char *end;
    size_t limit;
    enum status status;
    const char *phrase;
};

static const struct limit limits[] = {
    {ROOT, "<e>", "</e>", "</presence>", 9, STATUS_MALFORMED, "Too Deep"},
    {ROOT, "<e/>", "", "</presence>", 19, STATUS_LIMIT, "Too Many Elements"},
    {ROOT "<e ", "a%u='=' ", "", "/></presence>", 5, STATUS_MALFORMED, "Too Many Attributes"},
    {ROOT, "<e xmlns='urn:%u'/>", "", "</presence>", 7, STATUS_MALFORMED, "Too Many Namespaces"},
    {ROOT "<e ", "xmlns:a%u='u' ", "", "/></presence>", 5, STATUS_MALFORMED, "Too Many Attributes"},
    {ROOT "<!--", " a%u=", "", "--></presence>", 400, STATUS_LIMIT, "Document Too Large"},
};

static void compose_many(const struct limit *limit, size_t count, struct buffer *out)
{
    buffer_reset(out);
    buffer_put(out, span_of(limit->begin));
    for (unsigned i = 0; i < count; i++) {
        const char *number = strstr(limit->repeated, "%u");
        size_t head = number == NULL ? strlen(limit->repeated) : (size_t)(number - limit->repeated);

        buffer_put(out, (struct span){limit->repeated, head});
        if (number == NULL)
            continue;
        buffer_put_u64(out, i);
        buffer_put(out, span_of(number + 2));
    }
    for (size_t i = 0; i < count; i++)
        buffer_put(out, span_of(limit->closing));
    buffer_put(out, span_of(limit->end));
}

START_TEST(limits_are_met_to_the_last_one)
{
    const struct pidf_limits small = {
        .bytes = 2048, .depth = 10, .elements = 20, .attributes = 5, .namespaces = 7};
    struct pidf_composer *composer = pidf_composer_new(&small);
    struct pidf_fault fault = {0};
    struct buffer body;

    buffer_init(&body, 1 << 20);
    if (limits[_i].status != STATUS_LIMIT || limits[_i].limit < 100) {
        compose_many(&limits[_i], limits[_i].limit, &body);
        ck_assert_int_eq(pidf_check(composer, buffer_span(&body), &fault), STATUS_OK);
    }
    compose_many(&limits[_i], limits[_i].limit + 1, &body);
    ck_assert_int_eq(pidf_check(composer, buffer_span(&body), &fault), limits[_i].status);
    ck_assert_str_eq(fault.phrase, limits[_i].phrase);
    buffer_deinit(&body);
    pidf_composer_free(composer);
}
END_TEST

Suite *pidf_check_suite(void)
{
    Suite *suite = suite_create("pidf/check");
    TCase *rfc = tcase_create("RFC 3863 section 4.1"), *limit = tcase_create("limits");

    tcase_add_loop_test(rfc, what_cannot_be_composed_is_refused_by_name, 0,
                        (int)(sizeof(refusals) / sizeof(refusals[0])));
    tcase_add_loop_test(rfc, what_is_only_untidy_passes, 0,
                        (int)(sizeof(accepted) / sizeof(accepted[0])));
    tcase_add_test(rfc, a_fault_has_its_line);
    tcase_add_loop_test(limit, limits_are_met_to_the_last_one, 0,
                        (int)(sizeof(limits) / sizeof(limits[0])));
    suite_add_tcase(suite, rfc);
    suite_add_tcase(suite, limit);
    return suite;
}
