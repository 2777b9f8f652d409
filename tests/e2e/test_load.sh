#!/bin/bash
# test_load.sh - many at once: order, refreshes that tell nobody, watchers who never answer.
# CHANGES, REFRESHES, WATCHERS and MUTE say how many.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

LOAD=$(dirname "$PRESENCED")/tests/bench/bench_load
ACCOUNTS=1000 # as many as test the watchers, who are accounts of their own
# The window has hardly room for more than the mute ones: who waits for them is late for all.
SERVER_EXTRA='log { level = warning } notify { window_max = 128 }'

# load WORKLOAD OPTIONS...: without a failure of any kind.
load() {
    local workload=$1
    shift
    "$LOAD" "$workload" --server "127.0.0.1:$SIP_PORT" --domain "$DOMAIN" --accounts $ACCOUNTS \
        --label e2e "$@" >"$DIR/report" || return 1
    cat "$DIR/report"
}

# figure NAME: a number of the last report.
figure() { grep -o "\"$1\":[0-9.]*" "$DIR/report" | head -n 1 | cut -d: -f2; }
metric() { http_get /metrics | sed -n "s/^presenced_$1 //p"; }

keeps_order() {
    load order --count 20 --operations "${CHANGES:-10000}" && [ "$(figure operations)" = "${CHANGES:-10000}" ]
}

accounts_are_known() { [ "$(metric accounts)" = $((4 * ACCOUNTS + 3)) ]; }

# The generator counts what came, the server what it sent: the NOTIFYs of the subscriptions and of
# what was published meanwhile.
tells_nobody() {
    local before
    before=$(metric notify_sent_total)
    load renew --count 100 --warm 0 --operations "${REFRESHES:-100000}" || return 1
    echo "$(figure operations) refreshes, $(($(metric notify_sent_total) - before)) NOTIFYs"
    [ "$(figure operations)" = "${REFRESHES:-100000}" ] && [ "$(figure notifies)" = 0 ] &&
        [ $(($(metric notify_sent_total) - before)) -le 200 ]
}

# A machine that does something else meanwhile spoils a ratio of times, and seldom thrice. Each
# attempt has a domain of its own, so that the watchers of the one before, who are gone, are no part
# of it.
is_not_kept_waiting() {
    local domain
    for domain in one.example two.example three.example; do
        load silent --domain $domain --count "${WATCHERS:-1000}" --mute "${MUTE:-100}" --seconds 4 ||
            return 1
        if awk "BEGIN { exit !($(figure ratio) <= 1.2) }"; then return 0; fi
    done
    return 1
}

server_set_up
sql >/dev/null <<SQL
select count(presence.add_domain(name)) from unnest(array['one.example', 'two.example', 'three.example']) name;
update presence.domain set authentication = false;
select count(presence.add_account('u' || n || '@' || name, 'secret'))
  from presence.domain, generate_series(0, $ACCOUNTS - 1) n;
SQL
expect "the accounts are known" within 5 accounts_are_known
expect "of eight publishers nobody sees an older version after a newer, and the last is what was accepted" keeps_order
expect "refreshes without a body tell nobody" tells_nobody
expect "the others wait no longer for watchers who never answer" is_not_kept_waiting
server_finish
