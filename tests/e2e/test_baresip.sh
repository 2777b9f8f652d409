#!/bin/bash
# test_baresip.sh - two baresips register, publish, subscribe to one another and see changes; over
# UDP, then over TCP.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/baresip.sh
. tests/support/baresip.sh

has_row() { rows "select 1 from presence.$1 where aor = '$2@$DOMAIN'"; }
shows() { (baresip_tell "$1" contacts) 2>/dev/null | tee "$DIR/contacts" | grep -q "$2"; }
stop_phones() {
    baresip_stop alice
    baresip_stop bob
    server_tear_down
}

server_set_up
trap stop_phones EXIT
for TRANSPORT in udp tcp; do
    baresip_start alice bob "$TRANSPORT"
    baresip_start bob alice "$TRANSPORT"
    for user in alice bob; do
        expect "$TRANSPORT: $user registers with digest" within 10 has_row binding $user
        expect "$TRANSPORT: $user publishes" within 10 has_row publication $user
        expect "$TRANSPORT: somebody subscribes to $user" within 10 has_row subscription $user
    done
    baresip_tell alice presence_offline >/dev/null
    expect "$TRANSPORT: bob sees that alice went offline" within 10 shows bob Offline
    baresip_tell alice presence_online >/dev/null
    expect "$TRANSPORT: bob sees that alice came online" within 10 shows bob Online
    expect "$TRANSPORT: alice sees bob online" within 10 shows alice Online
    if [ "$RESULTS_FAILED" -gt 0 ]; then tail -n 40 "$DIR"/baresip-*/log "$DIR/contacts"; fi
    baresip_stop alice
    baresip_stop bob
    sql -c "delete from presence.binding; delete from presence.subscription; delete from presence.publication"
done
server_finish
