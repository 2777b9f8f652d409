#!/bin/bash
# test_rate.sh - watchers who say how often they want to hear (RFC 6446), against the real server,
# which is killed while it owes one of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

SERVER_EXTRA='notify { min_rate_interval_min_ms = 250 retry_min_s = 1 }'

killed_while_owing() {
    local watcher
    export OWED=$DIR/owed SIP_PORT
    "$(dirname "$PRESENCED")/tests/e2e/e2e_rate" &
    watcher=$!
    unset OWED
    within 10 test -e "$DIR/owed" || return 1
    server_kill
    server_start
    wait "$watcher"
}

server_set_up
suite_run rate
expect "what is owed when the server dies is told after its restart" killed_while_owing
server_finish
