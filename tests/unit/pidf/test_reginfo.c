/* test_reginfo.c - documents of RFC 3680 with GRUUs, whole and in part. */
#include "pidf/event/reginfo.h"
#include "tests/unit/pidf/hostile.h"
#include "tests/unit/pidf/schema.h"
#include "tests/unit/run.h"

Suite *pidf_reginfo_suite(void);

enum { BYTES_MAX = 1 << 20 };

#define SCHEMA "reginfo-all.xsd"
#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" "                                           \
    "xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\""

static struct parts parts;
static struct buffer out;

static enum reginfo_state state_of(const struct parts *of, size_t ended_count)
{
    size_t in_force_count = 0;

    for (size_t i = 0; i < of->count; i++)
        if (parts_get(of, i).last)
            ended_count++;
        else
            in_force_count++;
    return reginfo_state(in_force_count, ended_count);
}

static void setup(void)
{
    parts_init(&parts, BYTES_MAX);
    buffer_init(&out, BYTES_MAX);
}

static void teardown(void)
{
    parts_deinit(&parts);
    buffer_deinit(&out);
}

static void begin(uint32_t version, bool full, enum reginfo_state state)
{
    const struct reginfo_registration registration = {
        .aor = SPAN("sip:joe@example.com"), .id = SPAN("a7"), .state = state};

    buffer_reset(&out);
    reginfo_begin(&out, version, full, &registration);
}

static void end(void)
{
    reginfo_end(&out);
    ck_assert(schema_file_accepts(SCHEMA, buffer_span(&out)));
}

static void compose(uint32_t version, bool full, int64_t now_us)
{
    begin(version, full, state_of(&parts, 0));
    for (size_t i = 0; i < parts.count; i++) {
        struct part part = parts_get(&parts, i);

        reginfo_put_part(&out, &part, now_us);
    }
    end();
}

static struct reginfo_contact joe(void)
{
    return (struct reginfo_contact){.id = SPAN("76"), .uri = SPAN("sip:joe@pc34.example.com")};
}

static void add(const struct reginfo_contact *contact)
{
    ck_assert(reginfo_add(&parts, contact));
}

static bool says(const char *text)
{
    return memmem(out.at, out.len, text, strlen(text)) != NULL;
}

/* ---- RFC 3680 section 6 ---- */

START_TEST(nobody_registered_is_a_registration_in_its_initial_state)
{
    compose(0, true, 0);
    ck_assert(span_equal(buffer_span(&out),
                         SPAN(HEAD " version=\"0\" state=\"full\"><registration "
                                   "aor=\"sip:joe@example.com\" id=\"a7\" state=\"init\">"
                                   "</registration></reginfo>")));
}
END_TEST

START_TEST(joes_registration_is_told_as_in_the_rfc)
{
    const struct reginfo_contact contact = joe();

    add(&contact);
    compose(1, false, 0);
    ck_assert(span_equal(buffer_span(&out),
                         SPAN(HEAD " version=\"1\" state=\"partial\"><registration "
                                   "aor=\"sip:joe@example.com\" id=\"a7\" state=\"active\">"
                                   "<contact id=\"76\" state=\"active\" event=\"registered\">"
                                   "<uri>sip:joe@pc34.example.com</uri></contact>"
                                   "</registration></reginfo>")));
}
END_TEST

/* ---- RFC 3680 section 4.7.1 ---- */

START_TEST(every_event_has_its_word_and_leads_to_its_state)
{
    static const char *const events[] = {"registered", "created",      "refreshed",
                                         "shortened",  "expired",      "deactivated",
                                         "probation",  "unregistered", "rejected"};
    struct reginfo_contact contact = joe();
    bool ends = _i >= 4;
    char wanted[128];

    contact.event = (enum reginfo_event)_i;
    contact.deadline_us = 60000000;
    contact.retry_after_s = 120;
    contact.duration_registered_s = 7322;
    add(&contact);
    compose(1, false, 0);
    snprintf(wanted, sizeof(wanted), " id=\"76\" state=\"%s\" event=\"%s\"",
             ends ? "terminated" : "active", events[_i]);
    ck_assert(says(wanted));
    ck_assert(says(ends ? " state=\"terminated\"><contact" : " state=\"active\"><contact"));
    ck_assert_int_eq(says(" duration-registered=\"7322\""), ends);
    ck_assert_int_eq(says(" expires=\"60\""), !ends);
    ck_assert_int_eq(says(" retry-after=\"120\""), _i == REGINFO_EVENT_PROBATION);
    ck_assert_int_eq(parts_get(&parts, 0).last, ends);
}
END_TEST

START_TEST(a_registration_is_terminated_only_together_with_its_last_contact)
{
    struct reginfo_contact contact = joe();

    ck_assert_int_eq(state_of(&parts, 0), REGINFO_STATE_INIT);
    ck_assert_int_eq(state_of(&parts, 1), REGINFO_STATE_TERMINATED);
    contact.event = REGINFO_EVENT_EXPIRED;
    add(&contact);
    ck_assert_int_eq(state_of(&parts, 0), REGINFO_STATE_TERMINATED);
    contact.event = REGINFO_EVENT_CREATED;
    add(&contact);
    ck_assert_int_eq(state_of(&parts, 0), REGINFO_STATE_ACTIVE);
    ck_assert_int_eq(state_of(&parts, 1), REGINFO_STATE_ACTIVE);
}
END_TEST

/* ---- RFC 3680 section 5.1 ---- */

START_TEST(a_part_differs_only_when_something_happened)
{
    struct reginfo_contact contact = joe();

    add(&contact);
    contact.deadline_us = 3600000000;
    contact.duration_registered_s = 17;
    add(&contact);
    contact.has_cseq = true;
    add(&contact);
    ck_assert(span_equal(parts_get(&parts, 0).octets, parts_get(&parts, 1).octets));
    ck_assert(!span_equal(parts_get(&parts, 1).octets, parts_get(&parts, 2).octets));
    ck_assert(span_equal(parts_get(&parts, 0).key, SPAN("76")));
}
END_TEST

START_TEST(expires_is_what_is_left_when_the_document_is_sent)
{
    struct reginfo_contact contact = joe();

    contact.event = REGINFO_EVENT_SHORTENED;
    contact.deadline_us = 60000000;
    add(&contact);
    compose(1, false, 500000);
    ck_assert(says("<contact expires=\"59\" id=\"76\""));
    compose(2, true, 60000000);
    ck_assert(says("<contact expires=\"0\" id=\"76\""));
}
END_TEST

START_TEST(everything_that_is_known_of_a_contact_is_told)
{
    const struct reginfo_param params[] = {
        {SPAN("+sip.instance"), SPAN("\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"")},
        {SPAN("automata"), {0}},
    };
    const struct reginfo_contact contact = {
        .id = SPAN("92"),
        .event = REGINFO_EVENT_REFRESHED,
        .uri = SPAN("sip:ua.example.com"),
        .q = SPAN("0.8"),
        .callid = SPAN("faif9a@ua.example.com"),
        .has_cseq = true,
        .cseq = 4294967295,
        .display_name = SPAN("J\xc3\xb6"),
        .language = SPAN("de"),
        .params = params,
        .param_count = 2,
        .pub_gruu = SPAN("sip:user_aor_1@example.net;gr=hha9s8d-999a"),
        .temp_gruu = SPAN("sip:8ffkas08af7fasklzi9@example.net;gr"),
        .first_cseq = 54301,
    };

    add(&contact);
    ck_assert(span_equal(
        parts_get(&parts, 0).octets,
        SPAN("<contact id=\"92\" state=\"active\" event=\"refreshed\" q=\"0.8\" "
             "callid=\"faif9a@ua.example.com\" cseq=\"4294967295\"><uri>sip:ua.example.com</uri>"
             "<display-name xml:lang=\"de\">J\xc3\xb6</display-name>"
             "<unknown-param name=\"+sip.instance\">"
             "\"&lt;urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6&gt;\"</unknown-param>"
             "<unknown-param name=\"automata\"></unknown-param>"
             "<gr:pub-gruu uri=\"sip:user_aor_1@example.net;gr=hha9s8d-999a\"/>"
             "<gr:temp-gruu uri=\"sip:8ffkas08af7fasklzi9@example.net;gr\" "
             "first-cseq=\"54301\"/></contact>")));
    compose(1, true, 0);
}
END_TEST

/* ---- contacts that vanished ---- */

START_TEST(a_contact_that_vanished_is_terminated_by_what_is_left_of_it)
{
    struct reginfo_contact contact = joe();
    bool expired = _i == 1;

    contact.q = SPAN("0.5");
    add(&contact);
    begin(2, false, reginfo_state(0, 1));
    reginfo_put_gone(&out, parts_get(&parts, 0).octets, expired);
    end();
    ck_assert(says(" id=\"a7\" state=\"terminated\">"));
    ck_assert(says(expired ? "<contact id=\"76\" state=\"terminated\" event=\"expired\" q=\"0.5\">"
                             "<uri>sip:joe@pc34.example.com</uri></contact>"
                           : "<contact id=\"76\" state=\"terminated\" event=\"unregistered\" "
                             "q=\"0.5\"><uri>sip:joe@pc34.example.com</uri></contact>"));
}
END_TEST

/* ---- what nobody vouches for ---- */

START_TEST(no_value_breaks_the_document)
{
    const struct reginfo_param param = {hostile[_i], hostile[_i]};
    const struct reginfo_contact contact = {
        .id = hostile[_i],
        .uri = hostile[_i],
        .q = hostile[_i],
        .callid = hostile[_i],
        .display_name = hostile[_i],
        .language = hostile[_i],
        .params = &param,
        .param_count = 1,
        .pub_gruu = hostile[_i],
        .temp_gruu = hostile[_i],
    };
    const struct reginfo_registration registration = {.aor = hostile[_i], .id = hostile[_i]};

    add(&contact);
    reginfo_begin(&out, 0, true, &registration);
    reginfo_put_part(&out, &(struct part){.octets = parts_get(&parts, 0).octets}, 0);
    reginfo_put_gone(&out, parts_get(&parts, 0).octets, true);
    reginfo_end(&out);
    ck_assert(is_well_formed(buffer_span(&out)));
    ck_assert(says("\" state=\"terminated\" event=\"expired\""));
}
END_TEST

START_TEST(a_contact_for_which_there_is_no_room_is_left_out)
{
    const struct reginfo_contact contact = joe();
    struct parts small;

    parts_init(&small, 150);
    ck_assert(reginfo_add(&small, &contact));
    ck_assert(!reginfo_add(&small, &contact));
    ck_assert_uint_eq(small.count, 1);
    parts_deinit(&small);
}
END_TEST

Suite *pidf_reginfo_suite(void)
{
    Suite *suite = suite_create("pidf/reginfo");
    TCase *machine = tcase_create("RFC 3680 section 4.7.1");
    TCase *structure = tcase_create("RFC 3680 section 5.1, RFC 5628");
    TCase *flow = tcase_create("RFC 3680 section 6"), *safety = tcase_create("safety");

    tcase_add_checked_fixture(machine, setup, teardown);
    tcase_add_loop_test(machine, every_event_has_its_word_and_leads_to_its_state, 0, 9);
    tcase_add_test(machine, a_registration_is_terminated_only_together_with_its_last_contact);
    tcase_add_loop_test(machine, a_contact_that_vanished_is_terminated_by_what_is_left_of_it, 0, 2);
    tcase_add_checked_fixture(structure, setup, teardown);
    tcase_add_test(structure, a_part_differs_only_when_something_happened);
    tcase_add_test(structure, expires_is_what_is_left_when_the_document_is_sent);
    tcase_add_test(structure, everything_that_is_known_of_a_contact_is_told);
    tcase_add_checked_fixture(flow, setup, teardown);
    tcase_add_test(flow, nobody_registered_is_a_registration_in_its_initial_state);
    tcase_add_test(flow, joes_registration_is_told_as_in_the_rfc);
    tcase_add_checked_fixture(safety, setup, teardown);
    tcase_add_loop_test(safety, no_value_breaks_the_document, 0, HOSTILE_COUNT);
    tcase_add_test(safety, a_contact_for_which_there_is_no_room_is_left_out);
    suite_add_tcase(suite, machine);
    suite_add_tcase(suite, structure);
    suite_add_tcase(suite, flow);
    suite_add_tcase(suite, safety);
    return suite;
}
