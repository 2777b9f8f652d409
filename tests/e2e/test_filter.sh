#!/bin/bash
# test_filter.sh - watchers that ask for less (RFC 4660, RFC 4661).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python filter
server_finish
