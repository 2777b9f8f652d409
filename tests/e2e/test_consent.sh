#!/bin/bash
# test_consent.sh - who may see whom, changed by SQL while they watch (RFC 3856 section 6.6.2, RFC 5025).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

# Rules change while there is no server that could see it.
suite_restart() {
    server_kill
    sql -f "$DIR/away.sql" >/dev/null
    server_start
    printf . >>"$DIR/restarts"
}

server_set_up
suite_python consent
server_finish
