#!/bin/bash
# test_outage.sh - PostgreSQL dies under load and stays away for 20 s: no hang, no lie, no storm.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

LOAD=$(dirname "$PRESENCED")/tests/bench/bench_load
AWAY_S=20

load() { # load WORKLOAD RATE
    "$LOAD" "$1" --server "127.0.0.1:$SIP_PORT" --accounts 400 --count 100 --rate "$2" \
        --seconds $((AWAY_S + 14)) --warm 1 --label "$1" --json >"$DIR/$1.json" 2>"$DIR/$1.err" || true
}

# field WORKLOAD NAME: a number of its report.
field() { grep -o "\"$2\":[0-9.]*" "$DIR/$1.json" | head -n 1 | cut -d: -f2; }

# The generator's latency is that of successes; the server counts every answer.
all_answered_in_time() {
    local all slow
    http_get /metrics >"$DIR/metrics"
    all=$(grep -F 'presenced_answer_seconds_bucket{le="+Inf"}' "$DIR/metrics" | cut -d' ' -f2)
    slow=$(grep -F 'presenced_answer_seconds_bucket{le="0.4096"}' "$DIR/metrics" | cut -d' ' -f2)
    echo "$all answers, $slow of them within 410 ms"
    [ "$all" = "$slow" ] && [ "$all" -gt 1000 ]
}

nothing_but_500() { # nothing_but_500 WORKLOAD: no request went unanswered
    cat "$DIR/$1.json" "$DIR/$1.err"
    grep -qE '"failures":\{("500":[0-9]+)?\}' "$DIR/$1.json" && [ "$(field "$1" failed)" -gt 100 ]
}

accepted() { [ "$(field "$1" operations)" -gt 500 ]; } # before the outage, and again after it
no_storm() {
    local sent
    sent=$(grep '^presenced_notify_sent_total' "$DIR/metrics" | cut -d' ' -f2)
    echo "$sent NOTIFYs for $(field refresh operations) refreshes and $(field publish operations) changes"
    [ "$sent" -lt 30000 ]
}

no_invariant_is_broken() { [ -z "$(sql -c 'table presence.invariant')" ]; }

server_set_up
sql -c "update presence.domain set authentication = false" \
    -c "select count(presence.add_account('u' || n || '@$DOMAIN', 'secret')) from generate_series(0, 399) n" >/dev/null
load publish 100 &
PUBLISH=$!
load refresh 80 &
REFRESH=$!
sleep 6
tests/support/postgres.sh kill "$TESTS_PGDIR"
expect "/readyz says so" within 3 bash -c "! (exec 3<>/dev/tcp/127.0.0.1/$HTTP_PORT; printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3 | grep -q ' 200 ')"
sleep $AWAY_S
tests/support/postgres.sh restart "$TESTS_PGDIR"
expect "it is ready again by itself" within 10 server_is_ready
wait $PUBLISH $REFRESH
expect "every request was answered in time" all_answered_in_time
expect "a PUBLISH was answered 200 or 500" nothing_but_500 publish
expect "a SUBSCRIBE was answered 200 or 500" nothing_but_500 refresh
expect "PUBLISHes were accepted before and after" accepted publish
expect "SUBSCRIBEs were accepted before and after" accepted refresh
expect "recovery is no storm of NOTIFYs" no_storm
expect "no invariant is broken" no_invariant_is_broken
server_finish
