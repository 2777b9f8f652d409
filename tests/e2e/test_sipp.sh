#!/bin/bash
# test_sipp.sh - sipp registers with digest, publishes, subscribes and sees the change.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

# sipp_as USER SCENARIO: one call; sipp's own messages are shown when it fails.
sipp_as() {
    sipp "127.0.0.1:$SIP_PORT" -i 127.0.0.1 -s "$1" -au "$1" -ap secret -sf "tests/e2e/sipp/$2.xml" -m 1 -nostdin \
        -timeout 30 -timeout_error -trace_err -error_file "$DIR/$2.err" -trace_msg \
        -message_file "$DIR/$2.msg" >"$DIR/$2.out" 2>&1 && return 0
    cat "$DIR/$2.err"
    tail -n 80 "$DIR/$2.msg"
    return 1
}

bob_is_subscribed() { rows "select 1 from presence.subscription where aor = 'alice@$DOMAIN'"; }
nobody_is_subscribed() { ! bob_is_subscribed; }
registered() { rows "select 1 from presence.binding where aor = '$1@$DOMAIN'"; }
not_registered() { ! registered "$1"; }

server_set_up
expect "alice registers with digest" sipp_as alice register
expect "her binding is a row" registered alice
expect "alice unregisters" sipp_as alice unregister
expect "her binding is gone" not_registered alice
sipp_as bob subscribe >"$DIR/bob" 2>&1 &
bob=$!
expect "bob subscribes" within 10 bob_is_subscribed
expect "alice publishes, refreshes, and a wrong entity-tag gets 412" sipp_as alice publish
expect "bob sees the change, unsubscribes, and every message was as it should be" wait "$bob"
cat "$DIR/bob"
expect "his subscription is gone" within 5 nobody_is_subscribed
server_finish
