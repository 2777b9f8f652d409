#!/bin/bash
# server.sh - one presenced on a database of its own, for end-to-end scripts; source it.
#
# Needs what tests/run exports: PRESENCED, SCHEMA_DIR, PGHOST, PGPORT, PGUSER. Gives SIP_PORT,
# HTTP_PORT, PGDATABASE, DIR (temporary files, the log is DIR/log) and DOMAIN, in which alice,
# bob and carol have the password "secret". Everything is gone when the script ends.
# shellcheck disable=SC2034 # variables for the script that sources this
set -euo pipefail

DOMAIN=example.org DIR='' SERVER_PID='' SIP_PORT='' HTTP_PORT=''
RESULTS_PASSED=0 RESULTS_FAILED=0

# ---- results: the script's last line is made by server_finish ----

# expect SENTENCE COMMAND...: one result.
expect() {
    local sentence=$1
    shift
    if "$@" >"$DIR/expect" 2>&1; then
        RESULTS_PASSED=$((RESULTS_PASSED + 1))
        echo "ok: $sentence"
    else
        RESULTS_FAILED=$((RESULTS_FAILED + 1))
        echo "FAILED: $sentence"
        sed 's/^/    /' "$DIR/expect" | tail -n 60
    fi
}

# within SECONDS COMMAND...: true as soon as COMMAND is.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

sql() { psql -X -qAt -v ON_ERROR_STOP=1 "$@"; }

# rows QUERY: whether it gives at least one.
rows() { [ -n "$(sql -c "$1")" ]; }

# ---- the server ----

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        grep -qi ":$(printf %04X "$port") " /proc/net/udp /proc/net/udp6 /proc/net/tcp || break
    done
    echo "$port"
}

# server_config ROLE: short times, so that tests need not wait; SERVER_EXTRA is what a script adds.
server_config() {
    cat <<EOF
listen "udp" { address = "127.0.0.1" port = $SIP_PORT }
listen "tcp" { transport = tcp address = "127.0.0.1" port = $SIP_PORT }
http { port = $HTTP_PORT }
database {
    conninfo = "host=$PGHOST port=$PGPORT dbname=$PGDATABASE user=$1"
    schema_dir = "$SCHEMA_DIR"
}
registration { expires_min_s = 1 }
subscription { expires_min_s = 1 }
publication { expires_min_s = 1 }
process { drain_s = 2 }
${SERVER_EXTRA:-}
EOF
}

server_set_up() {
    DIR=$(mktemp -d /tmp/presenced-e2e.XXXXXX)
    trap server_tear_down EXIT
    SIP_PORT=$(free_port) HTTP_PORT=$(free_port)
    export PGDATABASE="e2e_$$"
    psql -X -qAt -d postgres -c "create database $PGDATABASE"
    server_config postgres >"$DIR/migrate.conf"
    server_config presence_server >"$DIR/presenced.conf"
    "$PRESENCED" --config "$DIR/migrate.conf" --migrate
    sql -c 'alter role presence_server login' -c "select presence.add_domain('$DOMAIN')" \
        -c "select presence.add_account(name || '@$DOMAIN', 'secret') from unnest(array['alice', 'bob', 'carol']) name" \
        >/dev/null
    server_start
}

http_get() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$HTTP_PORT" || return 1
    printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
    read -r -t 2 line <&3 || line=
    timeout 2 sed '1,/^\r*$/d' <&3 || true
    exec 3>&-
    [[ $line == *' 200 '* ]]
}

server_is_ready() { (http_get /readyz) >/dev/null 2>&1; }

server_start() {
    "$PRESENCED" --config "$DIR/presenced.conf" >>"$DIR/log" 2>&1 &
    SERVER_PID=$!
    within 15 server_is_ready || {
        tail -n 30 "$DIR/log" >&2
        return 1
    }
}

# The status with which it ends; 124 when SIGTERM does not end it within 10 s.
server_stop() {
    local status=0
    [ -n "$SERVER_PID" ] || return 0
    kill -TERM "$SERVER_PID" 2>/dev/null || true
    within 10 server_is_gone || { kill -KILL "$SERVER_PID"; status=124; }
    wait "$SERVER_PID" || status=$?
    SERVER_PID=''
    return $status
}

server_is_gone() { ! kill -0 "$SERVER_PID" 2>/dev/null || grep -q '^State:.Z' "/proc/$SERVER_PID/status"; }

server_kill() {
    kill -KILL "$SERVER_PID"
    wait "$SERVER_PID" 2>/dev/null || true
    SERVER_PID=''
}

server_tear_down() {
    server_stop >/dev/null 2>&1 || true
    psql -X -qAt -d postgres -c "drop database if exists $PGDATABASE with (force)" >/dev/null 2>&1 || true
    rm -rf "$DIR"
}

# Stops the server, looks at what the sanitizers said, prints the last line.
server_finish() {
    expect "the server ends well" server_stop
    expect "no sanitizer has complained" bash -c "! grep -E 'runtime error|Sanitizer|must hold' '$DIR/log'"
    echo "$RESULTS_PASSED passed, $RESULTS_FAILED failed"
    [ $RESULTS_FAILED = 0 ]
}
