#!/bin/bash
# crash.sh - no acknowledged loss: SIGKILL of the server or immediate stop of PostgreSQL at random
# moments under load; after each, every 2xx is compared with the tables, with what watchers see, and
# with what the phones of tests/bench/crash_mail.h got.
#
#   tests/e2e/crash.sh [--rounds 50] [--messages 2500] [--seed N] [--server build/asan/presenced]
#                      [--crash PROGRAM] [--sabotage KIND] [--self-test] [--keep]
#
# KIND: binding publication subscription document message message-mark message-unmark message-copy
#
# --sabotage changes one row by hand in the second round, and the run must then fail;
# --self-test does so with each kind, and passes when each is noticed.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
DOMAIN=example.org
ACCOUNTS=100
MAILBOXES=24
SERVER_CORE=''
SIP_PORT=${SIP_PORT:-26060}
HTTP_PORT=${HTTP_PORT:-28160}

rounds=50 messages=2500 seed=$RANDOM$RANDOM sabotage='' self_test='' keep=''
PRESENCED=$ROOT/build/asan/presenced
CRASH=''

. "$ROOT/tests/support/postgres.sh"
. "$ROOT/tests/bench/presenced.sh"

usage() {
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 64
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --rounds) rounds=${2:?}; shift ;;
        --messages) messages=${2:?}; shift ;;
        --seed) seed=${2:?}; shift ;;
        --server) PRESENCED=$(realpath "${2:?}"); shift ;;
        --crash) CRASH=$(realpath "${2:?}"); shift ;;
        --sabotage) sabotage=${2:?}; shift ;;
        --self-test) self_test=yes ;;
        --keep) keep=yes ;;
        *) usage ;;
        esac
        shift
    done
    CRASH=${CRASH:-$(dirname "$PRESENCED")/tests/bench/bench_crash}
}

# presenced with short times, so that a round is short and expiries happen within the test.
presenced_config() {
    cat <<CONF
listen "udp" {
    transport = udp
    address = "127.0.0.1"
    port = $2
}
database {
    conninfo = "host=$PGHOST port=$PGPORT dbname=$1 user=$PGUSER"
    schema_dir = "$ROOT/schema"
    outage_grace_s = 1
}
http { port = $3 }
log { level = warning }
registration {
    expires_min_s = 1
    contacts_max = 100
}
subscription { expires_min_s = 1 }
publication { expires_min_s = 1 }
message {
    keep_after_ms = 300
    retry_min_s = 1
    retry_max_s = 2
}
timers {
    t1_ms = 100
    t2_ms = 400
    t4_ms = 500
}
CONF
}

# ---- the server and PostgreSQL ----

server_start() {
    "$PRESENCED" --config "$DIR/a.conf" >>"$DIR/a.log" 2>&1 &
    server=$!
}

server_wait() {
    local i
    for i in $(seq 500); do
        if presenced_ready "$HTTP_PORT"; then return 0; fi
        if ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.02
    done
    echo "crash.sh: presenced is not ready again; the end of its log:" >&2
    tail -20 "$DIR/a.log" >&2
    return 1
}

# Its exit status 137 is what we want; the shell shall not tell of it.
server_kill() {
    kill -KILL "$server" 2>/dev/null || return 1
    wait "$server" 2>/dev/null || true
}

cleanup() {
    if [ -n "${server:-}" ]; then server_kill || true; fi
    if [ -n "${GENERATOR_PID:-}" ]; then kill "$GENERATOR_PID" 2>/dev/null || true; fi
    postgres_remove "$DIR/pg" 2>/dev/null || true
    if [ -z "$keep" ]; then rm -rf "$DIR"; fi
}

prepare() {
    DIR=$(mktemp -d /tmp/crash.XXXXXX)
    chmod 755 "$DIR"
    trap cleanup EXIT
    set -a
    eval "$(postgres_start "$DIR/pg")"
    # shellcheck disable=SC2034 # for presenced.sh
    PGDATABASE=presenced_a
    set +a
    presenced_template "$((ACCOUNTS + MAILBOXES))"
    createdb -T template_presenced presenced_a
    presenced_config presenced_a "$SIP_PORT" "$HTTP_PORT" >"$DIR/a.conf"
    server_start
    server_wait
}

# ---- the generator: one for all rounds ----

generator_start() {
    coproc GENERATOR {
        exec "$CRASH" --server "127.0.0.1:$SIP_PORT" --domain "$DOMAIN" --accounts "$ACCOUNTS" \
            --mailboxes "$MAILBOXES" \
            --seed "$seed" --log "$DIR/promises.log" 2>"$DIR/generator.err"
    }
}

# ask COMMAND: its answer is in $answer
ask() {
    echo "$1" >&"${GENERATOR[1]}"
    if ! read -r -t 60 -u "${GENERATOR[0]}" answer; then
        echo "crash.sh: the generator does not answer to: $1" >&2
        cat "$DIR/generator.err" >&2
        return 1
    fi
}

rows() {
    psql -qXAt -F $'\t' -v ON_ERROR_STOP=1 >"$DIR/rows" <<'SQL'
select 'B', contact, cseq from presence.binding where contact not like '%sip:d%';
select 'P', replace(coalesce(substring(document from 'm:(\d+:\d+:\d+);'), 'none in ' || left(document, 60)), ':', '-'),
       entity_tag from presence.publication;
select 'S', call_id, local_tag, remote_cseq from presence.subscription where state <> 'terminated';
select 'M', call_id, cseq from presence_state.message;
select 'V', m.call_id, m.cseq, d.user_agent, d.state
  from presence.delivery d join presence_state.message m on m.id = d.message;
select 'D', user_agent from presence.device where user_agent <> '';
select 'I', broken || ': ' || detail from presence.invariant;
SQL
}

# What an administrator must never do with messages: takes those that wait for a device, says that it
# has what it has not, or has not what it has, keeps one twice. One alone may be one that nobody was
# promised.
tamper_message() {
    local waits_most="select device from presence.delivery where state = 'waiting' and expires_at > now() + interval '60 s'
        group by device order by count(*) desc limit 1"
    case $1 in
    message) echo "delete from presence_state.message where id in (select message from presence.delivery
        where state = 'waiting' and device = ($waits_most))" ;;
    message-mark) echo "update presence_state.device set delivered_through = (select max(id) from presence_state.message)
        where id = ($waits_most)" ;;
    message-unmark) echo "update presence_state.device d set delivered_through = 0
        from (select device from presence.delivery where state = 'delivered' order by message desc limit 1) w
        where d.id = w.device" ;;
    message-copy) echo "insert into presence_state.message select bucket, id + 1, aor, sender, call_id, from_tag,
        cseq, content_type, headers, body, kept_at, expires_at from presence_state.message order by id desc limit 1" ;;
    esac
}

# The same with all else: the proof that the comparison notices.
tamper() {
    local table=$1 change
    case $1 in
    binding | publication | subscription) change="delete from presence_state.$1" ;;
    document)
        table=publication
        change="update presence_state.publication set document = convert_to(regexp_replace(convert_from(document, 'UTF8'), '(m:\d+:\d+):\d+;', '\1:1;'), 'UTF8')"
        ;;
    message*)
        psql -qXAt -v ON_ERROR_STOP=1 -c "$(tamper_message "$1")"
        return
        ;;
    *) usage ;;
    esac
    psql -qXAt -v ON_ERROR_STOP=1 -c "$change where id = (select id from presence_state.$table
        where expires_at > now() + interval '60 s' order by id limit 1)"
}

# ---- one round ----

# pause FROM TO: sleeps a random number of milliseconds
pause() {
    local ms=$(($1 + RANDOM % ($2 - $1)))
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

# What happens to whom, and for how long it stays away.
disaster() {
    local draw=$((RANDOM % 10))
    if [ "$draw" -lt 6 ]; then
        what='SIGKILL'
        server_kill || return 1
        pause 0 200
        server_start
    elif [ "$draw" -lt 9 ]; then
        what='PostgreSQL stopped'
        postgres_kill "$DIR/pg"
        pause 0 400
        postgres_restart "$DIR/pg"
    else
        what='both'
        postgres_kill "$DIR/pg"
        pause 0 100
        server_kill || return 1
        postgres_restart "$DIR/pg"
        server_start
    fi
}

# At rest, so that no later request can mend by chance what was done by hand; and compared before, so
# that it is known what the tables had said.
sabotaged() {
    what="SIGKILL, $sabotage"
    ask quiesce
    compare 'before' || return 1
    ask disaster
    server_kill || return 1
    tamper "$sabotage"
    server_start
}

round() {
    local fate=disaster
    if [ -n "$sabotage" ] && [ "$1" = 2 ]; then fate=sabotaged; fi
    ask "run $((messages * $1 / rounds))"
    pause 300 1000
    if [ "$fate" = disaster ]; then ask disaster; fi
    if ! "$fate"; then
        echo "crash.sh: round $1: presenced had died by itself; the end of its log:" >&2
        tail -30 "$DIR/a.log" >&2
        return 1
    fi
    server_wait
    ask up
    pause 100 300 # load goes on: what was pending is answered, new requests come
    ask quiesce
    # Long enough for everything that has expired to go; most rounds are too short to tell.
    if [ $(($1 % 15)) = 0 ] || [ "$1" = "$rounds" ]; then sleep 3; fi
    compare "round $1"
}

# compare WHEN: the tables with the promises.
compare() {
    rows
    ask "check $DIR/rows"
    printf '%-9s %-18s %s\n' "$1" "$what" "$answer"
    if [ "${answer%% *}" = pass ]; then return 0; fi
    cat "$DIR/generator.err" >&2
    keep=yes
    echo "crash.sh: --seed $seed failed in $1; kept: $DIR (promises.log, a.log, rows)" >&2
    return 1
}

transactions() {
    curl -sf "http://127.0.0.1:$HTTP_PORT/metrics" |
        awk '/^presenced_transactions[{]/ { n += $NF } END { print n + 0 }'
}

# until_empty WHAT COMMAND...: up to 12 s, while the phones answer, until COMMAND prints 0 or nothing.
until_empty() {
    local name=$1 left i
    shift
    for i in $(seq 60); do
        left=$("$@") || return 1
        if [ "${left:-0}" = 0 ]; then return 0; fi
        ask "listen 200"
    done
    echo "crash.sh: VIOLATION at the end there are still $name: $left; kept: $DIR" >&2
    rows
    cat "$DIR/generator.err" >&2
    keep=yes
    return 1
}

# Whether as many messages were acknowledged as was asked for, by the answer to "check".
enough() {
    if [[ $answer =~ letters=([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge "$messages" ]; then return 0; fi
    echo "crash.sh: not $messages messages were acknowledged: $answer" >&2
    return 1
}

# Everybody comes on line and gets what waits; nothing is left over.
ending() {
    what='all on line'
    ask settle
    until_empty 'messages that wait' psql -qXAt -c 'select count(*) from presence.message' || return 1
    compare end && enough && until_empty transactions transactions
}

crash_rounds() {
    local i began=$SECONDS
    echo "seed $seed, $rounds rounds, $PRESENCED"
    RANDOM=$((seed % 32768))
    prepare
    generator_start
    for i in $(seq "$rounds"); do
        round "$i" || return 1
    done
    ending || return 1
    echo quit >&"${GENERATOR[1]}"
    wait "$GENERATOR_PID" || return 1
    cat "$DIR/generator.err"
    echo "$rounds rounds in $((SECONDS - began)) s: no acknowledged loss"
}

# How the violation reads that each must lead to; another one does not count.
verdict_on() {
    case $1 in
    document) echo '(WRONG|STALE): ' ;;
    message) echo 'LOST: letter' ;;
    message-mark) echo 'DELIVERED, says the table' ;;
    message-unmark) echo '(tables had it as delivered|WAITING again)' ;;
    message-copy) echo 'is kept twice' ;;
    *) echo "(LOST|WRONG): $1" ;;
    esac
}

# Every kind of sabotage must be noticed.
noticed() {
    local kind missed=0
    for kind in binding publication subscription document message message-mark message-unmark message-copy; do
        if "$0" --rounds 2 --messages 200 --seed "$seed" --server "$PRESENCED" --crash "$CRASH" --sabotage "$kind" >"/tmp/noticed.$$" 2>&1; then
            echo "NOT noticed: $kind"
            missed=1
        elif grep -qE "VIOLATION.*$(verdict_on "$kind")" "/tmp/noticed.$$"; then
            echo "noticed: $kind: $(grep -m1 -E "VIOLATION.*$(verdict_on "$kind")" "/tmp/noticed.$$")"
        else
            cat "/tmp/noticed.$$"
            missed=1
        fi
    done
    rm -f "/tmp/noticed.$$"
    return "$missed"
}

read_options "$@"
if [ -n "$self_test" ]; then noticed; else crash_rounds; fi
