#!/bin/bash
# test_vanish.sh - a peer that vanishes without a word. In a network of its own, which is then cut.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" != inside ]; then
    unshare -n true 2>/dev/null || {
        echo "skipped: this needs the right to make network namespaces"
        echo "0 passed, 0 failed"
        exit 0
    }
    exec unshare -n "$0" inside
fi
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

subscribes() {
    exec 4<>"/dev/tcp/127.0.0.1/$SIP_PORT"
    printf 'SUBSCRIBE sip:alice@%s SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKv\r\nMax-Forwards: 70\r
From: <sip:alice@%s>;tag=x\r\nTo: <sip:alice@%s>\r\nCall-ID: v\r\nCSeq: 1 SUBSCRIBE\r\nEvent: presence\r
Contact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n' "$DOMAIN" "$DOMAIN" "$DOMAIN" >&4
    read -r -t 3 answer <&4
    [[ $answer == *' 200 '* ]]
}
is_cut_off() { grep -q 'disconnect .*how=vanished' "$DIR/log"; }
is_still_connected() { ! grep -q 'disconnect ' "$DIR/log"; }

# Longer than the deadline, so that only what is owed can be what ends it.
stays() {
    sleep 4
    is_still_connected
}

ip link set lo up
server_set_up
sql -c "update presence.domain set authentication = false"
server_stop
printf 'tcp { write_s = 2 }\nlog { level = debug }\n' >>"$DIR/presenced.conf"
server_start
expect "a watcher subscribes over TCP" subscribes
expect "in silence its connection stays" stays
ip link set lo down
sql -c "select presence.terminate_subscription(id) from presence.subscription" >/dev/null
expect "what it does not acknowledge ends it" within 10 is_cut_off
ip link set lo up
expect "the server serves" within 5 server_is_ready
server_finish
