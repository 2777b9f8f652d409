#!/bin/bash
# test_reg.sh - the event package reg (RFC 3680): contacts that come, refresh and go.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python reg
server_finish
