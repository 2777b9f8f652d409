/* test_known.c - the set of ids against a plain array. */
#include "server/base/crypto.h"
#include "storage/known.h"

#include <check.h>

enum { IDS = 3000 };

struct gone {
    bool named[IDS];
    int count;
};

static void on_gone(void *context, int64_t id)
{
    struct gone *gone = context;

    ck_assert(!gone->named[id]);
    gone->named[id] = true;
    gone->count++;
}

START_TEST(a_scan_names_exactly_what_it_did_not_see)
{
    struct known known;
    bool there[IDS] = {false};

    known_init(&known);
    for (int round = 0; round < 20; round++) {
        struct gone gone = {{false}, 0};
        bool seen[IDS] = {false};

        for (int i = 0; i < IDS; i++) {
            const int64_t id = (int64_t)(crypto_random_u64() % IDS);

            if (crypto_random_u64() % 3 == 0) {
                ck_assert(known_forget(&known, id) == there[id]);
                there[id] = false;
            } else {
                known_see(&known, id);
                there[id] = true;
            }
        }
        known_begin_scan(&known);
        for (int id = 0; id < IDS; id++) {
            seen[id] = crypto_random_u64() % 2 == 0;
            if (seen[id])
                known_see(&known, id);
        }
        known_end_scan(&known, on_gone, &gone);
        for (int id = 0; id < IDS; id++) {
            ck_assert(gone.named[id] == (there[id] && !seen[id]));
            there[id] = seen[id];
        }
    }
    known_deinit(&known);
}
END_TEST

Suite *storage_known_suite(void);
Suite *storage_known_suite(void)
{
    Suite *suite = suite_create("storage/known");
    TCase *tcase = tcase_create("scans");

    tcase_add_test(tcase, a_scan_names_exactly_what_it_did_not_see);
    suite_add_tcase(suite, tcase);
    return suite;
}
