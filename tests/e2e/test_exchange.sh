#!/bin/bash
# test_exchange.sh - the exchange that the quickstart shows, and what operators rely on.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

metric_is_there() { http_get /metrics | grep -q "^presenced_$1"; }
trusted_peers_are() { http_get /metrics | grep -qx "presenced_trusted_peers $1"; }

peer_comes_and_goes() {
    sql -c "select presence.add_trusted_peer('192.0.2.7', domain => '$DOMAIN')"
    within 1 trusted_peers_are 1 || return 1
    sql -c "update presence.trusted_peer set enabled = false"
    within 1 trusted_peers_are 0
}

no_invariant_is_broken() { [ -z "$(sql -c 'table presence.invariant')" ]; }

second_server_waits() {
    sed "s/port = $SIP_PORT/port = $(free_port)/; s/port = $HTTP_PORT/port = $(free_port)/" \
        "$DIR/presenced.conf" >"$DIR/second.conf"
    timeout -k 5 3 "$PRESENCED" --config "$DIR/second.conf" >"$DIR/second.log" 2>&1 || true
    cat "$DIR/second.log"
    server_is_ready && grep -qi standby "$DIR/second.log"
}

# The owner is killed; who stood by serves within seconds, and knows what was acknowledged.
standby_takes_over() {
    local first_http=$HTTP_PORT second second_http
    second_http=$(free_port)
    sed "s/port = $SIP_PORT/port = $(free_port)/; s/port = $HTTP_PORT/port = $second_http/" \
        "$DIR/presenced.conf" >"$DIR/second.conf"
    "$PRESENCED" --config "$DIR/second.conf" >>"$DIR/second.log" 2>&1 &
    second=$!
    within 5 grep -qi standby "$DIR/second.log" || return 1
    server_kill
    HTTP_PORT=$second_http
    if within 5 server_is_ready; then echo "it serves"; else second_status=1; fi
    http_get /metrics | grep '^presenced_publications '
    kill -TERM $second
    wait $second || second_status=1
    HTTP_PORT=$first_http
    server_start
    [ "${second_status:-0}" = 0 ]
}

refuses() { # refuses STATUS COMMAND...
    local want=$1 status=0
    shift
    "$@" || status=$?
    echo "exit status $status"
    [ "$status" = "$want" ]
}

reload_to_debug() {
    echo 'log { level = debug }' >>"$DIR/presenced.conf"
    kill -HUP "$SERVER_PID"
    within 5 grep -qi 'reload' "$DIR/log"
}

server_set_up
expect "bob sees what alice publishes" deploy/demo/exchange 127.0.0.1 "$SIP_PORT" "$DOMAIN"
expect "her publication is a row" rows "select 1 from presence.publication where aor = 'alice@$DOMAIN'"
expect "a second exchange works like the first" deploy/demo/exchange 127.0.0.1 "$SIP_PORT" "$DOMAIN"
expect "a wrong password is refused" refuses 1 deploy/demo/exchange 127.0.0.1 "$SIP_PORT" "$DOMAIN" wrong
expect "/healthz is 200" http_get /healthz
expect "/metrics shows the batches" metric_is_there storage_batches_total
expect "a trusted peer comes and goes by SQL" peer_comes_and_goes
expect "no invariant is broken" no_invariant_is_broken
expect "a second server on the same database waits" second_server_waits
expect "SIGHUP takes a new log level" reload_to_debug
expect "--check prints what is in effect" "$PRESENCED" --config "$DIR/presenced.conf" --check
echo 'nonsense = 1' >"$DIR/wrong.conf"
expect "--check refuses a wrong configuration with 78" refuses 78 "$PRESENCED" --config "$DIR/wrong.conf" --check
expect "an unknown option is refused with 64" refuses 64 "$PRESENCED" --nonsense
expect "--migrate may run again" "$PRESENCED" --config "$DIR/migrate.conf" --migrate
server_kill
expect "it starts again after SIGKILL" server_start
expect "and shows what was published before" rows "select 1 from presence.publication where aor = 'alice@$DOMAIN'"
expect "and still answers" deploy/demo/exchange 127.0.0.1 "$SIP_PORT" "$DOMAIN"
expect "a standby takes over when the owner is killed" standby_takes_over
server_finish
