#!/bin/bash
# suite.sh - runs a program of tests/e2e against a server of its own; source it after server.sh.
#
#   suite_run NAME      e2e_NAME with SIP_PORT and DOMAIN, its checks counted into the results
#   suite_python NAME   NAME.py likewise, which imports tests/support/agent.py
suite_run() {
    local program
    program=$(dirname "$PRESENCED")/tests/e2e/e2e_$1
    export SIP_PORT DOMAIN
    "$program" >"$DIR/$1" 2>&1 || true
    suite_count "$1"
    expect "no sanitizer has complained in the user agent" bash -c "! grep -E 'runtime error|Sanitizer' '$DIR/$1'"
}

suite_count() {
    local checks failures errors
    cat "$DIR/$1"
    checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$DIR/$1")
    read -r checks failures errors <<<"${checks:-0 0 1}"
    RESULTS_FAILED=$((RESULTS_FAILED + failures + errors))
    RESULTS_PASSED=$((RESULTS_PASSED + (checks > failures + errors ? checks - failures - errors : 0)))
}

# At SIGUSR1 the server is killed and started again, then DIR/restarts is one octet longer.
suite_restart() {
    server_kill
    server_start
    printf . >>"$DIR/restarts"
}

suite_python() {
    local program
    if ! /usr/bin/python3 -c 'import lxml' 2>/dev/null; then
        echo "skipped: python3-lxml is not installed"
        return
    fi
    export SIP_PORT DOMAIN DIR PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/support:tests/partial
    trap suite_restart USR1
    /usr/bin/python3 "tests/e2e/$1.py" >"$DIR/$1" 2>&1 &
    program=$!
    while kill -0 $program 2>/dev/null; do
        wait $program || true # a signal ends the wait, not the program
    done
    trap - USR1
    suite_count "$1"
}
