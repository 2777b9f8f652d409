#!/bin/bash
# test_baresip_presence.sh - baresips see one another come, change, go and die, and what rules
# let them see; by what they say themselves. Over UDP, then over TCP.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/baresip.sh
. tests/support/baresip.sh

# baresip publishes twice when it starts and forgets one of the two: that one is there until it
# expires, so this must be soon, yet later than the refreshes, which come after 90% of it.
export BARESIP_PUBINT=5

tell() { baresip_tell "$@" >/dev/null; }
shows() { (baresip_tell "$1" contacts) 2>/dev/null | grep -q "$3.*sip:$2@$DOMAIN"; }
hears() { baresip_said "$1" "sip:$2@$DOMAIN> changed status.*$3.*to.*$4"; }
subscribed() { rows "select 1 from presence.subscription where aor = '$2@$DOMAIN' and watcher = '$1@$DOMAIN' and state = '$3'"; }
not_subscribed() { ! rows "select 1 from presence.subscription where aor = '$2@$DOMAIN' and watcher = '$1@$DOMAIN'"; }
dialog_of() { sql -c "select id, call_id from presence.subscription where watcher = '$1@$DOMAIN'"; }
nothing_new() { ! baresip_said "$1" 'changed status'; }
rule() { sql -c "select presence.$1('$2@$DOMAIN', '$3@$DOMAIN')"; }

# change USER COMMAND WATCHER FROM TO: the watcher says so, and that alone.
change() {
    baresip_forget "$3"
    tell "$1" "$2"
    within 5 hears "$3" "$1" "$4" "$5" && [ "$(grep -ac 'changed status' "$DIR/baresip-$3/log")" = 1 ]
}

# What an application says of her, beside what her phone says.
is_busy() {
    sql -c "select presence.publish('alice@$DOMAIN', '<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"
        xmlns:d=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\"
        entity=\"sip:alice@$DOMAIN\"><d:person id=\"p\"><r:activities><r:busy/></r:activities></d:person></presence>')"
}
is_busy_no_more() { sql -c "select presence.unpublish('alice@$DOMAIN')"; }

# It was refreshed until now, so it is there for a while, and then is not.
dies() {
    baresip_forget bob
    baresip_kill alice
    hears bob alice Online Offline && return 1
    within 10 hears bob alice Online Offline
}

is_let_in() {
    local dialog
    dialog=$(dialog_of carol)
    baresip_forget carol
    rule allow alice carol
    within 5 hears carol alice Offline Online && within 5 subscribed carol alice active && [ "$(dialog_of carol)" = "$dialog" ]
}

is_blocked() {
    baresip_forget bob
    rule block alice bob
    within 5 baresip_said bob "subscriber closed <sip:alice@$DOMAIN>: rejected" &&
        within 5 shows bob alice Unknown && within 5 not_subscribed bob alice
}

# Carol, who may, has seen both changes: bob would have, had he been told.
hears_no_more() {
    baresip_forget bob
    change alice presence_offline carol Online Offline && change alice presence_online carol Offline Online &&
        nothing_new bob && not_subscribed bob alice
}

comes_and_goes() {
    baresip_forget bob
    baresip_stop alice
    expect "udp: alice quits, bob sees her offline" within 10 hears bob alice Online Offline
    baresip_start alice bob udp
    expect "udp: alice is back, bob sees her online" within 5 hears bob alice Offline Online
    expect "udp: alice sees bob online again" within 5 shows alice bob Online
    expect "udp: alice dies, bob sees her offline when her publication has expired" dies
    baresip_start alice bob udp
    expect "udp: she returns, bob sees her online" within 5 hears bob alice Offline Online
}

all_of() {
    local over=$1
    baresip_start alice bob "$over"
    expect "$over: bob is offline before he comes" within 5 shows alice bob Offline
    baresip_start bob alice "$over"
    expect "$over: bob sees alice online" within 5 shows bob alice Online
    expect "$over: alice sees bob come online" within 5 hears alice bob Offline Online
    expect "$over: bob sees alice go offline" change alice presence_offline bob Online Offline
    expect "$over: bob sees alice come online" change alice presence_online bob Offline Online
    expect "$over: alice sees bob go offline" change bob presence_offline alice Online Offline
    expect "$over: alice sees bob come online" change bob presence_online alice Offline Online
    baresip_forget bob
    expect "$over: an application says that alice is busy" is_busy
    expect "$over: bob sees her busy" within 5 hears bob alice Online Busy
    expect "$over: it takes that back" is_busy_no_more
    expect "$over: bob sees her online" within 5 hears bob alice Busy Online
    if [ "$over" = udp ]; then comes_and_goes; fi
    expect "$over: alice will decide about carol" rule confirm alice carol
    baresip_start carol alice "$over"
    expect "$over: carol waits" within 5 subscribed carol alice pending
    expect "$over: she believes alice offline" within 5 shows carol alice Offline
    expect "$over: alice lets her in: carol sees her online, in the same dialog" is_let_in
    expect "$over: alice blocks bob: his phone says rejected, his subscription is gone" is_blocked
    expect "$over: carol sees alice go and come, bob hears no more" hears_no_more
    expect "$over: bob himself is seen by alice still" change bob presence_offline alice Online Offline
    if [ "$RESULTS_FAILED" -gt 0 ]; then tail -n 40 "$DIR"/baresip-*/log; fi
    stop_phones
    sql -c "delete from presence.watcher_rule; delete from presence.subscription; delete from presence.publication"
}

stop_phones() {
    local phone
    for phone in "${!BARESIP_PID[@]}"; do baresip_stop "$phone"; done
}
end() {
    stop_phones
    server_tear_down
}

server_set_up
trap end EXIT
for transport in udp tcp; do all_of $transport; done
server_finish
