#!/bin/bash
# test_message_summary.sh - message waiting (RFC 3842): published, set in SQL, counted from kept messages.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python message_summary
server_finish
