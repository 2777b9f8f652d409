#!/bin/bash
# test_baresip_calls.sh - two baresips exchange messages and call each other, over UDP and over TCP.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/calls.sh
. tests/support/calls.sh
# shellcheck source=tests/support/baresip.sh
. tests/support/baresip.sh

CALLS_CONFIG='proxy { timer_c_s = 3 }'

registered() {
    rows "select 1 from presence.binding
        where aor = '$1@$DOMAIN' and (contact ~ 'transport=tcp') = ('$2' = 'tcp')"
}
nobody_registered() { ! rows 'select 1 from presence.binding'; }

forget() {
    local user
    for user in "${!BARESIP_PID[@]}"; do baresip_forget "$user"; done
}
tell() { baresip_tell "$@" >/dev/null; }
rings() { baresip_said "$1" 'Incoming call from'; }
hears() { [ "$(baresip_tone "$1")" = "$2" ]; }
has_ended() { baresip_said "$1" 'session closed\|terminated (duration'; }
logs() { tail -n 30 "$DIR"/baresip-*/log; }

# call CALLER CALLEE: it rings, and is accepted.
call() {
    forget
    tell "$1" dial "sip:$2@$DOMAIN"
    within 5 rings "$2" || return 1
    tell "$2" accept
    within 5 baresip_said "$1" 'Call established' && within 5 baresip_said "$2" 'Call established'
}

# hang_up ONE OTHER: the other one learns of it.
hang_up() {
    tell "$1" hangup
    within 5 has_ended "$2"
}

rejects() {
    forget
    tell alice dial "sip:bob@$DOMAIN"
    within 5 rings bob || return 1
    tell bob hangup
    within 5 baresip_said alice 'session closed: 486'
}

cancels() {
    forget
    tell alice dial "sip:bob@$DOMAIN"
    within 5 rings bob && within 5 baresip_said alice '180 Ringing' || return 1
    tell alice hangup
    within 5 has_ended bob
}

# Timer C is 3 s here: the callee is cancelled, and its 487 may be what goes back (section 16.8).
gives_up() {
    forget
    tell alice dial "sip:bob@$DOMAIN"
    within 5 rings bob && within 10 baresip_said alice 'session closed: 4\(08\|87\)' && within 5 has_ended bob
}

# message FROM TO TEXT
message() {
    tell "$1" contact_next
    tell "$1" message "$3"
    within 5 baresip_said "$2" "$1@$DOMAIN: \"$3\""
}

# Bob's phone is off; on its next start it gets what came meanwhile, in order.
is_kept() { rows "select 1 from presence.message where aor = '$1@$DOMAIN'"; }
nothing_is_kept() { ! rows 'select 1 from presence.message'; }
messages_wait() {
    local text
    forget
    baresip_stop bob
    within 10 is_gone bob || return 1
    tell alice contact_next
    for text in first second third; do tell alice message "the $text"; done
    within 5 is_kept bob
}
is_gone() { ! rows "select 1 from presence.binding where aor = '$1@$DOMAIN'"; }
come_in_order() {
    within 10 baresip_said bob 'the third' || return 1
    grep -ao 'the \(first\|second\|third\)' "$DIR/baresip-bob/log" | paste -sd' ' >"$DIR/came"
    grep -x 'the first the second the third' "$DIR/came"
}

phones_of_bob() { [ "$(sql -c "select count(*) from presence.binding where aor = 'bob@$DOMAIN'")" = "$1" ]; }

# Both phones of bob's ring; where he answers it goes on, the other one is cancelled.
forks() {
    forget
    tell alice dial "sip:bob@$DOMAIN"
    within 5 rings bob && within 5 rings bob.desk || return 1
    tell bob.desk accept
    within 5 baresip_said alice 'Call established' && within 5 baresip_said bob 'session closed'
}
message_to_both() {
    message alice bob "$1" && within 5 baresip_said bob.desk "$1"
}

# A message waits for every phone that is known, but not for one that is gone for good.
forget_desk() {
    baresip_stop bob.desk
    within 10 phones_of_bob 1 || return 1
    sql -c "delete from presence.device where device_key ~ '$(cat "$DIR/baresip-bob.desk/uuid")'"
}

# The phone is dead, its registration is not: what is sent is kept until it is back.
dies() {
    forget
    baresip_kill bob
    tell alice contact_next
    tell alice message 'are you there?'
    within 10 is_kept bob
}
returns() { within 10 baresip_said bob 'are you there?' && within 5 phones_of_bob 2; }
remove_first() {
    sql -c "delete from presence.binding where id = (select min(id) from presence.binding where aor = 'bob@$DOMAIN')"
    within 5 phones_of_bob 1
}

# The phones know nothing of it: no registration is made again before the next call.
server_dies_and_returns() { server_kill && server_start; }

all_of() {
    local over=$1 user
    baresip_start alice bob "$over"
    baresip_start bob alice "$over"
    for user in alice bob; do expect "$over: $user registers" within 10 registered $user "$over"; done
    expect "$over: alice's message reaches bob" message alice bob 'hello, bob'
    expect "$over: bob's reaches alice, octet for octet" message bob alice 'grüß dich, Алиса 你好'
    expect "$over: alice calls bob" call alice bob
    expect "$over: alice hears bob's tone" within 10 hears alice 660
    expect "$over: bob hears hers" within 10 hears bob 440
    expect "$over: the caller hangs up" hang_up alice bob
    expect "$over: bob calls alice" call bob alice
    expect "$over: they hear each other" within 10 hears alice 660
    expect "$over: the called one hangs up" hang_up alice bob
    expect "$over: bob rejects with 486" rejects
    expect "$over: alice gives up while it rings" cancels
    expect "$over: nobody answers, and the server gives up" gives_up
    baresip_start bob.desk alice "$over"
    expect "$over: bob registers another phone" within 10 phones_of_bob 2
    expect "$over: both ring, one answers, the other stops" forks
    expect "$over: alice hears the one that answered" within 10 hears alice 660
    expect "$over: it hangs up" hang_up bob.desk alice
    expect "$over: a message reaches both" message_to_both 'to both of you'
    expect "$over: the other phone is forgotten" forget_desk
    expect "$over: a message to a phone that has died is kept" dies
    baresip_start bob alice "$over"
    expect "$over: and comes when it is back" returns
    expect "$over: what the dead one had registered is removed by SQL" remove_first
    if [ "$over" = udp ]; then
        expect "$over: the server dies and is back" server_dies_and_returns
        expect "$over: alice calls bob as before" call alice bob
        expect "$over: and hangs up" hang_up alice bob
    fi
    expect "$over: messages wait for bob while his phone is off" messages_wait
    baresip_start bob alice "$over"
    expect "$over: he gets them in order when it is on again" come_in_order
    expect "$over: nothing is kept any more" within 10 nothing_is_kept
    [ "$RESULTS_FAILED" = 0 ] || logs
    baresip_stop alice
    baresip_stop bob
    expect "$over: both unregister when they end" within 10 nobody_registered
    expect "$over: no transaction and no fork is left" within 15 server_is_idle
}

stop_phones() {
    local phone
    for phone in "${!BARESIP_PID[@]}"; do baresip_stop "$phone"; done
    server_tear_down
}

server_set_up
trap stop_phones EXIT
for transport in udp tcp; do all_of $transport; done
server_finish
