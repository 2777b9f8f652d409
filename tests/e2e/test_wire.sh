#!/bin/bash
# test_wire.sh - a user agent of our own, against the real server and its tables.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_run sip
server_finish
