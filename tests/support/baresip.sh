#!/bin/bash
# baresip.sh - baresip without a screen; source it after server.sh.
#
#   baresip_start USER OTHER   registers, publishes, and subscribes to OTHER's presence; over
#                              TRANSPORT, udp or tcp
#   baresip_tell USER COMMAND  runs one of its commands, prints what it says
#   baresip_stop USER
declare -A BARESIP_PID=() BARESIP_PORT=()

baresip_start() {
    local user=$1 other=$2 home=$DIR/baresip-$1
    rm -rf "$home"
    BARESIP_PORT[$user]=$(free_port)
    mkdir -p "$home"
    cat >"$home/config" <<EOF
module_path /usr/lib/baresip/modules
module g711.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app presence.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${BARESIP_PORT[$user]}
sip_listen 127.0.0.1:0
EOF
    echo "<sip:$user@$DOMAIN;transport=${TRANSPORT:-udp}>;auth_user=$user;auth_pass=secret;\
outbound=\"sip:127.0.0.1:$SIP_PORT;transport=${TRANSPORT:-udp}\";regint=60;pubint=60" >"$home/accounts"
    echo "\"$other\" <sip:$other@$DOMAIN>;presence=p2p" >"$home/contacts"
    baresip -f "$home" </dev/null >"$home/log" 2>&1 &
    BARESIP_PID[$user]=$!
}

baresip_tell() {
    local request
    request=$(printf '{"command":"%s","token":"1"}' "$2")
    exec 6<>"/dev/tcp/127.0.0.1/${BARESIP_PORT[$1]}" || return 1
    printf '%d:%s,' "${#request}" "$request" >&6
    timeout 1 cat <&6 || true
    exec 6>&-
}

baresip_stop() {
    kill -TERM "${BARESIP_PID[$1]}" 2>/dev/null || return 0
    wait "${BARESIP_PID[$1]}" 2>/dev/null || true
}
