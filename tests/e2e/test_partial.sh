#!/bin/bash
# test_partial.sh - partial presence (RFC 5262, 5263, 5264), its diffs applied by lxml.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

SERVER_EXTRA='notify { retry_min_s = 1 }'
server_set_up
suite_python partial
server_finish
