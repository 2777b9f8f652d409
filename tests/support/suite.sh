#!/bin/bash
# suite.sh - runs a program of tests/e2e against a server of its own; source it after server.sh.
#
#   suite_run NAME   e2e_NAME with SIP_PORT and DOMAIN, its checks counted into the results
suite_run() {
    local program checks failures errors
    program=$(dirname "$PRESENCED")/tests/e2e/e2e_$1
    export SIP_PORT DOMAIN
    "$program" >"$DIR/$1" 2>&1 || true
    cat "$DIR/$1"
    checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$DIR/$1")
    read -r checks failures errors <<<"${checks:-0 0 1}"
    RESULTS_FAILED=$((RESULTS_FAILED + failures + errors))
    RESULTS_PASSED=$((RESULTS_PASSED + (checks > failures + errors ? checks - failures - errors : 0)))
    expect "no sanitizer has complained in the user agent" bash -c "! grep -E 'runtime error|Sanitizer' '$DIR/$1'"
}
