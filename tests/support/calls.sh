#!/bin/bash
# calls.sh - the configuration for tests of calls, and how they end; source it after server.sh.
#
# UDP and TCP at the same port, and a short T1: what lingers for 64*T1 is over in seconds. A script
# may add lines by CALLS_CONFIG.
CALLS_CONFIG=''

server_config() {
    cat <<EOF
listen "udp" { address = "127.0.0.1" port = $SIP_PORT }
listen "tcp" { transport = tcp address = "127.0.0.1" port = $SIP_PORT }
http { port = $HTTP_PORT }
database {
    conninfo = "host=$PGHOST port=$PGPORT dbname=$PGDATABASE user=$1"
    schema_dir = "$SCHEMA_DIR"
}
timers { t1_ms = 50 t2_ms = 400 t4_ms = 500 }
registration { expires_min_s = 1 }
process { drain_s = 2 }
$CALLS_CONFIG
EOF
}

# Transactions of four kinds and forks: none is left.
server_is_idle() {
    local gauges
    gauges=$( (http_get /metrics) | grep -E '^presenced_(transactions|forks)(\{.*\})? ') || return 1
    echo "$gauges"
    [ "$(grep -c ' 0$' <<<"$gauges")" = 5 ] && [ "$(wc -l <<<"$gauges")" = 5 ]
}
