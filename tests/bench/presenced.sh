#!/bin/bash
# presenced.sh - presenced as tests/bench/run starts it. To be sourced. Needs DIR PRESENCED ROOT
# DOMAIN and PostgreSQL's environment.
#
#   presenced_template ACCOUNTS       a database that the others are copied from
#   presenced_start NAME SIP HTTP     on a fresh copy; ready when it returns
#   presenced_shows HTTP LINE         waits until /metrics has that line
#   presenced_stop NAME   presenced_stop_all   presenced_rss_kb NAME   presenced_settle NAME

presenced_config() {
    cat <<CONF
listen "udp" {
    transport = udp
    address = "127.0.0.1"
    port = $2
    receive_buffer_bytes = 67108864
    send_buffer_bytes = 67108864
}
listen "tcp" {
    transport = tcp
    address = "127.0.0.1"
    port = $2
}
tcp { connections_per_source_max = 1000000 }
database {
    conninfo = "host=$PGHOST port=$PGPORT dbname=$1 user=$PGUSER"
    schema_dir = "$ROOT/schema"
}
http { port = $3 }
log { level = warning }
CONF
}

presenced_template() {
    presenced_config template_presenced 1 1 >"$DIR/template.conf"
    dropdb --if-exists --force template_presenced 2>/dev/null
    createdb template_presenced
    "$PRESENCED" --config "$DIR/template.conf" --migrate >"$DIR/migrate.log" 2>&1 || {
        cat "$DIR/migrate.log" >&2
        return 1
    }
    psql -qXAt -v ON_ERROR_STOP=1 -d template_presenced >/dev/null <<SQL
select presence.add_domain('$DOMAIN');
update presence.domain set authentication = false where name = '$DOMAIN';
select count(presence.add_account('u' || n || '@$DOMAIN', 'secret')) from generate_series(0, $1 - 1) n;
SQL
}

# presenced_ready HTTP_PORT: whether /readyz says 200
presenced_ready() {
    local line
    exec 9<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&9
    read -r -t 2 line <&9 || line=''
    exec 9>&-
    [[ $line == *' 200 '* ]]
} 2>/dev/null

# presenced_shows HTTP_PORT LINE: waits until /metrics has it.
presenced_shows() {
    for _ in $(seq 100); do
        exec 9<>"/dev/tcp/127.0.0.1/$1" || return 1
        printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&9
        if timeout 2 grep -qxF "$2" <&9; then
            exec 9>&-
            return 0
        fi
        exec 9>&-
        sleep 0.05
    done
    echo "presenced.sh: /metrics never showed: $2" >&2
    return 1
}

presenced_start() {
    local name=$1 i
    dropdb --if-exists --force "presenced_$name" 2>/dev/null
    createdb -T template_presenced "presenced_$name"
    presenced_config "presenced_$name" "$2" "$3" >"$DIR/$name.conf"
    ${SERVER_CORE:+taskset -c "$SERVER_CORE"} "$PRESENCED" --config "$DIR/$name.conf" \
        >"$DIR/$name.log" 2>&1 &
    echo $! >"$DIR/$name.pid"
    for i in $(seq 300); do
        if presenced_ready "$3"; then return 0; fi
        if ! kill -0 "$(cat "$DIR/$name.pid")" 2>/dev/null; then break; fi
        sleep 0.05
    done
    echo "presenced.sh: it is not ready:" >&2
    tail -5 "$DIR/$name.log" >&2
    return 1
}

presenced_stop() {
    local pid i
    if [ ! -s "$DIR/$1.pid" ]; then return 0; fi
    pid=$(cat "$DIR/$1.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        if ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$DIR/$1.pid"
}

presenced_stop_all() {
    local file
    for file in "$DIR"/*.pid; do
        if [ "$(basename "$file")" != kamailio.pid ] && [ -e "$file" ]; then
            presenced_stop "$(basename "$file" .pid)"
        fi
    done
}

presenced_rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(cat "$DIR/$1.pid")/status"; }

# Until its transactions (Timer J, 32 s) have gone: what stays is what objects cost.
presenced_settle() { sleep "${SETTLE_S:-35}"; }
