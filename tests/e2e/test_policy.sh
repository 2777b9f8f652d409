#!/bin/bash
# test_policy.sh - how a domain and a phone want presence to be shown, live by SQL.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python policy
server_finish
