/* test_rlmi.c - list notifications, taken apart again as a watcher would (RFC 4662, RFC 2046). */
#include "pidf/event/rlmi.h"
#include "server/base/must.h"
#include "tests/unit/pidf/hostile.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

#include <stdlib.h>

Suite *pidf_rlmi_suite(void);

enum { BYTES_MAX = 1 << 24, CONTENT_TYPE_MAX = 512, PARTS_MAX = 64, MANY = 10000 };

#define TOKEN "nXYxAE5bUZBsM"
#define HOST "pres.vancouver.example.com"
#define PIDF_TYPE "application/pidf+xml;charset=\"UTF-8\""

static struct buffer out, content_type;

static void setup(void)
{
    buffer_init(&out, BYTES_MAX);
    buffer_init(&content_type, CONTENT_TYPE_MAX);
}

static void teardown(void)
{
    buffer_deinit(&out);
    buffer_deinit(&content_type);
}

/* ---- a reader of multipart/related that knows nothing of the writer ---- */

struct mime_part {
    struct span id; /* without angle brackets */
    struct span type;
    struct span encoding;
    struct span body;
};

struct mime {
    struct mime_part parts[PARTS_MAX];
    size_t count;
    struct span start;
    struct span boundary;
};

static struct span between(struct span text, const char *open, const char *close)
{
    const char *from = memmem(text.at, text.len, open, strlen(open)), *to;

    if (from == NULL)
        return (struct span){0};
    from += strlen(open);
    to = memmem(from, (size_t)(text.at + text.len - from), close, strlen(close));
    return to == NULL ? (struct span){0} : span_between(from, to);
}

static struct mime_part read_part(struct span part)
{
    const char *blank = memmem(part.at, part.len, "\r\n\r\n", 4);
    struct span head;

    ck_assert_ptr_nonnull(blank);
    head = span_between(part.at, blank + 2);
    return (struct mime_part){
        .id = between(head, "\r\nContent-ID: <", ">\r\n"),
        .type = between(head, "\r\nContent-Type: ", "\r\n"),
        .encoding = between(head, "\r\nContent-Transfer-Encoding: ", "\r\n"),
        .body = span_between(blank + 4, part.at + part.len),
    };
}

/* The last parameter, a token: Linphone takes quotes for a part of it. */
static struct span boundary_of(struct span type)
{
    const char *from = memmem(type.at, type.len, ";boundary=", strlen(";boundary="));
    struct span boundary;

    ck_assert_ptr_nonnull(from);
    boundary = span_between(from + strlen(";boundary="), type.at + type.len);
    ck_assert_ptr_null(span_find(boundary, '"'));
    return boundary;
}

/* RFC 2046 section 5.1.1: a delimiter begins a line; the CRLF in front belongs to it. */
static void read_mime(struct mime *mime, struct span type, struct span text)
{
    char delimiter[80];
    const char *at, *end = text.at + text.len;

    memset(mime, 0, sizeof(*mime));
    ck_assert(span_begins(type, SPAN("multipart/related;")));
    ck_assert(span_equal(between(type, ";type=\"", "\""), SPAN("application/rlmi+xml")));
    mime->start = between(type, ";start=\"<", ">\"");
    mime->boundary = boundary_of(type);
    ck_assert(mime->boundary.len > 0 && mime->boundary.len <= 70);
    snprintf(delimiter, sizeof(delimiter), "\r\n--" SPAN_FMT, SPAN_ARG(mime->boundary));
    ck_assert(span_begins(text, span_of(delimiter + 2)));
    at = text.at + strlen(delimiter) - 2;
    while (!span_begins(span_between(at, end), SPAN("--"))) {
        const char *next = memmem(at, (size_t)(end - at), delimiter, strlen(delimiter));

        ck_assert_ptr_nonnull(next);
        ck_assert_uint_lt(mime->count, PARTS_MAX);
        mime->parts[mime->count++] = read_part(span_between(at, next));
        at = next + strlen(delimiter);
    }
    ck_assert(span_equal(span_between(at, end), SPAN("--\r\n")));
}

static const struct mime_part *part_of(const struct mime *mime, struct span cid)
{
    for (size_t i = 0; i < mime->count; i++)
        if (span_equal(mime->parts[i].id, cid))
            return &mime->parts[i];
    return NULL;
}

/* ---- composing ---- */

static struct rlmi_list list_of(const struct rlmi_resource resources[], size_t count)
{
    return (struct rlmi_list){
        .uri = SPAN("sip:adam-friends@pres.vancouver.example.com"),
        .version = 1,
        .full = true,
        .resources = resources,
        .count = count,
        .token = SPAN(TOKEN),
        .host = SPAN(HOST),
    };
}

static void compose(const struct rlmi_list *list, struct mime *mime)
{
    buffer_reset(&out);
    buffer_reset(&content_type);
    ck_assert_int_eq(rlmi_compose(list, &out, &content_type), STATUS_OK);
    read_mime(mime, buffer_span(&content_type), buffer_span(&out));
    ck_assert(span_equal(mime->parts[0].id, mime->start));
    ck_assert(span_equal(mime->parts[0].type, SPAN("application/rlmi+xml;charset=\"UTF-8\"")));
    ck_assert(schema_file_accepts("rlmi.xsd", mime->parts[0].body));
}

static struct rlmi_resource bob(void)
{
    return (struct rlmi_resource){
        .uri = SPAN("sip:bob@vancouver.example.com"),
        .name = SPAN("Bob Smith"),
        .instance_id = SPAN("juwigmtboe"),
        .state = RLMI_STATE_ACTIVE,
        .body = SPAN("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:bob'/>\r\n"),
        .content_type = SPAN(PIDF_TYPE),
    };
}

/* ---- RFC 4662 section 6 ---- */

START_TEST(adams_first_notification_is_written_as_in_the_rfc)
{
    const struct rlmi_resource resources[] = {
        bob(),
        {
            .uri = SPAN("sip:dave@vancouver.example.com"),
            .name = SPAN("Dave Jones"),
            .instance_id = SPAN("hqzsuxtfyq"),
            .state = RLMI_STATE_ACTIVE,
            .body = SPAN("<presence/>"),
            .content_type = SPAN(PIDF_TYPE),
        },
        {.uri = SPAN("sip:ed@dallas.example.net"), .name = SPAN("Ed at NET")},
        {
            .uri = SPAN("sip:adam-friends@stockholm.example.org"),
            .name = SPAN("My Friends at ORG"),
            .language = SPAN("en"),
        },
    };
    struct rlmi_list list = list_of(resources, 4);
    struct mime mime;

    list.name = SPAN("Buddy List at COM");
    list.language = SPAN("en");
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 3);
    ck_assert(span_equal(
        mime.parts[0].body,
        SPAN("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" "
             "uri=\"sip:adam-friends@pres.vancouver.example.com\" version=\"1\" "
             "fullState=\"true\"><name xml:lang=\"en\">Buddy List at COM</name>"
             "<resource uri=\"sip:bob@vancouver.example.com\"><name>Bob Smith</name>"
             "<instance id=\"juwigmtboe\" state=\"active\" cid=\"1." TOKEN "@" HOST "\"/>"
             "</resource><resource uri=\"sip:dave@vancouver.example.com\">"
             "<name>Dave Jones</name><instance id=\"hqzsuxtfyq\" state=\"active\" "
             "cid=\"2." TOKEN "@" HOST "\"/></resource>"
             "<resource uri=\"sip:ed@dallas.example.net\"><name>Ed at NET</name></resource>"
             "<resource uri=\"sip:adam-friends@stockholm.example.org\">"
             "<name xml:lang=\"en\">My Friends at ORG</name></resource></list>")));
}
END_TEST

START_TEST(every_body_is_found_by_its_content_id_octet_for_octet)
{
    const struct rlmi_resource resources[] = {bob(), {.uri = SPAN("sip:ed@b")}, bob()};
    const struct rlmi_list list = list_of(resources, 3);
    struct mime mime;

    compose(&list, &mime);
    for (size_t i = 0; i < 2; i++) {
        struct span cid = i == 0 ? SPAN("1." TOKEN "@" HOST) : SPAN("3." TOKEN "@" HOST);
        const struct mime_part *part = part_of(&mime, cid);

        ck_assert_ptr_nonnull(part);
        ck_assert(span_equal(part->body, resources[0].body));
        ck_assert(span_equal(part->type, SPAN(PIDF_TYPE)));
        ck_assert(span_equal(part->encoding, SPAN("binary")));
    }
}
END_TEST

/* ---- RFC 4662 section 5 ---- */

START_TEST(an_empty_list_is_a_body_of_one_part)
{
    struct rlmi_list list = list_of(NULL, 0);
    struct mime mime;

    list.version = 4294967295;
    list.full = false;
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 1);
    ck_assert(span_equal(between(buffer_span(&out), "example.com\" ", "></list>"),
                         SPAN("version=\"4294967295\" fullState=\"false\"")));
}
END_TEST

START_TEST(instances_that_are_not_active_say_why_and_need_no_body)
{
    const struct rlmi_resource resources[] = {
        {
            .uri = SPAN("sip:a@b"),
            .instance_id = SPAN("1"),
            .state = RLMI_STATE_TERMINATED,
            .reason = SPAN("rejected"),
        },
        {.uri = SPAN("sip:b@b"), .instance_id = SPAN("1"), .state = RLMI_STATE_PENDING},
        {
            .uri = SPAN("sip:c@b"),
            .instance_id = SPAN("1"),
            .state = RLMI_STATE_PENDING,
            .body = SPAN("x"),
            .content_type = SPAN("text/plain"),
        },
    };
    const struct rlmi_list list = list_of(resources, 3);
    struct mime mime;

    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 2);
    ck_assert(span_equal(
        between(mime.parts[0].body, "fullState=\"true\">", "</list>"),
        SPAN("<resource uri=\"sip:a@b\"><instance id=\"1\" state=\"terminated\" "
             "reason=\"rejected\"/></resource>"
             "<resource uri=\"sip:b@b\"><instance id=\"1\" state=\"pending\"/></resource>"
             "<resource uri=\"sip:c@b\"><instance id=\"1\" state=\"pending\" "
             "cid=\"3." TOKEN "@" HOST "\"/></resource>")));
}
END_TEST

START_TEST(an_active_instance_has_a_part_even_of_nothing)
{
    struct rlmi_resource resource = bob();
    const struct rlmi_list list = list_of(&resource, 1);
    struct mime mime;

    resource.body = (struct span){0};
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 2);
    ck_assert_uint_eq(mime.parts[1].body.len, 0);
}
END_TEST

START_TEST(ten_thousand_resources_with_one_body_are_one_list_and_two_parts)
{
    struct rlmi_resource *resources = calloc(MANY, sizeof(*resources));
    struct rlmi_list list;
    struct mime mime;
    size_t count = 0;

    must(resources != NULL);
    for (size_t i = 0; i < MANY; i++)
        resources[i].uri = SPAN("sip:someone@example.com");
    resources[MANY - 1] = bob();
    list = list_of(resources, MANY);
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 2);
    ck_assert(span_equal(mime.parts[1].id, SPAN("10000." TOKEN "@" HOST)));
    for (struct span rest = mime.parts[0].body; rest.len > 0; count++) {
        const char *next = memmem(rest.at, rest.len, "<resource ", 10);

        if (next == NULL)
            break;
        rest = span_between(next + 1, rest.at + rest.len);
    }
    ck_assert_uint_eq(count, MANY);
    free(resources);
}
END_TEST

/* ---- the boundary ---- */

START_TEST(a_body_that_holds_the_boundary_gets_another_one)
{
    const struct rlmi_list plain = list_of(NULL, 0);
    struct rlmi_resource resource = bob();
    const struct rlmi_list list = list_of(&resource, 1);
    struct mime mime;
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    compose(&plain, &mime);
    buffer_put(&body, SPAN("a\r\n--"));
    buffer_put(&body, mime.boundary);
    buffer_put(&body, SPAN("\r\nContent-Type: text/plain\r\n\r\nforged\r\n--"));
    buffer_put(&body, mime.boundary);
    buffer_put(&body, SPAN("--\r\n"));
    resource.body = buffer_span(&body);
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 2);
    ck_assert(span_equal(mime.parts[1].body, buffer_span(&body)));
    buffer_deinit(&body);
}
END_TEST

START_TEST(a_list_within_a_list_is_found_whole)
{
    struct rlmi_resource inner_resource = bob(), outer_resource = bob();
    const struct rlmi_list inner = list_of(&inner_resource, 1), outer = list_of(&outer_resource, 1);
    struct mime mime, nested;
    struct buffer body, type;

    buffer_init(&body, BYTES_MAX);
    buffer_init(&type, CONTENT_TYPE_MAX);
    ck_assert_int_eq(rlmi_compose(&inner, &body, &type), STATUS_OK);
    outer_resource.body = buffer_span(&body);
    outer_resource.content_type = buffer_span(&type);
    compose(&outer, &mime);
    ck_assert_uint_eq(mime.count, 2);
    read_mime(&nested, mime.parts[1].type, mime.parts[1].body);
    ck_assert_uint_eq(nested.count, 2);
    ck_assert(span_equal(nested.parts[1].body, inner_resource.body));
    buffer_deinit(&body);
    buffer_deinit(&type);
}
END_TEST

START_TEST(a_name_that_holds_the_boundary_gets_another_one)
{
    struct rlmi_list list = list_of(NULL, 0);
    char name[128];
    struct mime mime;

    compose(&list, &mime);
    snprintf(name, sizeof(name), "\r\n--" SPAN_FMT "--", SPAN_ARG(mime.boundary));
    list.name = span_of(name);
    compose(&list, &mime);
    ck_assert_uint_eq(mime.count, 1);
    ck_assert_ptr_null(
        memmem(mime.parts[0].body.at, mime.parts[0].body.len, mime.boundary.at, mime.boundary.len));
}
END_TEST

START_TEST(bodies_that_hold_every_boundary_are_refused_and_nothing_is_left)
{
    struct rlmi_resource resource = bob();
    const struct rlmi_list list = list_of(&resource, 1);
    struct buffer body;

    buffer_init(&body, BYTES_MAX);
    for (unsigned i = 0; i < 100; i++)
        buffer_printf(&body, TOKEN "_%u_", i);
    resource.body = buffer_span(&body);
    buffer_put(&out, SPAN("before"));
    buffer_put(&content_type, SPAN("before"));
    ck_assert_int_eq(rlmi_compose(&list, &out, &content_type), STATUS_LIMIT);
    ck_assert(span_equal(buffer_span(&out), SPAN("before")));
    ck_assert(span_equal(buffer_span(&content_type), SPAN("before")));
    buffer_deinit(&body);
}
END_TEST

/* ---- what nobody vouches for ---- */

START_TEST(no_value_breaks_the_document)
{
    const struct rlmi_resource resource = {
        .uri = hostile[_i],
        .name = hostile[_i],
        .language = hostile[_i],
        .instance_id = hostile[_i],
        .state = RLMI_STATE_PENDING,
        .reason = hostile[_i],
        .body = hostile[_i],
        .content_type = SPAN(PIDF_TYPE),
    };
    struct rlmi_list list = list_of(&resource, 1);
    struct mime mime;

    list.uri = hostile[_i];
    list.name = hostile[_i];
    list.language = hostile[_i];
    ck_assert_int_eq(rlmi_compose(&list, &out, &content_type), STATUS_OK);
    read_mime(&mime, buffer_span(&content_type), buffer_span(&out));
    ck_assert(is_well_formed(mime.parts[0].body));
    ck_assert_uint_eq(mime.count, span_empty(hostile[_i]) ? 1 : 2);
    ck_assert(mime.count == 1 || span_equal(mime.parts[1].body, hostile[_i]));
}
END_TEST

START_TEST(a_list_that_does_not_fit_leaves_the_buffer_as_it_was)
{
    const struct rlmi_resource resource = bob();
    const struct rlmi_list list = list_of(&resource, 1);

    for (size_t max = 1; max < 1024; max += 7) {
        struct buffer small;
        enum status status;

        buffer_init(&small, max);
        buffer_put_char(&small, 'x');
        buffer_reset(&content_type);
        status = rlmi_compose(&list, &small, &content_type);
        if (status == STATUS_OK)
            ck_assert_uint_gt(small.len, 600);
        else
            ck_assert(small.len == 1 && content_type.len == 0);
        buffer_deinit(&small);
    }
}
END_TEST

Suite *pidf_rlmi_suite(void)
{
    Suite *suite = suite_create("pidf/rlmi");
    TCase *section_5 = tcase_create("RFC 4662 section 5");
    TCase *section_6 = tcase_create("RFC 4662 section 6");
    TCase *boundary = tcase_create("RFC 2046 section 5.1.1"), *safety = tcase_create("safety");

    tcase_add_checked_fixture(section_5, setup, teardown);
    tcase_add_test(section_5, an_empty_list_is_a_body_of_one_part);
    tcase_add_test(section_5, instances_that_are_not_active_say_why_and_need_no_body);
    tcase_add_test(section_5, an_active_instance_has_a_part_even_of_nothing);
    tcase_add_test(section_5, ten_thousand_resources_with_one_body_are_one_list_and_two_parts);
    tcase_add_checked_fixture(section_6, setup, teardown);
    tcase_add_test(section_6, adams_first_notification_is_written_as_in_the_rfc);
    tcase_add_test(section_6, every_body_is_found_by_its_content_id_octet_for_octet);
    tcase_add_checked_fixture(boundary, setup, teardown);
    tcase_add_test(boundary, a_body_that_holds_the_boundary_gets_another_one);
    tcase_add_test(boundary, a_list_within_a_list_is_found_whole);
    tcase_add_test(boundary, a_name_that_holds_the_boundary_gets_another_one);
    tcase_add_test(boundary, bodies_that_hold_every_boundary_are_refused_and_nothing_is_left);
    tcase_add_checked_fixture(safety, setup, teardown);
    tcase_add_loop_test(safety, no_value_breaks_the_document, 0, HOSTILE_COUNT);
    tcase_add_test(safety, a_list_that_does_not_fit_leaves_the_buffer_as_it_was);
    suite_add_tcase(suite, section_5);
    suite_add_tcase(suite, section_6);
    suite_add_tcase(suite, boundary);
    suite_add_tcase(suite, safety);
    return suite;
}
