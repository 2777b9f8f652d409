#!/bin/bash
# pjsua.sh - pjsua without a terminal; source it after server.sh. Needs PJSUA, the program.
#
#   pjsua_start USER OTHER       registers, publishes, subscribes to OTHER's presence
#   pjsua_tell USER LINE...      what one would type
#   pjsua_said USER TEXT         whether it has printed that since pjsua_forget USER
#   pjsua_stop USER
declare -A PJSUA_PID=() PJSUA_INPUT=()

pjsua_start() {
    local home=$DIR/pjsua-$1 input
    mkdir -p "$home"
    pjsua_forget "$1"
    rm -f "$home/input"
    mkfifo "$home/input"
    stdbuf -oL "$PJSUA" --null-audio --local-port="$(free_port)" --ip-addr=127.0.0.1 --bound-addr=127.0.0.1 \
        --id="sip:$1@$DOMAIN" --registrar="sip:127.0.0.1:$SIP_PORT" --proxy="sip:127.0.0.1:$SIP_PORT;lr" \
        --realm="$DOMAIN" --username="$1" --password=secret --publish --reg-timeout=60 \
        --add-buddy="sip:$2@$DOMAIN" --app-log-level=3 <"$home/input" >>"$home/log" 2>&1 &
    PJSUA_PID[$1]=$!
    exec {input}>"$home/input"
    PJSUA_INPUT[$1]=$input
    within 5 pjsua_said "$1" 'registration success' || return 1
    pjsua_tell "$1" s 1
}

pjsua_tell() {
    local user=$1
    shift
    printf '%s\n' "$@" >&"${PJSUA_INPUT[$user]}"
}
pjsua_said() { grep -qa -- "$2" "$DIR/pjsua-$1/log"; }
pjsua_forget() { : >"$DIR/pjsua-$1/log"; }

# In good order: it unregisters, unsubscribes, and takes back what it published.
pjsua_stop() {
    local pid=${PJSUA_PID[$1]:-} input=${PJSUA_INPUT[$1]:-}
    [ -n "$pid" ] || return 0
    pjsua_tell "$1" q || true
    within 10 pjsua_is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    exec {input}>&-
    wait "$pid" 2>/dev/null || true
    unset "PJSUA_PID[$1]" "PJSUA_INPUT[$1]"
}

pjsua_is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
