-- Trusted peers: hosts that need no credentials. And which domains hear strangers.

alter table presence.domain add column accept_foreign boolean not null default true;
comment on column presence.domain.accept_foreign is 'False: what users of foreign domains send to this domain is refused, unless it comes from a trusted peer (presence.trusted_peer).';

create table presence.trusted_peer (
    id          bigint generated always as identity primary key,
    -- an IPv4 source is never seen as ::ffff:192.0.2.1
    address     cidr not null check (not address <<= '::ffff:0:0/96'),
    port        integer check (port between 1 and 65535),
    transport   text collate "C" check (transport in ('udp', 'tcp', 'tls', 'ws', 'wss')),
    domain      text collate "C" references presence.domain (name) on update cascade on delete cascade,
    may_relay   boolean not null default false,
    enabled     boolean not null default true,
    comment     text not null default '',
    created_at  timestamptz not null default now()
);
create unique index on presence.trusted_peer
    (address, coalesce(port, 0), coalesce(transport, ''), coalesce(domain, ''));
create index on presence.trusted_peer (domain);
comment on table presence.trusted_peer is
    'Hosts that are believed without a password: a PBX, a gateway, another proxy. For a source the rows of the most specific address that match it decide alone. What is committed here takes effect at once. Over UDP a source address can be forged: trust such addresses only where your network keeps forgeries out.';
comment on column presence.trusted_peer.id is 'A number that never changes.';
comment on column presence.trusted_peer.address is 'Its address, or a network: 192.0.2.7, 10.1.0.0/16, 2001:db8::/32.';
comment on column presence.trusted_peer.port is 'The port it sends from; null: any. Over TCP, TLS and WebSocket that port changes with each connection that it opens: leave it null.';
comment on column presence.trusted_peer.transport is 'udp, tcp, tls, ws or wss; null: any.';
comment on column presence.trusted_peer.domain is 'The domain of ours on whose behalf it may send; null: all. For several domains make a row for each.';
comment on column presence.trusted_peer.may_relay is 'True: it may also send to destinations that are none of our domains.';
comment on column presence.trusted_peer.enabled is 'False: as if the row were not there.';
comment on column presence.trusted_peer.comment is 'For people.';
comment on column presence.trusted_peer.created_at is 'When it was added.';

create trigger signal_insert after insert on presence.trusted_peer
    referencing new table as changed
    for each statement execute function presence.signal_change('trusted_peer');
create trigger signal_update after update on presence.trusted_peer
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('trusted_peer');
create trigger signal_delete after delete on presence.trusted_peer
    referencing old table as changed
    for each statement execute function presence.signal_change('trusted_peer');
create trigger signal_truncate after truncate on presence.trusted_peer
    for each statement execute function presence.signal_change('trusted_peer');

-- ---- functions for people ----

create function presence.add_trusted_peer(address text, port integer default null, transport text default null,
                                          domain text default null, may_relay boolean default false,
                                          comment text default '') returns bigint
    language plpgsql
as $$
declare
    given     inet := btrim(add_trusted_peer.address, ' []')::inet;
    canonical text := presence.canonical_aor(add_trusted_peer.domain);
    added     bigint;
begin
    if host(given) <> host(network(given)) then
        raise exception '% has bits behind its prefix: do you mean % or %?', given, host(given), network(given)
            using errcode = 'invalid_parameter_value';
    end if;
    if canonical is not null and not exists (select from presence.domain d where d.name = canonical) then
        raise exception 'there is no domain %', canonical using errcode = 'foreign_key_violation';
    end if;
    insert into presence.trusted_peer (address, port, transport, domain, may_relay, comment)
    values (given::cidr, add_trusted_peer.port, lower(add_trusted_peer.transport), canonical,
            add_trusted_peer.may_relay, coalesce(add_trusted_peer.comment, ''))
    returning id into added;
    return added;
end $$;
comment on function presence.add_trusted_peer(text, integer, text, text, boolean, text) is
    'Trusts a host or network and returns its id: select presence.add_trusted_peer(''192.0.2.7'', domain => ''example.org'', comment => ''the PBX'').';

create function presence.remove_trusted_peer(address text) returns bigint
    language plpgsql
as $$
declare
    count bigint;
begin
    delete from presence.trusted_peer p
     where p.address = btrim(remove_trusted_peer.address, ' []')::inet::cidr;
    get diagnostics count = row_count;
    return count;
end $$;
comment on function presence.remove_trusted_peer(text) is
    'Removes every row of exactly this address or network; returns how many there were.';

-- ---- who may what ----

revoke all on function presence.add_trusted_peer(text, integer, text, text, boolean, text),
    presence.remove_trusted_peer(text) from public;
grant execute on function presence.add_trusted_peer(text, integer, text, text, boolean, text),
    presence.remove_trusted_peer(text) to presence_admin;
grant select on presence.trusted_peer to presence_server, presence_reader;
grant select, insert, update, delete, truncate on presence.trusted_peer to presence_admin;
