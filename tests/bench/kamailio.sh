#!/bin/bash
# kamailio.sh - Debian's Kamailio as the peer of tests/bench/run. To be sourced.
#
#   kamailio_install                   installs it, without letting it start on 5060
#   kamailio_start DIR PORT CHILDREN   on an emptied database `kamailio` of PGHOST; needs DOMAIN
#   kamailio_stop DIR

kamailio_packages='kamailio kamailio-presence-modules kamailio-postgres-modules kamailio-xml-modules kamailio-utils-modules'
kamailio_tables='standard usrloc presence msilo'

kamailio_install() {
    local policy=/usr/sbin/policy-rc.d made=''
    if command -v kamailio >/dev/null; then return 0; fi
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made=yes
    fi
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $kamailio_packages >/dev/null
    if [ -n "$made" ]; then rm -f "$policy"; fi
}

kamailio_modules() {
    local folder
    for folder in /usr/lib/*/kamailio/modules; do :; done
    echo "$folder"
}

# Its own scripts make the tables; every start begins with empty ones.
kamailio_database() {
    local table
    dropdb --if-exists --force kamailio 2>/dev/null
    createdb kamailio
    for table in $kamailio_tables; do
        psql -qX -v ON_ERROR_STOP=1 -d kamailio -f "/usr/share/kamailio/postgres/$table-create.sql" >/dev/null
    done
}

kamailio_start() {
    local dir=$1 port=$2 children=$3 i
    kamailio_database
    sed -e "s|@CHILDREN@|$children|; s|@PORT@|$port|g; s|@DOMAIN@|$DOMAIN|" \
        -e "s|@MODULES@|$(kamailio_modules)/|; s|@DB_URL@|postgres://$PGUSER@/kamailio|" \
        "$BENCH/kamailio.cfg.in" >"$dir/kamailio.cfg"
    ${SERVER_CORE:+taskset -c "$SERVER_CORE"} kamailio -f "$dir/kamailio.cfg" -x fm -X fm -m 1024 -M 64 \
        -Y "$dir" -P "$dir/kamailio.pid" >"$dir/kamailio.log" 2>&1
    for _ in $(seq 50); do
        if [ -s "$dir/kamailio.pid" ] && ss -Hlun "sport = :$port" | grep -q .; then
            sleep 1 # children load what they need
            return 0
        fi
        sleep 0.1
    done
    echo "kamailio.sh: it did not start, see $dir/kamailio.log" >&2
    return 1
}

kamailio_stop() {
    local pid
    if [ ! -s "$1/kamailio.pid" ]; then return 0; fi
    pid=$(cat "$1/kamailio.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
        if ! kill -0 "$pid" 2>/dev/null; then break; fi
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$1/kamailio.pid"
}
