#!/bin/bash
# test_linphone.sh - linphonecs register with digest, publish, subscribe and see one another and a
# baresip; by what they say themselves. Skipped where there is no linphonec (Debian: linphone-cli,
# which takes 200 MB of libraries along).
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v linphonec >/dev/null; then
    echo "skipped: linphonec is not installed"
    echo "0 passed, 0 failed"
    exit 0
fi
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/baresip.sh
. tests/support/baresip.sh
# shellcheck source=tests/support/linphone.sh
. tests/support/linphone.sh

registered() { rows "select 1 from presence.binding where aor = '$1@$DOMAIN'"; }
publishes() { rows "select 1 from presence.publication where aor = '$1@$DOMAIN' and document ~ 'linphone'"; }
subscribed() { rows "select 1 from presence.subscription where aor = '$2@$DOMAIN' and watcher = '$1@$DOMAIN' and state = '${3:-active}'"; }
not_subscribed() { ! subscribed "$@"; }
sees() { linphone_said "$1" "<sip:$2@$DOMAIN> is $3"; }
rule() { linphone_forget "$2" && sql -c "select presence.$1('$3@$DOMAIN', '$2@$DOMAIN')"; }
runs() { ! linphone_is_gone "${LINPHONE_PID[$1]}"; }
baresip_shows() { (baresip_tell "$1" contacts) 2>/dev/null | grep -q "$3.*sip:$2@$DOMAIN"; }

is_away() {
    sql -c "select presence.publish('alice@$DOMAIN', '<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"
        xmlns:d=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\"
        entity=\"sip:alice@$DOMAIN\"><d:person id=\"p\"><r:activities><r:away/></r:activities></d:person></presence>')"
}

two_linphones() {
    linphone_start alice bob
    linphone_start bob alice
    for user in alice bob; do
        expect "$user registers with digest" within 10 registered $user
        expect "$user publishes" within 10 publishes $user
    done
    expect "alice subscribes to bob" within 5 subscribed alice bob
    expect "bob subscribes to alice" within 5 subscribed bob alice
    expect "bob sees alice online" within 5 sees bob alice Online
    expect "alice sees bob online" within 5 sees alice bob Online
    linphone_forget bob
    expect "an application says that alice is away" is_away
    expect "bob sees her away" within 5 sees bob alice Away
    linphone_forget bob
    sql -c "select presence.unpublish('alice@$DOMAIN')" >/dev/null
    expect "bob sees her online when that is taken back" within 5 sees bob alice Online
    linphone_forget bob
    linphone_stop alice
    expect "alice quits, bob sees her offline" within 5 sees bob alice Offline
}

# What baresip forgets of what it publishes expires soon, see test_baresip_presence.sh.
rules() {
    export BARESIP_PUBINT=5
    linphone_forget bob
    baresip_start alice bob udp
    expect "a baresip publishes as alice, bob sees her online" within 5 sees bob alice Online
    expect "it sees bob online" within 5 baresip_shows alice bob Online
    linphone_forget bob
    baresip_tell alice presence_offline >/dev/null
    expect "it goes offline, so bob sees" within 10 sees bob alice Offline
    linphone_forget bob
    baresip_tell alice presence_online >/dev/null
    expect "it comes online, so bob sees" within 5 sees bob alice Online
    linphone_stop bob
    expect "alice has to decide about bob" rule confirm bob alice
    linphone_start bob alice
    expect "he waits" within 10 subscribed bob alice pending
    expect "he sees her offline" within 5 sees bob alice Offline
    expect "alice lets him in" rule allow bob alice
    expect "he sees her online" within 5 sees bob alice Online
    expect "alice blocks him" rule block bob alice
    expect "he sees her offline" within 5 sees bob alice Offline
    expect "his subscription is gone" within 5 not_subscribed bob alice
}

# Of lists Linphone 5.1 shows nothing, since it waits for an Event "Presence", though it asks for
# "presence"; but it reads them.
list() {
    linphone_stop bob
    sql -c 'delete from presence.watcher_rule'
    LINPHONE_DEBUG=yes linphone_start bob alice "sip:bob@$DOMAIN"
    expect "bob subscribes to a list of his own" within 10 subscribed bob bob
    baresip_tell alice presence_offline >/dev/null
    expect "it answers two NOTIFYs, of the list and of a change" within 5 has_answered 2
    expect "they do it no harm" runs bob
}
has_answered() { [ "$(grep -c '^Content-Type: multipart/related' "$DIR/linphone-bob/debug")" -ge "$1" ] && [ "$(grep -c '^CSeq: [12] NOTIFY' "$DIR/linphone-bob/debug")" -ge $((2 * $1)) ]; }

end() {
    local phone
    for phone in "${!LINPHONE_PID[@]}"; do linphone_stop "$phone"; done
    for phone in "${!BARESIP_PID[@]}"; do baresip_stop "$phone"; done
    server_tear_down
}

server_set_up
trap end EXIT
two_linphones
rules
list
if [ "$RESULTS_FAILED" -gt 0 ]; then tail -n 40 "$DIR"/*/log; fi
linphone_stop bob
expect "all is taken back when they quit" within 5 not_subscribed bob bob
server_finish
