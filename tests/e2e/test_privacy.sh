#!/bin/bash
# test_privacy.sh - a hidden element is never on the wire: see tests/privacy/privacy.py.
#
#   PRIVACY_SECONDS=120 PRIVACY_SEED=7 tests/e2e/test_privacy.sh     longer, with the same choices,
#                                                                    and with a second sabotage
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

privacy() { /usr/bin/python3 -B tests/privacy/privacy.py "$@"; }

finds() { # finds SABOTAGE FAULT KILLS: the test fails when the server breaks its promise
    local status=0
    privacy --seed 2 --seconds 45 --patience 1 --sabotage "$1" --until "$2" --kills "$3" || status=$?
    [ $status = 1 ]
}

server_set_up
server_stop # privacy.py starts and kills one itself
export PRESENCED DIR SIP_PORT HTTP_PORT DOMAIN
expect "no watcher gets or keeps what it may not see, and each gets what it may" \
    privacy --seconds "${PRIVACY_SECONDS:-7}" ${PRIVACY_SEED+--seed "$PRIVACY_SEED"}
tail -n 3 "$DIR/expect"
expect "no invariant is broken" test -z "$(sql -c 'table presence.invariant')"
expect "a server that does not hear of rules is found out" finds deaf LEAK 0
if [ -n "${PRIVACY_SECONDS:-}" ]; then
    expect "one that forgets who was not told yet is found out" finds amnesia UNTOLD 1
fi
expect "no sanitizer has complained" bash -c "! grep -E 'runtime error|Sanitizer|must hold' '$DIR/log'"
echo "$RESULTS_PASSED passed, $RESULTS_FAILED failed"
[ $RESULTS_FAILED = 0 ]
