#!/bin/bash
# test_capture.sh - registration and call of a captured client, its messages octet for octet.
#
# tests/e2e/sipp/seed holds what an eyeBeam behind a NAT once sent to another server. Here it is
# sent again as it stands, only the digest is computed for our challenge. The Request-URI has the
# server's private address, the digest its public one; Via and Contact name addresses that nobody
# has here, so that answers and the callee's BYE find the way by the flow alone. For the callee
# the same templates serve, with his number and the address where he is.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/support/server.sh
. tests/support/server.sh
# shellcheck source=tests/support/calls.sh
. tests/support/calls.sh

SEED=tests/e2e/sipp/seed
DOMAIN=172.21.0.12 PUBLIC=118.89.247.39
CALLER=20548871 CALLEE=15620512945

# ---- sockets: 5 is the captured client's, 6 the callee's; a message is a file ----

connect() { # SOCKET
    local server=/dev/$TRANSPORT/127.0.0.1/$SIP_PORT
    if [ "$1" = 5 ]; then exec 5<>"$server"; else exec 6<>"$server"; fi
}

# port_of SOCKET: the local one.
port_of() {
    local inode hex
    inode=$(readlink "/proc/$$/fd/$1" | tr -dc 0-9)
    hex=$(awk -v inode="$inode" '$10 == inode { sub(/.*:/, "", $2); print $2 }' "/proc/net/$TRANSPORT")
    echo $((16#$hex))
}

transmit() { # SOCKET FILE: in one datagram
    dd bs=65536 status=none if="$2" >&"$1"
}

receive_udp() { timeout 5 dd bs=65536 count=1 status=none <&"$1"; }

receive_tcp() {
    local line length=0
    while IFS= read -r -t 5 -u "$1" line; do
        printf '%s\n' "$line"
        [[ ${line,,} =~ ^content-length:\ *([0-9]+) ]] && length=${BASH_REMATCH[1]}
        [ "$line" != $'\r' ] || break
    done
    [ "$length" = 0 ] || timeout 5 dd bs=1 count="$length" status=none <&"$1"
}

# receive SOCKET FILE: the next message; fails after 5 s.
receive() {
    "receive_$TRANSPORT" "$1" >"$2"
    [ -s "$2" ]
}

# await SOCKET FILE TEXT: the next that begins so; what was sent again meanwhile is passed over.
await() {
    local tries=20
    : >"$2.all"
    while [ $((tries--)) -gt 0 ] && receive "$1" "$2"; do
        if [[ $(head -n 1 "$2") == "$3"* ]]; then return 0; fi
        cat "$2" >>"$2.all"
    done
    cat "$2.all"
    return 1
}

# field NAME FILE: all lines of it.
field() { grep -i "^$1:" "$2" || true; }
body() { sed '1,/^\r$/d' "$1"; }

# ---- digest as RFC 2069 had it ----

md5() { printf %s "$1" | md5sum | cut -d' ' -f1; }
quoted() { grep -i '^\(WWW\|Proxy\)-Authenticate' "$2" | head -n 1 | sed "s/.*$1=\"\([^\"]*\)\".*/\1/"; }

# prove TEMPLATE CHALLENGE OUT: TEMPLATE with realm, nonce and response for CHALLENGE.
prove() {
    local method uri user realm nonce ha1 response
    method=$(head -n 1 "$1") method=${method%% *}
    uri=$(sed -n 's/^Authorization:.*uri="\([^"]*\)".*/\1/p' "$1")
    user=$(sed -n 's/^Authorization:.*username="\([^"]*\)".*/\1/p' "$1")
    realm=$(quoted realm "$2") nonce=$(quoted nonce "$2")
    ha1=$(md5 "$user:$realm:secret")
    response=$(md5 "$ha1:$nonce:$(md5 "$method:$uri")")
    sed "/^Authorization:/{s/realm=\"[^\"]*\"/realm=\"$realm\"/;s/nonce=\"[^\"]*\"/nonce=\"$nonce\"/
        s/response=\"[^\"]*\"/response=\"$response\"/}" "$1" >"$3"
}

# template FILE [SED]: the captured message for this transport; printed is the name of the copy.
template() {
    local copy
    copy="$DIR/$(basename "$1")-$TRANSPORT-${3:-5}"
    sed -e "s#^Via: SIP/2.0/UDP#Via: SIP/2.0/${TRANSPORT^^}#" -e "${2:-}" "$SEED/$1" >"$copy"
    echo "$copy"
}

# ---- registration ----

# register SOCKET SED: the captured REGISTER, changed by SED, is challenged, then taken.
register() {
    local proved="$DIR/proved-$1"
    transmit "$1" "$(template 1-REGISTER.sip "$2" "$1")"
    await "$1" "$DIR/401" 'SIP/2.0 401 ' || return 1
    prove "$(template 3-REGISTER-auth.sip "$2" "$1")" "$DIR/401" "$proved"
    transmit "$1" "$proved"
    await "$1" "$DIR/200" 'SIP/2.0 200 '
}

is_registered() { rows "select 1 from presence.binding where aor = '$1@$DOMAIN'"; }
is_gone() { ! is_registered "$1"; }
answer_names_no_contact() { ! grep -i '^Contact:' "$DIR/200"; }
answer_came_through_nat() {
    field Via "$DIR/200" |
        grep "172.16.1.104:55704;branch=z9hG4bK-d87543-0615ba2d0975c620-1--d87543-;.*rport=$(port_of 5)"
}

test_registration() {
    connect 5
    expect "$TRANSPORT: the captured client registers (expires=0 made 60)" register 5 \
        's/;expires=0/;expires=60/;s/^CSeq: 7/CSeq: 5/;s/^CSeq: 8/CSeq: 6/;s/-1--d87543-/-2--d87543-/'
    expect "$TRANSPORT: it is a row" is_registered 5000
    expect "$TRANSPORT: its de-registration is taken as captured" register 5 ''
    expect "$TRANSPORT: the answer names no Contact any more" answer_names_no_contact
    expect "$TRANSPORT: the answer tells the address behind the NAT" answer_came_through_nat
    expect "$TRANSPORT: the row is gone" is_gone 5000
}

# ---- call ----

callee_registers() {
    register 6 "s/5000/$CALLEE/g;s/;expires=0/;expires=60/;s/-1--d87543-/-3--d87543-/
        s/^Call-ID: .*/Call-ID: callee-$TRANSPORT\r/
        s#171.223.209.177:55704#127.0.0.1:$(port_of 6)#"
}

# acknowledge RESPONSE INVITE: of a refusal, from hop to hop (RFC 3261 section 17.1.1.3).
acknowledge() {
    {
        head -n 1 "$2" | sed 's/^INVITE/ACK/'
        field Via "$2"
        echo $'Max-Forwards: 70\r'
        field From "$2"
        field To "$1"
        field Call-ID "$1"
        field CSeq "$1" | sed 's/INVITE/ACK/'
        printf 'Content-Length: 0\r\n\r\n'
    } >"$DIR/ack"
    transmit 5 "$DIR/ack"
}

caller_is_challenged() {
    local invite
    invite=$(template 5-INVITE.sip)
    transmit 5 "$invite"
    await 5 "$DIR/407" 'SIP/2.0 407 ' || return 1
    acknowledge "$DIR/407" "$invite"
}

caller_proves() {
    prove "$(template 6-INVITE-auth.sip)" "$DIR/407" "$DIR/invite"
    transmit 5 "$DIR/invite"
    await 6 "$DIR/asked" "INVITE sip:$CALLEE@127.0.0.1:$(port_of 6);rinstance=ad2818fe362fecf7 SIP/2.0"
}

# Whatever a proxy has no business with comes as it was sent, line for line.
nothing_was_changed() {
    local name
    for name in From To Contact Call-ID CSeq Allow User-Agent Content-Type; do
        diff <(field $name "$DIR/invite") <(field $name "$DIR/asked") || return 1
    done
    cmp <(body "$DIR/invite") <(body "$DIR/asked")
}

# answer STATUS-LINE BODY: the callee's, to what it was asked.
answer() {
    {
        printf 'SIP/2.0 %s\r\n' "$1"
        field Via "$DIR/asked"
        field Record-Route "$DIR/asked"
        field From "$DIR/asked"
        field To "$DIR/asked" | sed 's/\r$/;tag=as248a993f\r/'
        field Call-ID "$DIR/asked"
        field CSeq "$DIR/asked"
        printf 'Contact: <sip:%s@127.0.0.1:%s>\r\n' "$CALLEE" "$(port_of 6)"
        printf 'Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s' "${#2}" "$2"
    } >"$DIR/answer"
    transmit 6 "$DIR/answer"
}

callee_rings() {
    answer '180 Ringing' '' && await 5 "$DIR/heard" 'SIP/2.0 180 '
}

SDP=$'v=0\r\no=- 7 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n'

callee_answers() {
    answer '200 OK' "$SDP" && await 5 "$DIR/heard" 'SIP/2.0 200 ' &&
        [ "$(body "$DIR/heard")" = "${SDP%$'\n'}" ]
}

# in_dialog METHOD NUMBER: from the caller, by the route set that the 200 has told (section 12.2.1.1).
in_dialog() {
    {
        printf '%s sip:%s@127.0.0.1:%s SIP/2.0\r\n' "$1" "$CALLEE" "$(port_of 6)"
        printf 'Via: SIP/2.0/%s 172.16.1.104:24596;branch=z9hG4bK-d87543-%s-%s;rport\r\n' \
            "${TRANSPORT^^}" "$1" "$RANDOM"
        echo $'Max-Forwards: 70\r'
        field Record-Route "$DIR/heard" | sed 's/\r$//; s/^[^:]*: *//' | paste -sd, | tr , '\n' | tac |
            sed 's/^ */Route: /; s/$/\r/'
        field From "$DIR/heard"
        field To "$DIR/heard"
        field Call-ID "$DIR/heard"
        printf 'CSeq: %s %s\r\nContent-Length: 0\r\n\r\n' "$2" "$1"
    } >"$DIR/in_dialog"
    transmit 5 "$DIR/in_dialog"
}

caller_confirms() { in_dialog ACK 2 && await 6 "$DIR/confirmed" 'ACK '; }

# The callee's BYE goes to the Contact, an address that nobody here has: by the caller's flow alone.
callee_hangs_up() {
    {
        printf 'BYE sip:%s@171.223.209.177:24596 SIP/2.0\r\n' "$CALLER"
        printf 'Via: SIP/2.0/%s 127.0.0.1:%s;branch=z9hG4bK-bye-%s\r\n' \
            "${TRANSPORT^^}" "$(port_of 6)" "$RANDOM"
        echo $'Max-Forwards: 70\r'
        field Record-Route "$DIR/asked" | sed 's/^[^:]*:/Route:/'
        field To "$DIR/confirmed" | sed 's/^[^:]*:/From:/'
        field From "$DIR/confirmed" | sed 's/^[^:]*:/To:/'
        field Call-ID "$DIR/confirmed"
        printf 'CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n'
    } >"$DIR/bye"
    transmit 6 "$DIR/bye"
    await 5 "$DIR/asked" "BYE sip:$CALLER@171.223.209.177:24596 SIP/2.0"
}

caller_takes_it() {
    {
        echo $'SIP/2.0 200 OK\r'
        for name in Via From To Call-ID CSeq; do field $name "$DIR/asked"; done
        printf 'Content-Length: 0\r\n\r\n'
    } >"$DIR/answer"
    transmit 5 "$DIR/answer"
    await 6 "$DIR/heard" 'SIP/2.0 200 '
}

test_call() {
    connect 5
    connect 6
    expect "$TRANSPORT: the callee registers" callee_registers
    expect "$TRANSPORT: the captured INVITE is challenged" caller_is_challenged
    expect "$TRANSPORT: with Authorization, without qop, for another address of ours, it passes" caller_proves
    expect "$TRANSPORT: all 391 octets of SDP and all its fields arrive" nothing_was_changed
    expect "$TRANSPORT: the caller hears that it rings" callee_rings
    expect "$TRANSPORT: the caller hears the answer" callee_answers
    expect "$TRANSPORT: the ACK comes through" caller_confirms
    expect "$TRANSPORT: the callee's BYE reaches the caller behind its NAT" callee_hangs_up
    expect "$TRANSPORT: and the callee hears of it" caller_takes_it
    sql -c "select presence.unregister('$CALLEE@$DOMAIN')" >/dev/null
    within 5 is_gone "$CALLEE"
}

# ---- all of it ----

server_set_up
sql -c "select presence.add_domain('$PUBLIC')" \
    -c "select presence.add_account(name || '@$DOMAIN', 'secret')
        from unnest(array['5000', '$CALLER', '$CALLEE']) name" \
    -c 'update presence.domain set digest_without_qop = true' >/dev/null
for TRANSPORT in udp tcp; do
    test_registration
    test_call
    expect "$TRANSPORT: no transaction and no fork is left" within 15 server_is_idle
done
server_finish
