#!/bin/bash
# linphone.sh - linphonec without a terminal; source it after server.sh.
#
#   linphone_start USER OTHER [RLS]   registers, publishes that it is online, subscribes to OTHER's
#                                     presence; with RLS by a list that it sends to that URI
#   linphone_said USER TEXT           whether it has printed that since linphone_forget USER
#   linphone_tell USER LINE           what one would type
#   linphone_stop USER, linphone_kill USER
#
# With LINPHONE_DEBUG all that it sends and receives is in DIR/linphone-USER/debug. What it reads
# from its standard input is what one would type; it ends when that ends.
declare -A LINPHONE_PID=() LINPHONE_INPUT=()

# No sound card is there, and none is needed.
linphone_config() {
    cat <<EOF
[sip]
sip_port=$(free_port)
sip_tcp_port=0
sip_tls_port=0
contact="$1" <sip:$1@127.0.0.1>
${3:+rls_uri=$3}
[proxy_0]
reg_proxy=<sip:127.0.0.1:$SIP_PORT;transport=udp>
reg_route=<sip:127.0.0.1:$SIP_PORT;transport=udp;lr>
reg_identity=sip:$1@$DOMAIN
reg_expires=60
reg_sendregister=1
publish=1
publish_expires=60
[auth_info_0]
username=$1
passwd=secret
realm=$DOMAIN
[friend_0]
url="$2" <sip:$2@$DOMAIN>
pol=accept
subscribe=1
EOF
}

linphone_start() {
    local home=$DIR/linphone-$1 input
    mkdir -p "$home/.local/share/linphone"
    linphone_forget "$1"
    linphone_config "$@" >"$home/config"
    rm -f "$home/input"
    mkfifo "$home/input"
    HOME=$home linphonec -c "$home/config" ${LINPHONE_DEBUG:+-d 6 -l "$home/debug"} <"$home/input" >>"$home/log" 2>&1 &
    LINPHONE_PID[$1]=$!
    exec {input}>"$home/input"
    LINPHONE_INPUT[$1]=$input
}

linphone_tell() { echo "$2" >&"${LINPHONE_INPUT[$1]}"; }
linphone_said() { grep -qa -- "$2" "$DIR/linphone-$1/log"; }
linphone_forget() { : >"$DIR/linphone-$1/log"; }

linphone_end() {
    local input=${LINPHONE_INPUT[$1]}
    exec {input}>&-
    wait "${LINPHONE_PID[$1]}" 2>/dev/null || true
    unset "LINPHONE_PID[$1]" "LINPHONE_INPUT[$1]"
}

# As if its battery were out.
linphone_kill() {
    kill -KILL "${LINPHONE_PID[$1]}"
    linphone_end "$1"
}

# In good order: it unregisters, unsubscribes, and takes back what it published.
linphone_stop() {
    [ -n "${LINPHONE_PID[$1]:-}" ] || return 0
    linphone_tell "$1" quit
    within 5 linphone_is_gone "${LINPHONE_PID[$1]}" || kill -KILL "${LINPHONE_PID[$1]}" 2>/dev/null || true
    linphone_end "$1"
}

linphone_is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
