/* run.h - runs the suites of one folder with `check`. */
#ifndef UNIT_RUN_H
#define UNIT_RUN_H

#include <check.h>
#include <stddef.h>

typedef Suite *suite_fn(void);

/** The exit status for main(). */
int run_suites(suite_fn *const suites[], size_t count);

#endif
