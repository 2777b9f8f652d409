#!/bin/bash
# test_wire.sh - e2e_sip, a user agent of our own, against the real server and its tables.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

E2E_SIP=${E2E_SIP:-$(dirname "$PRESENCED")/tests/e2e/e2e_sip}

server_set_up
export SIP_PORT DOMAIN
"$E2E_SIP" >"$DIR/wire" 2>&1 || true
cat "$DIR/wire"
checks=$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$DIR/wire")
read -r checks failures errors <<<"${checks:-0 0 1}"
RESULTS_FAILED=$((RESULTS_FAILED + failures + errors))
RESULTS_PASSED=$((RESULTS_PASSED + (checks > failures + errors ? checks - failures - errors : 0)))
expect "no sanitizer has complained in the user agent" bash -c "! grep -E 'runtime error|Sanitizer' '$DIR/wire'"
server_finish
