#!/bin/bash
# test_call.sh - callers, callees and strangers of our own, against the real server: by datagrams,
# then over connections.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

# shellcheck disable=SC2034 # read by server.sh
SERVER_EXTRA='proxy { timer_c_s = 1 } timers { t1_ms = 50 t2_ms = 400 }'

nothing_is_left() {
    http_get /metrics >"$DIR/metrics"
    ! grep -E '^presenced_(transactions|forks)[ {]' "$DIR/metrics" | grep -v ' 0$'
}

server_set_up
suite_run call
expect "no transaction and no fork is left" within 10 nothing_is_left
sql -c "delete from presence.account where username ~ '^c|last'"
export PEER_TRANSPORT=tcp
suite_run call
expect "none is left over TCP" within 10 nothing_is_left
server_finish
