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

# One request over a connection of its own, which stays open as descriptor 4; prints the answer.
send_request() { # send_request METHOD HEADERS
    calls=$((${calls:-0} + 1))
    exec 4<>"/dev/tcp/127.0.0.1/$SIP_PORT"
    printf '%s sip:alice@%s SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%s\r\nMax-Forwards: 70\r
From: <sip:alice@%s>;tag=x\r\nTo: <sip:alice@%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n%bContent-Length: 0\r\n\r\n' \
        "$1" "$DOMAIN" "$calls" "$DOMAIN" "$DOMAIN" "$calls" "$1" "$2" >&4
    read -r -t 3 answer <&4
    echo "$answer"
    [[ $answer == *' 200 '* ]]
}

one_subscription_is_active() {
    local mine="where aor = 'alice@$DOMAIN'"
    [ "$(sql -c "select string_agg(state::text, ' ') from presence.subscription $mine")" = active ] &&
        [ "$(sql -c "select count(*) from presence.binding $mine")" = 1 ]
}
a_notify_has_failed() { [ "$(metric notify_failed_total)" -ge 1 ]; }

# Its rows are of connections that ended with the first epoch; those of the third are of none.
restarts() {
    sql -c "delete from presence.binding where aor = 'alice@$DOMAIN'"
    send_request SUBSCRIBE 'Event: presence\r\nContact: <sip:alice@192.0.2.1>\r\n' &&
        send_request REGISTER 'Contact: <sip:alice@192.0.2.1;transport=tcp>\r\n' || return 1
    for note in one two; do
        server_kill
        server_start || return 1
        sql -c "select presence.publish('alice@$DOMAIN', '<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:alice@$DOMAIN\"><tuple id=\"t\"><status><basic>open</basic></status><note>$note</note></tuple></presence>')"
        if ! within 5 a_notify_has_failed || ! one_subscription_is_active; then
            sql -c 'select aor, state, flow from presence.subscription'
            http_get /metrics | grep notify
            return 1
        fi
        [ -z "$(sql -c 'table presence.invariant')" ] || return 1
    done
    exec 4>&-
}

# Nobody answers a NOTIFY here, and one may be in the air: the second watcher has its own in spite
# of the first, long before Timer F.
watchers_wait_for_nobody() {
    local line
    sql -c "delete from presence.subscription where aor = 'alice@$DOMAIN'"
    send_request SUBSCRIBE 'Event: presence\r\nContact: <sip:alice@192.0.2.1>\r\n' || return 1
    exec 5<&4
    send_request SUBSCRIBE 'Event: presence;id=2\r\nContact: <sip:alice@192.0.2.1>\r\n' || return 1
    while read -r -t 6 line <&4; do
        if [[ $line == NOTIFY* ]]; then
            exec 4>&- 5>&-
            return 0
        fi
    done
    return 1
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
expect "subscriptions of connections that are gone are parked, over restarts too" restarts
cat "$DIR/expect"
server_stop
echo 'notify { window_min = 1 window_max = 1 }' >>"$DIR/presenced.conf"
server_start
expect "a watcher that does not answer over TCP keeps nobody waiting" watchers_wait_for_nobody
server_finish
