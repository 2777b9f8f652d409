#!/bin/bash
# test_calls_sipp.sh - the call flows of RFC 3665 section 3 in which a proxy takes part, played by sipp.
#
# Two servers stand for the two proxies: atlanta serves alice, biloxi serves bob. A flow is two
# lists of steps, each step a piece of a scenario in tests/e2e/sipp/calls: what alice does, and what
# bob does. STEP:NUMBER gives a step its status code.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/calls.sh
. tests/support/calls.sh

PIECES=tests/e2e/sipp/calls
PATHS=${PATHS:-udp-udp tcp-tcp udp-tcp tcp-udp} # alice's transport, and bob's
DOMAIN=atlanta.example.com
BILOXI=biloxi.example.com BILOXI_PORT='' BILOXI_HTTP='' BILOXI_PID=''

# ---- the second proxy: the same variables with other values ----

# in_biloxi COMMAND...: with the second proxy's variables.
in_biloxi() {
    local SIP_PORT=$BILOXI_PORT HTTP_PORT=$BILOXI_HTTP PGDATABASE=$PGDATABASE_BILOXI DOMAIN=$BILOXI
    "$@"
}

biloxi_make() {
    psql -X -qAt -d postgres -c "create database $PGDATABASE"
    server_config postgres >"$DIR/migrate.conf"
    server_config presence_server >"$DIR/biloxi.conf"
    "$PRESENCED" --config "$DIR/migrate.conf" --migrate
    sql -c "select presence.add_domain('$DOMAIN')" \
        -c "select presence.add_account(name || '@$DOMAIN', 'secret')
            from unnest(array['alice', 'bob', 'carol']) name" \
        >/dev/null
    "$PRESENCED" --config "$DIR/biloxi.conf" >>"$DIR/log" 2>&1 &
    BILOXI_PID=$!
    within 15 server_is_ready
}

biloxi_stop() {
    kill -CONT "$BILOXI_PID" && kill -TERM "$BILOXI_PID"
    wait "$BILOXI_PID"
}

tear_down() {
    local job
    for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
    kill -KILL "$BILOXI_PID" 2>/dev/null || true
    psql -X -qAt -d postgres -c "drop database if exists $PGDATABASE_BILOXI with (force)" \
        >/dev/null 2>&1 || true
    server_tear_down
}

# ---- sipp ----

# scenario FILE LEFT STEP...: LEFT is the Max-Forwards that bob shall see.
scenario() {
    local file=$1 left=$2 step names
    shift 2
    for step; do
        sed -e "s/@LEFT@/$left/g" -e "s/@ARGUMENT@/${step#*:}/g" "$PIECES/${step%%:*}.xml"
    done >"$file.pieces"
    names=$(grep -o 'assign_to="[a-z]*"' "$file.pieces" | cut -d'"' -f2 | sort -u | paste -sd,)
    {
        echo '<?xml version="1.0" encoding="UTF-8"?>'
        echo '<!DOCTYPE scenario SYSTEM "sipp.dtd">'
        echo '<scenario name="call">'
        cat "$file.pieces"
        [ -z "$names" ] || echo "<Reference variables=\"$names\"/>"
        echo '</scenario>'
    } >"$file"
}

# play TRANSPORT USER SERVER SCENARIO KEY VALUE...: sipp plays CALLS calls with the server at that port,
# from its own PORT; what went wrong is shown. All sides of a single call use one Call-ID: so it
# finds the scenario that has registered.
play() {
    local user=$2 server=$3 file=$4 keys=() mode=u1
    [ "$1" = udp ] || mode=t1
    shift 4
    while [ $# -gt 0 ]; do keys+=(-key "$1" "$2") && shift 2; done
    sipp "127.0.0.1:$server" -i 127.0.0.1 -p "${PORT:-$(free_port)}" -t $mode -m "$CALLS" -r 50 \
        -buff_size 1048576 -nostdin -cid_str "$CALL_ID" -au "$user" -ap secret "${keys[@]}" -sf "$file" \
        -timeout 30 -timeout_error -trace_err -error_file "$file.err" -trace_msg -message_file "$file.msg" >"$file.out" 2>&1 && return 0
    echo "---- $file"
    cat "$file.err" 2>/dev/null
    tail -n 60 "$file.msg"
    return 1
}

registered() { [ -n "$(in_biloxi sql -c "select 1 from presence.binding where aor = '$1@$BILOXI'")" ]; }
nobody_registered() { [ -z "$(in_biloxi sql -c 'select 1 from presence.binding')" ]; }

route() {
    local port routes='' transport=${WAY%-*}
    for port; do
        routes+="${routes:+, }<sip:127.0.0.1:$port;transport=$transport;lr>"
        transport=${WAY#*-}
    done
    echo "$routes"
}

# ---- a flow ----

# callee USER STEP...: registers, then waits to be called; in the background.
callee() {
    local user=$1 file="$DIR/$FLOW-$WAY-$1"
    shift
    scenario "$file" $((70 - HOPS)) register "$@"
    play "${WAY#*-}" "$user" "$BILOXI_PORT" "$file" domain $BILOXI self "sip:$user@$BILOXI" \
        other "sip:carol@$BILOXI" >"$file.said" 2>&1 &
    CALLEES+=($!)
    within 10 registered "$user"
}

# caller DOMAIN ROUTE STEP...: alice of that domain calls by ROUTE, ports of proxies.
caller() {
    local domain=$1 file="$DIR/$FLOW-$WAY-alice" ports
    read -r -a ports <<<"$2"
    shift 2
    scenario "$file" 70 "$@"
    play "${WAY%-*}" alice "${ports[0]}" "$file" self "sip:alice@$domain" callee "sip:bob@$BILOXI" \
        other "sip:carol@$BILOXI" route "$(route "${ports[@]}")"
}

# Whether the callees have seen what they should; nobody is left registered for the next flow.
callees_are_content() {
    local pid status=0
    for pid in ${CALLEES+"${CALLEES[@]}"}; do wait "$pid" || status=1; done
    [ $status = 0 ] || cat "$DIR/$FLOW-$WAY"-*.said
    in_biloxi sql -c "select presence.unregister(name || '@$BILOXI')
        from unnest(array['bob', 'carol']) name" >/dev/null
    within 5 nobody_registered && return $status
}

# flow NAME HOPS: what both sides do is in flow_NAME.
flow() {
    local status=0
    FLOW=$1 HOPS=$2 CALLEES=() CALLS=1 PORT='' CALL_ID="$1-$WAY@client.example.com"
    "flow_$1" || status=1
    callees_are_content && return $status
}

both() { echo "$SIP_PORT $BILOXI_PORT"; }
ASKS=(invite challenged invite_proved)

# The shortest: one proxy.
flow_3_1() {
    callee bob asked ring answer confirmed hung_up
    caller $BILOXI "$BILOXI_PORT" "${ASKS[@]}" ringing answered confirm hang_up
}

flow_3_2() {
    callee bob asked ring answer confirmed hang_up
    caller $DOMAIN "$(both)" "${ASKS[@]}" ringing answered confirm hung_up
}

# Behind biloxi there is chicago, which wants credentials too; alice ends with two on one request.
flow_3_3() {
    callee bob asked challenge asked_with_credentials answer confirmed hung_up
    caller $DOMAIN "$(both)" "${ASKS[@]}" challenged_by_chicago invite_proved_twice answered confirm hang_up
}

# The first proxy is there, and silent; when it wakes up, what it finds waiting harms nothing.
flow_3_4() {
    local status=0
    kill -STOP "$SERVER_PID"
    caller $DOMAIN "$SIP_PORT" invite_vain || status=1
    CALL_ID="second-$CALL_ID"
    flow_3_1 || status=1
    kill -CONT "$SERVER_PID"
    return $status
}

# The gateway trusts alice and only passes on; biloxi's challenge goes through it.
flow_3_5() {
    local status=0
    sql -c "select presence.add_trusted_peer('127.0.0.1', may_relay => true)" >/dev/null
    callee bob asked ring answer confirmed hang_up
    caller $BILOXI "$(both)" "${ASKS[@]}" ringing answered confirm hung_up || status=1
    sql -c 'delete from presence.trusted_peer'
    return $status
}

# Bob's phone sends the call on to carol's, where it comes without an offer: bob's is in the 200.
flow_3_6() {
    callee bob asked refuse:302
    callee carol asked_offerless ring answer confirmed_with_answer hung_up
    caller $DOMAIN "$(both)" "${ASKS[@]}" moved invite_offerless ringing answered confirm_with_answer hang_up
}

# Bob's phone changes its address in the middle.
flow_3_7() {
    callee bob asked ring answer confirmed reinvite hang_up
    caller $DOMAIN "$(both)" "${ASKS[@]}" ringing answered confirm reinvited hung_up
}

flow_3_8() {
    callee bob asked ring cancelled
    caller $DOMAIN "$(both)" "${ASKS[@]}" cancel
}

flow_3_9() {
    callee bob asked refuse:486
    caller $DOMAIN "$(both)" "${ASKS[@]}" refused:486
}

# Bob's phone is registered and takes what comes, but says nothing.
flow_3_10() {
    callee bob asked stay
    caller $DOMAIN "$(both)" "${ASKS[@]}" refused:408
}

flow_3_11() {
    callee bob asked ring refuse:480
    caller $DOMAIN "$(both)" "${ASKS[@]}" refused:480
}

# An INVITE larger than a datagram should be; a phone that takes no connection gets it nevertheless.
flow_large() {
    callee bob asked_large ring answer confirmed hang_up
    caller $DOMAIN "$(both)" invite challenged invite_large ringing answered confirm hung_up
}

# Calls side by side; registered by a scenario of its own, since they all differ in their Call-IDs.
flow_many() {
    PORT=$(free_port)
    scenario "$DIR/register" 70 register
    play udp bob "$BILOXI_PORT" "$DIR/register" domain $BILOXI self "sip:bob@$BILOXI" || return 1
    CALLS=100 CALL_ID=%u@many.example.com
    scenario "$DIR/many-$WAY-bob" $((70 - HOPS)) asked ring answer confirmed hung_up
    play udp bob "$BILOXI_PORT" "$DIR/many-$WAY-bob" >"$DIR/many-$WAY-bob.said" 2>&1 &
    CALLEES+=($!)
    PORT=''
    caller $DOMAIN "$(both)" "${ASKS[@]}" ringing answered confirm hang_up
}

all_flows() {
    expect "3.1: a call through one proxy (${WAY/-/ to })" flow 3_1 1
    expect "3.2: a call through two proxies, hung up from the other side (${WAY/-/ to })" flow 3_2 2
    expect "3.3: each of two realms gets its credentials (${WAY/-/ to })" flow 3_3 2
    expect "3.4: the first proxy is silent, the call goes by the second (${WAY/-/ to })" flow 3_4 1
    expect "3.5: through a gateway that trusts the caller (${WAY/-/ to })" flow 3_5 2
    expect "3.6: redirected, and the SDP answer comes in the ACK (${WAY/-/ to })" flow 3_6 2
    expect "3.7: a re-INVITE goes the way of the dialog (${WAY/-/ to })" flow 3_7 2
    expect "3.8: nobody answers, and the call is cancelled (${WAY/-/ to })" flow 3_8 2
    expect "3.9: busy (${WAY/-/ to })" flow 3_9 2
    expect "3.10: a phone that does not respond ends in 408 (${WAY/-/ to })" flow 3_10 2
    expect "3.11: temporarily unavailable after ringing (${WAY/-/ to })" flow 3_11 2
    expect "3.2 with a large INVITE (${WAY/-/ to })" flow large 2
}

# ---- the end: nothing is left ----

main() {
    PGDATABASE_BILOXI="e2e_$$_b" BILOXI_PORT=$(free_port) BILOXI_HTTP=$(free_port)
    server_set_up
    trap tear_down EXIT
    in_biloxi biloxi_make
    for WAY in $PATHS; do all_flows; done
    for WAY in udp-udp tcp-udp; do expect "3.2 a hundred times, 50 a second (${WAY/-/ to })" flow many 2; done
    expect "the first proxy holds no transaction and no fork" within 15 server_is_idle
    expect "nor does the second" in_biloxi within 15 server_is_idle
    expect "the second server ends well" biloxi_stop
    server_finish
}

main
