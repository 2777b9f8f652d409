#!/bin/bash
# test_list.sh - resource lists (RFC 4662, RFC 5367): many watched as one.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

SERVER_EXTRA='notify { list_members_max = 12 }'
server_set_up
suite_python list
server_finish
