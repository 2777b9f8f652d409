#!/bin/bash
# test_subscriptions.sh - devices that subscribe anew, limits, and what administrators do to them.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

SERVER_EXTRA='subscription { expires_min_s = 1 per_resource_max = 4 }'
server_set_up
suite_python subscriptions
server_finish
