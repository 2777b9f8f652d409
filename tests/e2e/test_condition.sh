#!/bin/bash
# test_condition.sh - conditional notification (RFC 5839), across restarts too.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python condition
server_finish
