/* run.c - CK_FORK=no is the default here: sanitizers and debuggers see one process. */
#include "tests/unit/run.h"

#include <stdlib.h>

int run_suites(suite_fn *const suites[], size_t count)
{
    SRunner *runner = srunner_create(suites[0]());
    int failed;

    for (size_t i = 1; i < count; i++)
        srunner_add_suite(runner, suites[i]());
    if (getenv("CK_FORK") == NULL)
        srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
