#!/bin/bash
# test_must.sh - every MUST and SHOULD that meets a notifier or a compositor: see conformance.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/suite.sh
. tests/support/suite.sh

RFC_DIR=${RFC_DIR:-../shared/reference/rfc}
TABLE=tests/e2e/conformance.md
WORDS='MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED'

# ---- the table is whole: where the RFCs are at hand ----

# section RFC FROM TO: what stands between two headings (the last of either), words apart by one
# blank, without page breaks.
section() {
    local file=$RFC_DIR/rfc$1.txt from to
    from=$(grep -nE "^$2" "$file" | tail -n 1)
    to=$(grep -nE "^$3" "$file" | tail -n 1)
    sed -n "${from%%:*},${to%%:*}p" "$file" | tr -d '\f' |
        grep -vE '^(RFC [0-9]+ .*[0-9]{4}|[A-Z][a-z]+ .*\[Page [0-9]+\])$' |
        sed '$d' | tr -s ' \n' ' '
}

# table RFC SECTIONS: its sentences, one a line; SECTIONS is a regular expression.
table() { sed -nE "s/^\| rfc$1 ($2) [^|]* \| ([^|]*) \|.*/\2/p" "$TABLE"; }

# is_whole RFC SECTIONS FROM TO: each sentence is there, and each word that asks has its row.
is_whole() {
    local text sentence words rows
    text=$(section "$1" "$3" "$4")
    while IFS= read -r sentence; do
        [[ $text == *"$sentence"* ]] || { echo "not in RFC $1: $sentence" && return 1; }
    done < <(table "$1" "$2")
    words=$(grep -oE "\b($WORDS)\b" <<<"$text" | wc -l)
    rows=$(grep -cE "^\| rfc$1 ($2) ($WORDS)" "$TABLE")
    echo "$words words, $rows rows"
    [ "$words" = "$rows" ]
}

table_is_whole() {
    is_whole 6665 '4\.[2-6][0-9.]*' '4\.2\.  Notifier Behavior' '5\.  Event Packages' &&
        is_whole 6665 '8\.2\.1' '8\.2\.1\.  "Event"' '8\.2\.2\.  "Allow' &&
        is_whole 3903 '6' '6\.  Processing PUBLISH' '7\.  ' &&
        is_whole 3856 '6[0-9.]*' '6\.  Presence Event Package' '7\.  '
}

# ---- the server, configured in two ways ----

SERVER_EXTRA='
subscription { expires_min_s = 2 }
publication { expires_min_s = 2 }
notify { retry_min_s = 1 }'
server_set_up
if [ -d "$RFC_DIR" ]; then expect "no sentence is left out" table_is_whole; fi
suite_run must

expect "it stops" server_stop
SERVER_EXTRA='
timers { t1_ms = 20 t2_ms = 160 t4_ms = 200 }
subscription { expires_min_s = 7200 expires_default_s = 7200 }
notify { chances = 2 retry_min_s = 1 }'
server_config presence_server >"$DIR/presenced.conf"
server_start
export MUST_CONFIGURATION=other
suite_run must
server_finish
