#include "server/transport/spared.h"
#include "tests/unit/run.h"

Suite *transport_spared_suite(void);

static struct spared spared;

START_TEST(who_took_no_connection_is_spared_for_a_while)
{
    const struct endpoint remote = {TRANSPORT_TCP, ENDPOINT_IPV4, 5060, {192, 0, 2, 1}};
    const struct endpoint other = {TRANSPORT_TCP, ENDPOINT_IPV4, 5061, {192, 0, 2, 1}};
    const struct instant now = {1000};

    ck_assert(!spared_has(&spared, &remote, now));
    spared_add(&spared, &remote, instant_after(now, 10));
    ck_assert(spared_has(&spared, &remote, instant_after(now, 9)));
    ck_assert(!spared_has(&spared, &other, now));
    ck_assert(!spared_has(&spared, &remote, instant_after(now, 10)));
}
END_TEST

Suite *transport_spared_suite(void)
{
    Suite *suite = suite_create("transport/spared");
    TCase *tcase = tcase_create("RFC 3261 section 18.1.1");

    tcase_add_test(tcase, who_took_no_connection_is_spared_for_a_while);
    suite_add_tcase(suite, tcase);
    return suite;
}
