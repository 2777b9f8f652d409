#!/bin/bash
# test_dialog_sipp.sh - a PBX publishes the examples of RFC 4235 section 6, lamps of one phone
# watch its lines; both are sipp. Looks at what the lamps are told, document by document, and at
# what is published meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh

SCENARIOS=tests/e2e/sipp/dialog
LINES=(alice bob carol)
declare -A ETAG=() LAMP=()

# ---- the PBX: it has the password of each line ----

# pbx SCENARIO LINE PUBLICATION SECONDS [DOCUMENT]: one PUBLISH; PUBLICATION names what its
# entity-tag is kept under. The line without a condition has something else there.
pbx() {
    local condition='Organization: Example'
    if [ -n "${ETAG[$3]:-}" ]; then condition="SIP-If-Match: ${ETAG[$3]}"; fi
    sed "s|BODY|$SCENARIOS/bodies/${5:-}.xml|" "$SCENARIOS/$1.xml" >"$DIR/pbx.xml"
    sipp "127.0.0.1:$SIP_PORT" -i 127.0.0.1 -t u1 -s "$2" -au "$2" -ap secret -sf "$DIR/pbx.xml" -m 1 -nostdin \
        -key seconds "$4" -key condition "$condition" \
        -timeout 10 -timeout_error -trace_logs -log_file "$DIR/pbx" -trace_err -error_file "$DIR/pbx.err" \
        >"$DIR/pbx.out" 2>&1 || { cat "$DIR/pbx.err"; return 1; }
    ETAG[$3]=$(tail -n 1 "$DIR/pbx")
}

# publish LINE DOCUMENT [PUBLICATION [SECONDS]]
publish() {
    pbx publish "$1" "${3:-$1}" "${4:-60}" "$2" && [ "${ETAG[${3:-$1}]:-refused}" != refused ]
}
refresh() { pbx refresh "$1" "$1" 60; }
remove() { pbx refresh "$1" "${2:-$1}" 0; }
is_refused() {
    local etag=${ETAG[$1]:-}
    pbx publish "$1" "$1" 60 "$2" && [ "${ETAG[$1]:-}" = refused ] || return 1
    ETAG[$1]=$etag
}

# ---- the table ----

# holds LINE DOCUMENT: that publication and no other, as it came (sipp adds a line
# end), under its last entity-tag.
holds() {
    local held
    held=$(sql -c "select event, entity_tag, document from presence.publication where aor = '$1@$DOMAIN'" | tr -d '\r')
    diff <(echo "$held") <(echo "dialog|${ETAG[$1]:-}|$(cat "$SCENARIOS/bodies/$2.xml")")
}
holds_nothing() { ! rows "select 1 from presence.publication where aor = '$1@$DOMAIN'"; }

# ---- the lamps ----

watch() {
    sipp "127.0.0.1:$SIP_PORT" -i 127.0.0.1 -t u1 -s desk -au desk -ap secret -key line "$1" -sf "$SCENARIOS/watch.xml" \
        -m 1 -nostdin -timeout 60 -timeout_error -trace_err -error_file "$DIR/watch-$1.err" -trace_msg \
        -message_file "$DIR/watch-$1.msg" >"$DIR/watch-$1.out" 2>&1 &
    LAMP[$1]=$!
}

# documents LINE: each NOTIFY's as "VERSION full|partial STATE:REMOTE-TAG ...", a dash for no tag.
documents() {
    sed -n 's/<dialog /\n&/g; s/.*<dialog-info /<dialog-info /; s/<\/dialog-info>/\n<end>/p' "$DIR/watch-$1.msg" | awk '
        function of(name) { return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : "-" }
        /^<dialog-info/ { line = of("version") " " of("state") }
        /^<dialog /     { match($0, /<state[^>]*>[a-z]+/); state = substr($0, RSTART, RLENGTH); sub(/.*>/, "", state)
                          line = line " " state ":" of("remote-tag") }
        /^<end>/        { print line }'
}

# told LINE DOCUMENT: it is the last one.
told() { [ "$(documents "$1" | tail -n 1)" = "$2" ]; }
lamp() {
    within 5 told "$1" "$2" && return 0
    documents "$1"
    return 1
}

# One id for the call from beginning to end.
calls_by_name() { grep -o '<dialog id="[^"]*"[^>]*remote-tag="'"$2"'"' "$DIR/watch-$1.msg" | cut -d'"' -f2 | sort -u | grep -c .; }
has_one_name() { [ "$(calls_by_name "$1" "$2")" = 1 ]; }

# Versions from 0, one after the other; full first, then partial.
counts_up() {
    documents "$1" | awk '$1 != NR - 1 || $2 != (NR == 1 ? "full" : "partial") { bad = 1 } { print } END { exit bad || NR < 2 }'
}

# ---- section 6.1, forked; then a call that comes back ----

basic_example() {
    expect "trying: the PBX publishes" publish alice basic_trying
    expect "the lamp is told, in part" lamp alice '1 partial trying:-'
    expect "the table has it as it came" holds alice basic_trying
    expect "ringing" publish alice basic_early
    expect "the lamp rings" lamp alice '2 partial early:456887766'
    expect "the table has that in its place" holds alice basic_early
    expect "it is refreshed" refresh alice
    expect "the table has a new entity-tag" holds alice basic_early
    expect "another phone rings too: two dialogs of one id" publish alice basic_forked
    expect "the lamp is told of the new one alone, and of no refresh" lamp alice '3 partial early:hh76a'
    expect "that one answers" publish alice basic_answered
    expect "the lamp is told of it alone" lamp alice '4 partial confirmed:hh76a'
    expect "the other is cancelled" publish alice basic_cancelled
    expect "the lamp is told of that one alone" lamp alice '5 partial terminated:456887766'
    expect "hung up" publish alice basic_hung_up
    expect "the lamp goes out, under the id that it had and under the one that is free now" \
        lamp alice '6 partial terminated:hh76a terminated:hh76a'
    expect "the call rings after it was terminated: the newer publication counts" publish alice basic_early
    expect "the lamp rings again" lamp alice '7 partial early:456887766'
    expect "the table has that" holds alice basic_early
    expect "the PBX removes its publication" remove alice
    expect "the lamp goes out" lamp alice '8 partial terminated:456887766'
    expect "nothing is in the table" within 5 holds_nothing alice
    expect "the first branch had one name all the time" has_one_name alice 456887766
}

# ---- section 6.2: each document says "partial", and is all that the PBX says ----

shared_line() {
    expect "6.2 idle" publish bob line_idle
    expect "seized" publish bob line_seized
    expect "the lamp is told of a dialog without a call; of idle nothing, for nothing changed" lamp bob '1 partial trying:-'
    expect "dialing" publish bob line_dialing
    expect "it shows who is called" lamp bob '2 partial trying:-'
    expect "ringing" publish bob line_ringing
    expect "it rings" lamp bob '3 partial early:07346y131'
    expect "voicemail answers" publish bob line_voicemail
    expect "one ends, the other begins" lamp bob '4 partial terminated:07346y131 confirmed:8736347'
    expect "transferred" publish bob line_transferred
    expect "one ends, the other begins, though <param> stands beside <target>" \
        lamp bob '5 partial terminated:8736347 confirmed:78cjkus'
    expect "hold, as the RFC has it, is not well-formed: 400" is_refused bob line_hold
    expect "the table has what was before" holds bob line_transferred
    expect "the other one hangs up: dial tone" publish bob line_dial_tone
    expect "the call ends, a dialog without a call begins" lamp bob '6 partial terminated:78cjkus trying:-'
    expect "idle again" publish bob line_idle
    expect "the lamp goes out" lamp bob '7 partial terminated:-'
    expect "the table has an empty document" holds bob line_idle
}

# ---- section 6.3, and a publication that nobody refreshes ----

private_line() {
    expect "6.3 off hook" publish carol private_off_hook
    expect "the lamp is lit" lamp carol '1 partial confirmed:-'
    expect "on hook" publish carol private_on_hook
    expect "it goes out" lamp carol '2 partial terminated:-'
    expect "off hook, for two seconds" publish carol private_off_hook carol 2
    expect "it is lit" lamp carol '3 partial confirmed:-'
    expect "the table has it" holds carol private_off_hook
    expect "nobody refreshes it: the lamp goes out by itself" lamp carol '4 partial terminated:-'
    expect "nothing is in the table" within 5 holds_nothing carol
}

# ---- the phone publishes beside the PBX (it is alice's own call) ----

two_publishers() {
    ETAG=()
    expect "the PBX says ringing" publish alice basic_early
    expect "the lamp rings" lamp alice '9 partial early:456887766'
    expect "the phone says that the same call has ended" publish alice basic_cancelled phone
    expect "terminated stands; the other call is there" lamp alice '10 partial terminated:456887766 confirmed:hh76a'
    expect "the phone forgets it" remove alice phone
    expect "what the PBX still says does not light the lamp again" lamp alice '11 partial terminated:hh76a'
}

is_watched() { rows "select 1 from presence.subscription where aor = '$1@$DOMAIN' and event = 'dialog' and state = 'active'"; }
end() {
    local line
    for line in "${!LAMP[@]}"; do kill "${LAMP[$line]}" 2>/dev/null || true; done
    server_tear_down
}

server_set_up
trap end EXIT
sql -c "select presence.add_account('desk@$DOMAIN', 'secret')" >/dev/null
for line in "${LINES[@]}"; do
    watch "$line"
    expect "the lamp of $line is out: a full document without dialogs" lamp "$line" '0 full'
    expect "a subscription to $line is in the table" is_watched "$line"
done
basic_example
shared_line
private_line
two_publishers
for line in "${LINES[@]}"; do
    expect "$line: versions from 0, one more each time; full, then partial" counts_up "$line"
    sql -c "delete from presence.subscription where aor = '$line@$DOMAIN'"
    expect "$line: its subscription is ended, and every message was as it should be" wait "${LAMP[$line]}"
    cat "$DIR/watch-$line.err" 2>/dev/null || true
done
server_finish
