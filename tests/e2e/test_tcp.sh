#!/bin/bash
# test_tcp.sh - SIP over TCP: the user agent of test_wire.sh over connections, then very many of
# them, good and bad. HELD, SILENT and DRIPPING say how many.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

BIN=$(dirname "$PRESENCED")/tests
E2E_SIP=${E2E_SIP:-$BIN/e2e/e2e_sip} CONNECTIONS=${CONNECTIONS:-$BIN/bench/bench_connections}

metric() { http_get /metrics | sed -n "s/^presenced_$1 //p"; }
metric_is() { [ "$(metric "$1")" = "$2" ]; }
no_connection_is_left() { metric_is transport_connections 0; }

user_agent() {
    export SIP_PORT DOMAIN
    PEER_TRANSPORT=tcp "$E2E_SIP" || return 1
    [ "$(metric 'transport_datagrams_total{direction="in"}')" = 0 ]
}

many_connections() {
    local ended='transport_connections_ended_total{reason'
    "$CONNECTIONS" "$SIP_PORT" "$SERVER_PID" "${HELD:-10000}" "${SILENT:-1000}" \
        "${DRIPPING:-500}" 20 "$DOMAIN" || return 1
    metric_is "$ended=\"first_s\"}" "${SILENT:-1000}" &&
        metric_is "$ended=\"message_s\"}" "${DRIPPING:-500}"
}

server_set_up
expect "what holds over UDP holds over TCP, without a datagram" user_agent
cat "$DIR/expect"
server_stop
cat >>"$DIR/presenced.conf" <<CONF
tcp { first_s = 3 message_s = 3 connections_per_source_max = 100000 }
CONF
sql -c "update presence.domain set authentication = false"
server_start
expect "10,000 connections, 1,000 silent and 500 dripping peers hurt nobody" many_connections
cat "$DIR/expect"
expect "all connections are gone when their peers are" within 10 no_connection_is_left
server_finish
