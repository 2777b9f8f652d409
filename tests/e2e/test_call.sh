#!/bin/bash
# test_call.sh - callers, callees and strangers of our own, against the real server.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_run call
server_finish
