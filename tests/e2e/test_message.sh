#!/bin/bash
# test_message.sh - messages to devices that are there, away and asleep, over UDP and TCP, against the
# real server, which is killed in between; at last PostgreSQL is.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

# The server's own configuration, with pauses that a test can wait for.
eval "plain_$(declare -f server_config)"
server_config() {
    plain_server_config "$1"
    echo 'message { keep_after_ms = 400 retry_min_s = 1 retry_max_s = 2 per_aor_max = 5 }'
}

part() { PART=$1 suite_run message; }

server_set_up
part before
server_kill
server_start
part after
export PEER_TRANSPORT=tcp
part before
server_kill
server_start
part after
unset PEER_TRANSPORT
part away
server_finish
