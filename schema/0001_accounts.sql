-- Tenants and accounts: plain tables that administrators own. Applied once, in one transaction,
-- by `presenced --migrate`; never edited afterwards: a change is a new file.

-- ---- roles: groups to be granted, without a login of their own ----

do $$
declare
    role_name text;
begin
    foreach role_name in array array['presence_server', 'presence_admin', 'presence_reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            begin
                execute format('create role %I nologin', role_name);
            exception when duplicate_object or unique_violation then
                null; -- another database of this cluster was being migrated at the same moment
            end;
        end if;
    end loop;
end $$;

create schema presence;
comment on schema presence is
    'presenced: what people read and change. Begin with \d+ presence.domain, presence.account and presence.binding.';

create schema presence_state;
comment on schema presence_state is
    'presenced: hot state, written by the server alone. Read it through the views of schema presence; change it through their INSERT and DELETE.';

create table presence.schema_version (
    version    integer primary key check (version > 0),
    file       text not null,
    applied_at timestamptz not null default now()
);
comment on table presence.schema_version is
    'Which files of schema/ were applied to this database. The server starts only when it knows the newest.';
comment on column presence.schema_version.version is 'The number that the file begins with.';
comment on column presence.schema_version.file is 'The name of the file.';
comment on column presence.schema_version.applied_at is 'When it was applied.';

-- ---- names ----

-- The server's C code does the same: see storage_bucket_of() and its test against this function.
create function presence.bucket_of(aor text) returns smallint
    language sql immutable strict parallel safe
    return (('x' || substr(md5(aor), 1, 4))::bit(16)::integer & 1023)::smallint;
comment on function presence.bucket_of(text) is
    'The bucket, 0 to 1023, of a canonical AOR: every row of hot state lies in the bucket of its AOR.';

create function presence.canonical_aor(aor text) returns text
    language plpgsql immutable strict parallel safe
as $$
declare
    rest   text := regexp_replace(btrim(aor, E' \t\r\n<>'), '^sips?:', '', 'i');
    plain  text := '';
    piece  text;
    octet  integer;
    username text;
    host   text;
    at     integer;
begin
    at := length(rest) - position('@' in reverse(rest)) + 1;
    if position('@' in rest) = 0 then
        username := null;
        host := rest;
    else
        username := substr(rest, 1, at - 1);
        host := substr(rest, at + 1);
    end if;
    username := regexp_replace(username, ':.*$', ''); -- a password in a URI
    host := lower(regexp_replace(regexp_replace(host, '[;?].*$', ''), '\.?(:[0-9]+)?$', ''));
    if host !~ '^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$'
       and host !~ '^\[[0-9a-f:.]+\]$' then
        raise exception '"%" is no AOR: its domain is missing or malformed', aor
            using errcode = 'invalid_parameter_value';
    end if;
    if username is null then
        return host;
    end if;
    if username = '' then
        raise exception '"%" is no AOR: nothing stands before the @', aor
            using errcode = 'invalid_parameter_value';
    end if;
    -- RFC 3261 section 10.3: what need not be escaped stands for itself; other escapes stay.
    if position('%' in username) > 0 then
        at := 1;
        while at <= length(username) loop
            piece := substr(username, at, 3);
            if piece !~ '^%[0-9A-Fa-f]{2}$' then
                plain := plain || substr(username, at, 1);
                at := at + 1;
                continue;
            end if;
            octet := get_byte(decode(substr(piece, 2), 'hex'), 0);
            if octet > 0 and chr(octet) ~ '^[A-Za-z0-9_.!~*''()-]$' and octet < 128 then
                plain := plain || chr(octet);
            else
                plain := plain || upper(piece);
            end if;
            at := at + 3;
        end loop;
        username := plain;
    end if;
    return username || '@' || host;
end $$;
comment on function presence.canonical_aor(text) is
    'An AOR as the tables hold it: no scheme, password, port or parameters, needless escapes resolved, the domain in lower case. sip:alice@Example.ORG;x=y gives alice@example.org.';

create function presence.are_algorithms(names text[]) returns boolean
    language sql immutable strict parallel safe
    return names <@ array['MD5', 'SHA-256', 'SHA-512-256']
           and cardinality(names) between 1 and 3
           and cardinality(names) = (select count(distinct name) from unnest(names) as name);
comment on function presence.are_algorithms(text[]) is
    'True for one to three different digest algorithms that the server knows: MD5, SHA-256, SHA-512-256.';

-- ---- tenants ----

create type presence.default_watcher_rule as enum ('allow', 'confirm');
comment on type presence.default_watcher_rule is
    'What happens to a watcher for whom no rule says anything: allow it, or let it wait until the presentity confirms.';

create table presence.domain (
    id                          bigint generated always as identity primary key,
    name                        text collate "C" not null unique
                                check (name = presence.canonical_aor(name) and position('@' in name) = 0),
    suspended                   boolean not null default false,
    authentication              boolean not null default true,
    digest_without_qop          boolean not null default false,
    algorithms                  text[] not null default '{MD5}' check (presence.are_algorithms(algorithms)),
    default_watcher_rule        presence.default_watcher_rule not null default 'allow',
    registration_expires_max_s  integer check (registration_expires_max_s > 0),
    subscription_expires_max_s  integer check (subscription_expires_max_s > 0),
    publication_expires_max_s   integer check (publication_expires_max_s > 0),
    contacts_max                integer check (contacts_max > 0),
    publications_max            integer check (publications_max > 0),
    subscriptions_max           integer check (subscriptions_max > 0),
    created_at                  timestamptz not null default now()
);
comment on table presence.domain is
    'The domains (tenants) that this server serves. What is committed here takes effect at once.';
comment on column presence.domain.id is 'A number that never changes.';
comment on column presence.domain.name is 'The domain of its AORs, in lower case; also the realm of digest authentication, so it cannot change while accounts exist.';
comment on column presence.domain.suspended is 'True: every request for this domain is refused; nothing is deleted.';
comment on column presence.domain.authentication is 'False: requests are believed without a password. For closed networks and tests only.';
comment on column presence.domain.digest_without_qop is 'True: also answers of the old form of RFC 2069, without qop, are taken.';
comment on column presence.domain.algorithms is 'The digest algorithms that are offered, the preferred one first: MD5, SHA-256, SHA-512-256. Many clients bear MD5 alone.';
comment on column presence.domain.default_watcher_rule is 'What applies to a watcher for whom no rule says anything.';
comment on column presence.domain.registration_expires_max_s is 'Longest life of a registration in seconds; null: as configured for the process.';
comment on column presence.domain.subscription_expires_max_s is 'Longest life of a subscription in seconds; null: as configured for the process.';
comment on column presence.domain.publication_expires_max_s is 'Longest life of a publication in seconds; null: as configured for the process.';
comment on column presence.domain.contacts_max is 'How many contacts one AOR may register; null: as configured for the process.';
comment on column presence.domain.publications_max is 'How many publications one presentity may have; null: as configured for the process.';
comment on column presence.domain.subscriptions_max is 'How many subscriptions one watcher may have; null: as configured for the process.';
comment on column presence.domain.created_at is 'When the domain was added.';

-- ---- accounts ----

create table presence.account (
    id              bigint generated always as identity primary key,
    username        text collate "C" not null check (username <> '' and username !~ '[[:cntrl:]":]'),
    domain          text collate "C" not null references presence.domain (name) on delete cascade,
    aor             text collate "C" generated always as (username || '@' || domain) stored unique,
    disabled        boolean not null default false,
    algorithms      text[] check (presence.are_algorithms(algorithms)),
    ha1_md5         text check (ha1_md5 ~ '^[0-9a-f]{32}$'),
    ha1_sha256      text check (ha1_sha256 ~ '^[0-9a-f]{64}$'),
    ha1_sha512_256  text check (ha1_sha512_256 ~ '^[0-9a-f]{64}$'),
    created_at      timestamptz not null default now()
);
create index on presence.account (domain);
comment on table presence.account is
    'Who may act for an AOR. Make them with presence.add_account(); what is committed here takes effect at once.';
comment on column presence.account.id is 'A number that never changes.';
comment on column presence.account.username is 'The user part of the AOR, without escapes; also the username of digest authentication.';
comment on column presence.account.domain is 'The domain of the AOR.';
comment on column presence.account.aor is 'username@domain, made by the database.';
comment on column presence.account.disabled is 'True: its requests are refused; nothing is deleted.';
comment on column presence.account.algorithms is 'The digest algorithms that this account is offered, the preferred one first; null: those of its domain.';
comment on column presence.account.ha1_md5 is 'MD5 of username:domain:password in lower-case hex. A secret as good as the password within this domain.';
comment on column presence.account.ha1_sha256 is 'SHA-256 of username:domain:password in lower-case hex (RFC 8760).';
comment on column presence.account.ha1_sha512_256 is 'SHA-512-256 of username:domain:password in lower-case hex (RFC 8760); null when the extension pgcrypto is not there.';
comment on column presence.account.created_at is 'When the account was added.';

-- ---- digests ----

-- md5() and sha256() are built in; SHA-512-256 needs pgcrypto, which a database may not offer.
do $$
begin
    if not exists (select from pg_extension where extname = 'pgcrypto') then
        create extension pgcrypto with schema presence_state;
    end if;
exception when others then
    raise notice 'pgcrypto cannot be created (%): HA1 values for SHA-512-256 will be missing', sqlerrm;
end $$;

create function presence.ha1_sha512_256(secret text) returns text
    language plpgsql stable strict security definer set search_path = pg_catalog, pg_temp
as $$
declare
    home text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
                   where e.extname = 'pgcrypto');
    ha1  text;
begin
    if home is null then
        return null;
    end if;
    execute format('select encode(%I.digest(convert_to($1, ''UTF8''), ''sha512-256''), ''hex'')', home)
       into ha1 using secret;
    return ha1;
exception when others then
    raise notice 'no SHA-512-256 for this account: %', sqlerrm;
    return null;
end $$;
comment on function presence.ha1_sha512_256(text) is
    'SHA-512-256 in lower-case hex; null when pgcrypto is missing or its OpenSSL does not know the algorithm.';

-- ---- functions for people ----

create function presence.add_domain(name text) returns bigint
    language plpgsql
as $$
declare
    added bigint;
begin
    insert into presence.domain (name) values (presence.canonical_aor(add_domain.name))
    returning id into added;
    return added;
end $$;
comment on function presence.add_domain(text) is
    'Adds a domain with default settings and returns its id: select presence.add_domain(''example.org'').';

create function presence.remove_domain(name text) returns boolean
    language plpgsql
as $$
begin
    delete from presence.domain d where d.name = presence.canonical_aor(remove_domain.name);
    return found;
end $$;
comment on function presence.remove_domain(text) is
    'Removes a domain and its accounts; false when there was none.';

create function presence.set_password(aor text, password text) returns void
    language plpgsql
as $$
declare
    account presence.account%rowtype;
    secret  text;
begin
    select * into account from presence.account a
     where a.aor = presence.canonical_aor(set_password.aor);
    if not found then
        raise exception 'there is no account %', presence.canonical_aor(set_password.aor)
            using errcode = 'no_data_found';
    end if;
    secret := account.username || ':' || account.domain || ':' || set_password.password;
    update presence.account a
       set ha1_md5 = md5(convert_to(secret, 'UTF8')),
           ha1_sha256 = encode(sha256(convert_to(secret, 'UTF8')), 'hex'),
           ha1_sha512_256 = presence.ha1_sha512_256(secret)
     where a.id = account.id;
end $$;
comment on function presence.set_password(text, text) is
    'Gives an account a new password; only its digests are kept: select presence.set_password(''alice@example.org'', ''secret'').';

create function presence.add_account(aor text, password text) returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(add_account.aor);
    at        integer := length(canonical) - position('@' in reverse(canonical)) + 1;
    added     bigint;
begin
    if position('@' in canonical) = 0 then
        raise exception '"%" has no user part', add_account.aor using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from presence.domain d where d.name = substr(canonical, at + 1)) then
        raise exception 'there is no domain %: select presence.add_domain(%)',
            substr(canonical, at + 1), quote_literal(substr(canonical, at + 1))
            using errcode = 'foreign_key_violation';
    end if;
    insert into presence.account (username, domain)
    values (substr(canonical, 1, at - 1), substr(canonical, at + 1))
    returning id into added;
    perform presence.set_password(canonical, add_account.password);
    return added;
end $$;
comment on function presence.add_account(text, text) is
    'Adds an account to an existing domain and returns its id: select presence.add_account(''alice@example.org'', ''secret'').';

create function presence.remove_account(aor text) returns boolean
    language plpgsql
as $$
begin
    delete from presence.account a where a.aor = presence.canonical_aor(remove_account.aor);
    return found;
end $$;
comment on function presence.remove_account(text) is 'Removes an account; false when there was none.';

-- ---- what changed is told to the server; the words are a hint, it reads the tables ----

create function presence.signal_change() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    ids   bigint[];
    first integer := 1;
begin
    if tg_op = 'TRUNCATE' then
        perform pg_notify('presence_change', tg_argv[0] || ' reload');
        return null;
    elsif tg_op = 'UPDATE' then
        ids := array(select id from was union select id from changed);
    else
        ids := array(select id from changed);
    end if;
    if cardinality(ids) > 20000 then
        perform pg_notify('presence_change', tg_argv[0] || ' reload');
        return null;
    end if;
    -- a payload holds less than 8,000 bytes, an id up to 20 of them
    while first <= cardinality(ids) loop
        perform pg_notify('presence_change',
                          tg_argv[0] || ' ' || array_to_string(ids[first : first + 379], ','));
        first := first + 380;
    end loop;
    return null;
end $$;
comment on function presence.signal_change() is
    'Statement trigger: tells the server the ids of what changed, on channel presence_change.';

create trigger signal_insert after insert on presence.domain
    referencing new table as changed
    for each statement execute function presence.signal_change('domain');
create trigger signal_update after update on presence.domain
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('domain');
create trigger signal_delete after delete on presence.domain
    referencing old table as changed
    for each statement execute function presence.signal_change('domain');
create trigger signal_truncate after truncate on presence.domain
    for each statement execute function presence.signal_change('domain');

create trigger signal_insert after insert on presence.account
    referencing new table as changed
    for each statement execute function presence.signal_change('account');
create trigger signal_update after update on presence.account
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('account');
create trigger signal_delete after delete on presence.account
    referencing old table as changed
    for each statement execute function presence.signal_change('account');
create trigger signal_truncate after truncate on presence.account
    for each statement execute function presence.signal_change('account');

-- ---- who may what ----

revoke all on all functions in schema presence from public;
grant usage on schema presence to presence_server, presence_admin, presence_reader;
grant execute on function presence.bucket_of(text), presence.canonical_aor(text), presence.are_algorithms(text[])
    to presence_server, presence_admin, presence_reader;
grant execute on function presence.add_domain(text), presence.remove_domain(text),
    presence.add_account(text, text), presence.remove_account(text), presence.set_password(text, text),
    presence.ha1_sha512_256(text) to presence_admin;
grant select on presence.schema_version to presence_server, presence_admin, presence_reader;
grant select on presence.domain to presence_server, presence_reader;
grant select, insert, update, delete, truncate on presence.domain, presence.account to presence_admin;
grant select on presence.account to presence_server;
grant select (id, username, domain, aor, disabled, algorithms, created_at) on presence.account to presence_reader;
grant usage on schema presence_state to presence_server, presence_admin;
