#include "server/service/contact.h"
#include "tests/unit/run.h"

Suite *service_contact_suite(void);

struct pair {
    const char *a;
    const char *b;
};

/* RFC 3261 section 19.1.4, its examples among them. */
static const struct pair same[] = {
    {"<sip:%61lice@atlanta.com;transport=TCP>", "<sip:alice@AtlanTa.CoM;Transport=tcp>"},
    {"<sip:carol@chicago.com;newparam=5;security=on>",
     "<sip:carol@chicago.com;security=on;newparam=5>"},
    {"<sip:bob@192.0.2.4>", "\"Bob\" <sip:bob@192.0.2.4>;expires=60"},
    {"<sip:bob@[2001:DB8::1]>", "<sip:bob@[2001:db8::1]>"},
    {"<sip:a@h;x=1>;+sip.instance=\"<urn:1>\";reg-id=1",
     "<sip:b@other>;reg-id=1;+sip.instance=\"<urn:1>\""},
};

static const struct pair different[] = {
    {"<sip:ALICE@atlanta.com>", "<sip:alice@atlanta.com>"},
    {"<sip:bob@biloxi.com>", "<sip:bob@biloxi.com:5060>"},
    {"<sip:bob@biloxi.com>", "<sip:bob@biloxi.com;transport=udp>"},
    {"<sip:bob@biloxi.com>", "<sips:bob@biloxi.com>"},
    {"<sip:a%3Bb@h>", "<sip:a@h>"},
    {"<sip:bob:secret@h>", "<sip:bob@h>"},
    {"<sip:a@h>;+sip.instance=\"<urn:1>\";reg-id=1",
     "<sip:a@h>;+sip.instance=\"<urn:1>\";reg-id=2"},
};

static struct contact read_one(const char *value, char *memory, size_t size)
{
    struct buffer keys;
    struct contact contact;

    buffer_init_fixed(&keys, memory, size);
    ck_assert_int_eq(contact_read(span_of(value), &keys, &contact), STATUS_OK);
    return contact;
}

static bool is_same(const struct pair *pair)
{
    char memory[2][512];
    struct contact a = read_one(pair->a, memory[0], sizeof(memory[0]));
    struct contact b = read_one(pair->b, memory[1], sizeof(memory[1]));

    return span_equal(a.key, b.key);
}

START_TEST(equal_contacts_have_one_key)
{
    ck_assert_msg(is_same(&same[_i]), "%s, %s", same[_i].a, same[_i].b);
}
END_TEST

START_TEST(different_contacts_have_different_keys)
{
    ck_assert_msg(!is_same(&different[_i]), "%s, %s", different[_i].a, different[_i].b);
}
END_TEST

START_TEST(parameters_are_kept_but_for_expires)
{
    char memory[512];
    struct contact contact =
        read_one("<sip:bob@h>;q=0.7;expires=120;methods=\"INVITE,ACK\"", memory, sizeof(memory));

    ck_assert(span_equal(contact.parameters, SPAN(";q=0.7;methods=\"INVITE,ACK\"")));
    ck_assert(contact.has_expires);
    ck_assert_uint_eq(contact.expires_s, 120);
    ck_assert_int_eq(contact.q_thousandths, 700);
}
END_TEST

static const char *const refused[] = {"*",          "<tel:+1>", "<sip:bob@h>;q=2",
                                      "<http://h>", "sip:",     "<sip:bob@h"};

START_TEST(what_is_no_contact_of_a_device_is_refused)
{
    char memory[512];
    struct buffer keys;
    struct contact contact;

    buffer_init_fixed(&keys, memory, sizeof(memory));
    ck_assert_int_ne(contact_read(span_of(refused[_i]), &keys, &contact), STATUS_OK);
}
END_TEST

START_TEST(a_key_beyond_the_memory_is_a_limit)
{
    char memory[8];
    struct buffer keys;
    struct contact contact;

    buffer_init_fixed(&keys, memory, sizeof(memory));
    ck_assert_int_eq(contact_read(SPAN("<sip:bob@example.org>"), &keys, &contact), STATUS_LIMIT);
}
END_TEST

Suite *service_contact_suite(void)
{
    Suite *suite = suite_create("service/contact");
    TCase *tcase = tcase_create("RFC 3261 section 19.1.4");

    tcase_add_loop_test(tcase, equal_contacts_have_one_key, 0, sizeof(same) / sizeof(same[0]));
    tcase_add_loop_test(tcase, different_contacts_have_different_keys, 0,
                        sizeof(different) / sizeof(different[0]));
    tcase_add_test(tcase, parameters_are_kept_but_for_expires);
    tcase_add_loop_test(tcase, what_is_no_contact_of_a_device_is_refused, 0,
                        sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tcase, a_key_beyond_the_memory_is_a_limit);
    suite_add_tcase(suite, tcase);
    return suite;
}
