/* test_registration.c - bindings as a source of presence. */
#include "pidf/pidf.h"
#include "server/base/must.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

Suite *pidf_registration_suite(void);

enum { OUT_BYTES_MAX = 1 << 20 };

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""

struct fixture {
    struct pidf_composer *composer;
    struct buffer body;
    struct buffer out;
};

static void fixture_init(struct fixture *self)
{
    self->composer = pidf_composer_new(NULL);
    buffer_init(&self->body, OUT_BYTES_MAX);
    buffer_init(&self->out, OUT_BYTES_MAX);
}

static void fixture_deinit(struct fixture *self)
{
    pidf_composer_free(self->composer);
    buffer_deinit(&self->body);
    buffer_deinit(&self->out);
}

static struct span shown(struct fixture *self, const struct pidf_contact contacts[], size_t count)
{
    const struct pidf_view everything = {0};
    struct pidf_source source = {.from_registration = true};

    buffer_reset(&self->body);
    buffer_reset(&self->out);
    ck_assert_int_eq(pidf_registration(SPAN("sip:a@b"), contacts, count, &self->body), STATUS_OK);
    source.body = buffer_span(&self->body);
    ck_assert_int_eq(
        pidf_compose(self->composer, SPAN("sip:a@b"), &everything, &source, 1, &self->out),
        STATUS_OK);
    ck_assert(schema_accepts(buffer_span(&self->out)));
    return buffer_span(&self->out);
}

/* Copies the first tuple's id, with what leads to it. */
static void first_id(struct span document, char out[24])
{
    const char *id = memmem(document.at, document.len, "<tuple id=\"r", 12);

    must(id != NULL && document.at + document.len - id >= 24);
    memcpy(out, id, 24);
}

static void expect(struct span got, const char *wanted)
{
    ck_assert_msg(span_equal(got, span_of(wanted)), SPAN_FMT, SPAN_ARG(got));
}

START_TEST(every_contact_is_an_open_tuple_with_its_priority_and_device)
{
    const struct pidf_contact contacts[] = {
        {SPAN("sip:a@192.0.2.1"), -1, {0}},
        {SPAN("sip:a@192.0.2.2;ob"), 250, SPAN("\"<urn:uuid:0001>\"")},
        {SPAN("sip:a@192.0.2.3"), 1000, SPAN("<urn:uuid:0002>")},
    };
    struct fixture self;

    fixture_init(&self);
    expect(shown(&self, contacts, 3),
           HEAD " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" entity=\"sip:a@b\">"
                "<tuple id=\"r50092cc0fcbf161a\"><status><basic>open</basic></status>"
                "<contact>sip:a@192.0.2.1</contact></tuple>"
                "<tuple id=\"r2ac3071312b5d98a\"><status><basic>open</basic></status>"
                "<dm:deviceID>urn:uuid:0001</dm:deviceID>"
                "<contact priority=\"0.250\">sip:a@192.0.2.2;ob</contact></tuple>"
                "<tuple id=\"r6cfd729f56f9e341\"><status><basic>open</basic></status>"
                "<dm:deviceID>urn:uuid:0002</dm:deviceID>"
                "<contact priority=\"1.000\">sip:a@192.0.2.3</contact></tuple></presence>\n");
    fixture_deinit(&self);
}
END_TEST

START_TEST(nobody_registered_is_no_source)
{
    struct fixture self;

    fixture_init(&self);
    ck_assert_int_eq(pidf_registration(SPAN("sip:a@b"), NULL, 0, &self.body), STATUS_OK);
    ck_assert_uint_eq(self.body.len, 0);
    expect(shown(&self, NULL, 0), HEAD " entity=\"sip:a@b\"><tuple id=\"closed\"><status>"
                                       "<basic>closed</basic></status></tuple></presence>\n");
    fixture_deinit(&self);
}
END_TEST

/* Watchers know the tuple by its id (RFC 3863 section 4.1.2). */
START_TEST(a_device_keeps_its_id_when_its_address_changes)
{
    const struct pidf_contact before = {SPAN("sip:a@192.0.2.1"), -1, SPAN("<urn:uuid:1>")};
    const struct pidf_contact after = {SPAN("sip:a@192.0.2.99"), -1, SPAN("urn:uuid:1")};
    char first[24], second[24];
    struct fixture self;

    fixture_init(&self);
    first_id(shown(&self, &before, 1), first);
    first_id(shown(&self, &after, 1), second);
    ck_assert_mem_eq(first, second, sizeof(first));
    fixture_deinit(&self);
}
END_TEST

START_TEST(contacts_of_any_bytes_cannot_break_the_document)
{
    const struct pidf_contact contacts[] = {
        {SPAN("sip:\"&<>\xff\0 @b"), 5000, SPAN("]]>\x01")},
        {SPAN(""), -1, SPAN("\"")},
        {SPAN("sip:a@c"), 0, {0}},
    };
    struct fixture self;
    struct span composed;

    fixture_init(&self);
    composed = shown(&self, contacts, 3);
    ck_assert_ptr_nonnull(
        memmem(composed.at, composed.len, "<contact priority=\"0.000\">sip:a@c", 33));
    ck_assert_int_eq(pidf_check(self.composer, buffer_span(&self.body), NULL), STATUS_OK);
    fixture_deinit(&self);
}
END_TEST

START_TEST(a_long_contact_is_not_cut)
{
    char uri[5000];
    struct pidf_contact contact = {{uri, sizeof(uri)}, -1, {0}};
    struct fixture self;
    struct span composed;

    memset(uri, 'x', sizeof(uri));
    memcpy(uri, "sip:a@b;x=", 10);
    fixture_init(&self);
    composed = shown(&self, &contact, 1);
    ck_assert_ptr_nonnull(memmem(composed.at, composed.len, uri, sizeof(uri)));
    fixture_deinit(&self);
}
END_TEST

START_TEST(a_buffer_too_small_is_left_as_it_was)
{
    const struct pidf_contact contact = {SPAN("sip:a@192.0.2.1"), -1, {0}};
    char memory[64];
    struct buffer out;

    buffer_init_fixed(&out, memory, sizeof(memory));
    buffer_put(&out, SPAN("before"));
    ck_assert_int_eq(pidf_registration(SPAN("sip:a@b"), &contact, 1, &out), STATUS_LIMIT);
    ck_assert(span_equal(buffer_span(&out), SPAN("before")));
}
END_TEST

Suite *pidf_registration_suite(void)
{
    Suite *suite = suite_create("pidf/registration");
    TCase *tcase = tcase_create("bindings");

    tcase_add_test(tcase, every_contact_is_an_open_tuple_with_its_priority_and_device);
    tcase_add_test(tcase, nobody_registered_is_no_source);
    tcase_add_test(tcase, a_device_keeps_its_id_when_its_address_changes);
    tcase_add_test(tcase, contacts_of_any_bytes_cannot_break_the_document);
    tcase_add_test(tcase, a_long_contact_is_not_cut);
    tcase_add_test(tcase, a_buffer_too_small_is_left_as_it_was);
    suite_add_tcase(suite, tcase);
    return suite;
}
