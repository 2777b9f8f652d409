#!/bin/bash
# test_sipp.sh - sipp registers with digest, publishes, subscribes and sees the change; over UDP,
# then over TCP.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

# sipp_as USER SCENARIO: one call; sipp's own messages are shown when it fails.
sipp_as() {
    sipp "127.0.0.1:$SIP_PORT" -i 127.0.0.1 -t "${TRANSPORT}1" -s "$1" -au "$1" -ap secret -sf "tests/e2e/sipp/$2.xml" -m 1 -nostdin \
        -timeout 30 -timeout_error -trace_err -error_file "$DIR/$2.err" -trace_msg \
        -message_file "$DIR/$2.msg" >"$DIR/$2.out" 2>&1 && return 0
    cat "$DIR/$2.err"
    tail -n 80 "$DIR/$2.msg"
    return 1
}

bob_is_subscribed() { rows "select 1 from presence.subscription where aor = 'alice@$DOMAIN'"; }
nobody_is_subscribed() { ! bob_is_subscribed; }
nothing_is_published() { ! rows 'select 1 from presence.publication'; }
registered() { rows "select 1 from presence.binding where aor = '$1@$DOMAIN'"; }
not_registered() { ! registered "$1"; }

server_set_up
for TRANSPORT in u t; do
    over=$([ $TRANSPORT = u ] && echo UDP || echo TCP)
    expect "$over: alice registers with digest" sipp_as alice register
    expect "$over: her binding is a row" registered alice
    expect "$over: alice unregisters" sipp_as alice unregister
    expect "$over: her binding is gone" not_registered alice
    sipp_as bob subscribe >"$DIR/bob" 2>&1 &
    bob=$!
    expect "$over: bob subscribes" within 10 bob_is_subscribed
    expect "$over: alice publishes, refreshes, and a wrong entity-tag gets 412" sipp_as alice publish
    expect "$over: bob sees the change, unsubscribes, and every message was as it should be" wait "$bob"
    cat "$DIR/bob"
    expect "$over: his subscription is gone" within 5 nobody_is_subscribed
    sql -c 'delete from presence.publication'
    expect "$over: nothing is published" within 5 nothing_is_published
done
server_finish
