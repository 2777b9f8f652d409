#!/bin/bash
# test_message.sh - messages to devices that are there, away and asleep, against the real server;
# between its two halves the server is killed.
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

server_set_up
HALF=before suite_run message
server_kill
server_start
HALF=after suite_run message
server_finish
