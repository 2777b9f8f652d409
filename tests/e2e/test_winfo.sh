#!/bin/bash
# test_winfo.sh - who watches, for the watched (RFC 3857, RFC 3858).
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

SERVER_EXTRA='subscription { expires_min_s = 1 unauthorized_max = 3 waiting_s = 6 }
notify { retry_min_s = 1 }'
server_set_up
suite_python winfo
server_finish
