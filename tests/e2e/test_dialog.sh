#!/bin/bash
# test_dialog.sh - busy lamps (RFC 4235): what several PBXs publish, as watchers see it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

server_set_up
suite_python dialog
server_finish
