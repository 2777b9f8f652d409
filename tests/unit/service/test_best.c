#include "server/service/best.h"
#include "server/sip/parse.h"
#include "tests/unit/run.h"

#include <stdio.h>

Suite *service_best_suite(void);

enum { STATUSES_MAX = 6 };

struct choice {
    const char *sentence;
    int came[STATUSES_MAX]; /* negative: nobody said it, a time-out or a flow that failed */
    int best;
};

/* RFC 3261 section 16.7 step 6. */
static const struct choice choices[] = {
    {"a 6xx beats all", {486, 302, 603, 404}, 603},
    {"the lowest class wins", {500, 486, 302}, 302},
    {"a challenge comes first in its class", {404, 486, 407}, 407},
    {"and so does what can be tried otherwise", {404, 415, 486}, 415},
    {"the first of equals stays", {486, 404}, 486},
    {"silence is worth less than a word", {-408, 486}, 486},
    {"temporarily unavailable less than busy", {480, 486}, 486},
    {"a cancelled branch says least", {487, -408}, 408},
    {"a device's 503 goes back as 500", {503}, 500},
    {"a flow that failed is a 500", {-503}, 500},
    {"another 5xx comes before 503", {503, 504}, 504},
};

static void consider(struct best *best, int status)
{
    static struct sip_message message;
    struct sip_fault fault;
    char text[512];

    if (status < 0) {
        best_consider(best, -status, NULL);
        return;
    }
    snprintf(text, sizeof(text),
             "SIP/2.0 %d Word\r\nVia: SIP/2.0/UDP p;branch=1\r\nVia: SIP/2.0/UDP q;branch=2\r\n"
             "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
             "%sContent-Length: 4\r\n\r\nbody",
             status,
             status == 401   ? "WWW-Authenticate: one\r\n"
             : status == 407 ? "Proxy-Authenticate: two\r\n"
                             : "");
    ck_assert_int_eq(sip_parse_datagram(span_of(text), &sip_limits_default, &message, &fault),
                     SIP_PARSED);
    best_consider(best, status, &message);
}

START_TEST(the_best_of_several_refusals_is_chosen)
{
    const struct choice *it = &choices[_i];
    struct best best = {0};

    for (size_t i = 0; i < STATUSES_MAX && it->came[i] != 0; i++)
        consider(&best, it->came[i]);
    ck_assert_msg(best_status(&best) == it->best, "%s: %d", it->sentence, best_status(&best));
    best_deinit(&best);
}
END_TEST

static bool composed(const struct best *best, char *memory, size_t size, const char *text)
{
    struct buffer out;
    bool said;

    buffer_init_fixed(&out, memory, size - 1);
    said = best_compose(best, &out);
    memory[out.len] = '\0';
    return said && strstr(memory, text) != NULL;
}

START_TEST(all_challenges_go_back_together)
{
    struct best best = {0};
    char memory[1024];

    consider(&best, 407);
    consider(&best, 486);
    consider(&best, 401);
    ck_assert_int_eq(best_status(&best), 407);
    ck_assert(composed(&best, memory, sizeof(memory), "\r\nProxy-Authenticate: two\r\n"));
    ck_assert(composed(&best, memory, sizeof(memory), "\r\nWWW-Authenticate: one\r\n\r\nbody"));
    best_deinit(&best);
}
END_TEST

START_TEST(a_503_is_told_as_what_it_is_to_the_client)
{
    struct best best = {0};
    char memory[1024];

    consider(&best, 503);
    ck_assert(composed(&best, memory, sizeof(memory),
                       "SIP/2.0 500 Destination Unavailable\r\n"
                       "Via: SIP/2.0/UDP q;branch=2\r\n"));
    ck_assert_ptr_null(strstr(memory, "503"));
    best_deinit(&best);
}
END_TEST

START_TEST(what_no_device_said_cannot_be_composed)
{
    struct best best = {0};
    char memory[64];

    consider(&best, -408);
    ck_assert(!composed(&best, memory, sizeof(memory), ""));
    best_deinit(&best);
}
END_TEST

Suite *service_best_suite(void)
{
    Suite *suite = suite_create("service/best");
    TCase *tcase = tcase_create("RFC 3261 section 16.7");

    tcase_add_loop_test(tcase, the_best_of_several_refusals_is_chosen, 0,
                        sizeof(choices) / sizeof(choices[0]));
    tcase_add_test(tcase, all_challenges_go_back_together);
    tcase_add_test(tcase, a_503_is_told_as_what_it_is_to_the_client);
    tcase_add_test(tcase, what_no_device_said_cannot_be_composed);
    suite_add_tcase(suite, tcase);
    return suite;
}
