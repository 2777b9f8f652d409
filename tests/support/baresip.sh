#!/bin/bash
# baresip.sh - baresip without a screen; source it after server.sh.
#
#   baresip_start USER OTHER [TRANSPORT]   registers, publishes, and subscribes to OTHER's presence;
#                                          "bob.desk" is one more phone of bob's
#   baresip_tell USER COMMAND [PARAMETERS] runs one of its commands, prints what it says
#   baresip_tone USER                      what it hears
#   baresip_said USER TEXT                 whether it has printed that since baresip_forget USER
#   baresip_stop USER, baresip_kill USER
#
# BARESIP_PUBINT is how long what it publishes holds, in seconds, when that is not 60.
# It calls with a tone in G.711, each user with one of its own, and keeps what it hears.
declare -A BARESIP_PID=() BARESIP_PORT=() BARESIP_TONE=([alice]=440 [bob]=660 [carol]=880)

baresip_config() {
    cat <<EOF
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app presence.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${BARESIP_PORT[$1]}
sip_listen 127.0.0.1:0
ausrc_srate 48000
ausrc_channels 2
audio_source ausine,${BARESIP_TONE[${1%%.*}]}
snd_path $DIR/baresip-$1
audio_player aubridge,$1
audio_alert aubridge,alert-$1
EOF
}

# Messages that come in are printed on a terminal alone: script(1) is one.
baresip_start() {
    local user=${1%%.*} other=$2 transport=${3:-udp} home=$DIR/baresip-$1
    BARESIP_PORT[$1]=$(free_port)
    mkdir -p "$home" # when it is there already, it is the same phone again, by its UUID
    baresip_forget "$1"
    baresip_config "$1" >"$home/config"
    echo "<sip:$user@$DOMAIN;transport=$transport>;auth_user=$user;auth_pass=secret;\
outbound=\"sip:127.0.0.1:$SIP_PORT;transport=$transport\";regint=60;pubint=${BARESIP_PUBINT:-60}" >"$home/accounts"
    echo "\"$other\" <sip:$other@$DOMAIN>;presence=p2p" >"$home/contacts"
    script -qfc "exec baresip -f '$home'" /dev/null </dev/null >>"$home/log" 2>&1 &
    BARESIP_PID[$1]=$!
}

baresip_tell() {
    local request part
    request=$(printf '{"command":"%s","params":"%s","token":"1"}' "$2" "${3:-}")
    exec 6<>"/dev/tcp/127.0.0.1/${BARESIP_PORT[$1]}" || return 1
    printf '%d:%s,' "$(printf %s "$request" | wc -c)" "$request" >&6
    while IFS= read -r -t 2 -d '}' part <&6; do
        printf '%s}' "$part"
        if [[ $part == *'"token":"1"' ]]; then break; fi
    done
    exec 6>&-
}

# baresip_tone USER: the frequency in Hz that it has heard in its last call; nothing before 1.5 s.
baresip_tone() {
    local heard
    heard=$(find "$DIR/baresip-$1" -name '*-dec.wav' -size +24000c | sort | tail -n 1)
    [ -n "$heard" ] || return 1
    tail -c +45 "$heard" | od -An -v -t d2 -w2 | awk '
        $1 != 0 { positive = $1 > 0; crossings += any && positive != was; was = positive; any = 1 }
        END { printf "%.0f\n", crossings * 8000 / 2 / NR }'
}

baresip_said() { grep -qa -- "$2" "$DIR/baresip-$1/log"; }
baresip_forget() {
    : >"$DIR/baresip-$1/log"
    rm -f "$DIR/baresip-$1"/dump-*.wav
}

# baresip_kill USER: as if its battery were out. The phone is the child of script(1).
baresip_kill() {
    local pid=${BARESIP_PID[$1]}
    # shellcheck disable=SC2046 # no child, no word
    kill -KILL $(<"/proc/$pid/task/$pid/children")
    wait "$pid" 2>/dev/null || true
    unset "BARESIP_PID[$1]"
}

# In good order: it unregisters and unsubscribes.
baresip_stop() {
    local pid=${BARESIP_PID[$1]:-}
    [ -n "$pid" ] || return 0
    (baresip_tell "$1" quit) >/dev/null 2>&1 || true
    within 5 baresip_is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    unset "BARESIP_PID[$1]"
}

baresip_is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"; }
