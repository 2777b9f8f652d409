#!/bin/bash
# test_pjsua.sh - pjsuas register with digest, publish, subscribe and see one another, and what rules
# let them see; by what they say themselves. Debian has no pjsua: skipped unless PJSUA names one,
# made from pjproject by `./configure --disable-video --disable-sound && make dep && make`.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -x "${PJSUA:=$(command -v pjsua || true)}" ]; then
    echo "skipped: PJSUA names no program"
    echo "0 passed, 0 failed"
    exit 0
fi
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/pjsua.sh
. tests/support/pjsua.sh

published() { rows "select 1 from presence.publication where aor = '$1@$DOMAIN'"; }
subscribed() { rows "select 1 from presence.subscription where aor = '$2@$DOMAIN' and watcher = '$1@$DOMAIN' and state = '$3'"; }
not_subscribed() { ! rows "select 1 from presence.subscription where aor = '$2@$DOMAIN' and watcher = '$1@$DOMAIN'"; }
sees() { pjsua_said "$1" "sip:$2@$DOMAIN status is $3, subscription state is $4"; }
rule() { pjsua_forget "$2" && sql -c "select presence.$1('$3@$DOMAIN', '$2@$DOMAIN')"; }

# becomes USER WATCHER STATUS LINE...: what one types at USER's phone shows at the watcher's.
becomes() {
    local user=$1 watcher=$2 status=$3
    shift 3
    pjsua_forget "$watcher"
    pjsua_tell "$user" "$@"
    within 5 sees "$watcher" "$user" "$status" ACTIVE
}

end() {
    local phone
    for phone in "${!PJSUA_PID[@]}"; do pjsua_stop "$phone"; done
    server_tear_down
}

server_set_up
trap end EXIT
expect "alice registers with digest" pjsua_start alice bob
expect "bob registers with digest" pjsua_start bob alice
for user in alice bob; do expect "$user publishes" within 5 published $user; done
expect "bob sees alice online" within 5 sees bob alice Online ACTIVE
expect "alice sees bob online" within 5 sees alice bob Online ACTIVE
expect "bob sees alice on the phone" becomes alice bob 'On the phone' T 3
expect "bob sees alice busy" becomes alice bob Busy T 2
expect "bob sees alice away" becomes alice bob Away T 5
expect "bob sees alice offline" becomes alice bob Offline T 7
expect "bob sees alice online again" becomes alice bob Online T 1
expect "alice blocks bob" rule block bob alice
expect "his subscription was rejected, so he says" within 5 sees bob alice Offline 'TERMINATED.*rejected'
expect "it is gone" within 5 not_subscribed bob alice
pjsua_stop bob
expect "alice has to decide about bob" rule confirm bob alice
expect "he comes back" pjsua_start bob alice
expect "he waits, and sees nothing of her" within 5 sees bob alice '\(Offline\|Pending: .*\)' PENDING
expect "so it is in the table" within 5 subscribed bob alice pending
expect "alice lets him in" rule allow bob alice
expect "he sees her online" within 5 sees bob alice Online ACTIVE
pjsua_forget bob
pjsua_stop alice
expect "alice quits, he sees her offline" within 5 sees bob alice Offline ACTIVE
if [ "$RESULTS_FAILED" -gt 0 ]; then tail -n 40 "$DIR"/pjsua-*/log; fi
pjsua_stop bob
expect "nobody watches when they have quit" within 5 not_subscribed bob alice
server_finish
