#!/bin/bash
# postgres.sh - a throw-away PostgreSQL for tests, and its sudden deaths.
#
#   postgres.sh start DIR     makes a cluster in DIR (when there is none), starts it, prints
#                             shell assignments: PGHOST PGPORT PGDATABASE PGUSER
#   postgres.sh stop DIR      stops it in good order
#   postgres.sh kill DIR      pg_ctl stop -m immediate: as if the machine had lost power
#   postgres.sh restart DIR   starts it again after stop or kill
#   postgres.sh remove DIR    stops it and deletes DIR
#
# It listens on a Unix socket in DIR alone, which only its owner and root can enter; who can
# may connect as any role. It is as durable as a production one: the crash tests rely on
# that. Run it, or source it and call postgres_start and so on.
set -euo pipefail

postgres_bin() {
    local bin
    for bin in /usr/lib/postgresql/*/bin; do :; done
    if [ ! -x "$bin/initdb" ]; then
        echo "postgres.sh: no PostgreSQL server is installed" >&2
        return 1
    fi
    echo "$bin"
}

# PostgreSQL refuses to run as root: there it runs as the user postgres.
postgres_as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- env HOME=/ "$@")
    else
        "$@"
    fi
}

postgres_settings() {
    cat <<EOF
listen_addresses = ''
unix_socket_directories = '$1'
fsync = on
full_page_writes = on
synchronous_commit = on
wal_compression = lz4
default_toast_compression = lz4
max_wal_size = 2GB
checkpoint_timeout = 15min
jit = off
autovacuum_naptime = 5s
idle_in_transaction_session_timeout = 30s
max_connections = 50
shared_buffers = 128MB
log_min_messages = warning
EOF
}

postgres_create() {
    local dir=$1 bin
    bin=$(postgres_bin)
    mkdir -p "$dir"
    if [ "$(id -u)" = 0 ]; then chown postgres: "$dir"; fi
    chmod 0700 "$dir"
    postgres_as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
        >/dev/null
    postgres_settings "$dir" | postgres_as_owner tee -a "$dir/data/postgresql.conf" >/dev/null
}

postgres_restart() {
    postgres_as_owner "$(postgres_bin)/pg_ctl" -D "$1/data" -l "$1/postgres.log" -t 60 -w -s start
}

postgres_env() {
    printf 'PGHOST=%s\nPGPORT=5432\nPGDATABASE=presence\nPGUSER=postgres\n' "$1"
}

postgres_start() {
    local dir=$1
    if [ "${#dir}" -gt 80 ]; then
        echo "postgres.sh: $dir: too long for a Unix socket in it" >&2
        return 1
    fi
    if [ ! -e "$dir/data/PG_VERSION" ]; then postgres_create "$dir"; fi
    if ! postgres_is_up "$dir"; then postgres_restart "$dir"; fi
    if ! psql -h "$dir" -U postgres -d presence -qAtc 'select' >/dev/null 2>&1; then
        createdb -h "$dir" -U postgres presence
    fi
    postgres_env "$dir"
}

postgres_is_up() { postgres_as_owner "$(postgres_bin)/pg_ctl" -D "$1/data" status >/dev/null 2>&1; }
postgres_stop() { postgres_as_owner "$(postgres_bin)/pg_ctl" -D "$1/data" -w -s -m fast stop; }
postgres_kill() { postgres_as_owner "$(postgres_bin)/pg_ctl" -D "$1/data" -w -s -m immediate stop; }

postgres_remove() {
    if postgres_is_up "$1"; then postgres_kill "$1"; fi
    rm -rf "${1:?}/data" "${1:?}/initdb.log" "${1:?}/postgres.log"
    rmdir "$1" 2>/dev/null || true
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    case "${1:-}" in
    start | stop | kill | restart | remove) "postgres_$1" "${2:?a folder}" ;;
    *)
        sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
    esac
fi
