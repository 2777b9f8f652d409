#!/bin/bash
# independent.sh TRIPLES [COUNT [SEED]] - the server's diffs, applied by a tool that is not ours.
set -euo pipefail
seed=${3:-$RANDOM}
if ! /usr/bin/python3 -c 'import lxml' 2>/dev/null; then
    echo "skipped: python3-lxml is not installed"
    exit 0
fi
echo "seed $seed"
"$1" "${2:-1000}" "$seed" | /usr/bin/python3 "$(dirname "$0")/apply.py"
