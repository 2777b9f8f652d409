-- Messages that wait for their devices: what is kept, who is known to wait for it, and how people
-- see, remove and send them.

-- ---- hot state ----

create table presence_state.device (
    bucket            smallint not null,
    id                bigint not null,
    aor               text collate "C" not null,
    device_key        text not null,
    user_agent        text not null,
    delivered_through bigint not null,
    last_seen_at      timestamptz not null,
    created_at        timestamptz not null,
    primary key (bucket, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.device is
    'One row per device that is known at an AOR: kept messages wait for each of them. People read presence.device.';
comment on column presence_state.device.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.device.id is 'Made by the server, never used again.';
comment on column presence_state.device.aor is 'The canonical AOR that it registered.';
comment on column presence_state.device.device_key is 'What makes it the same device again: +sip.instance, else its User-Agent, else its contact.';
comment on column presence_state.device.user_agent is 'User-Agent, as it last gave it.';
comment on column presence_state.device.delivered_through is 'Messages of its AOR go to it in the order of their ids, one at a time: all up to this one are done with.';
comment on column presence_state.device.last_seen_at is 'When it registered, to a day: it is forgotten when it was not seen for long.';
comment on column presence_state.device.created_at is 'When it first registered.';

create table presence_state.message (
    bucket       smallint not null,
    id           bigint not null,
    aor          text collate "C" not null,
    sender       text not null,
    call_id      text not null,
    from_tag     text not null,
    cseq         bigint not null,
    content_type text not null,
    headers      bytea compression lz4 not null,
    body         bytea compression lz4 not null,
    kept_at      timestamptz not null,
    expires_at   timestamptz not null,
    primary key (bucket, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.message is
    'One row per message that is kept for the devices of an AOR; inserted and deleted, never updated. A row stays some seconds after all have it, to know a repeat of its request. People read presence.message.';
comment on column presence_state.message.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.message.id is 'Made by the server, rising: the order of delivery.';
comment on column presence_state.message.aor is 'For whom, as canonical AOR.';
comment on column presence_state.message.sender is 'The AOR of its From.';
comment on column presence_state.message.call_id is 'Call-ID of the MESSAGE; with from_tag and cseq it tells a repeat.';
comment on column presence_state.message.from_tag is 'Its From tag.';
comment on column presence_state.message.cseq is 'Its CSeq.';
comment on column presence_state.message.content_type is 'Its Content-Type, with all parameters.';
comment on column presence_state.message.headers is 'The header fields from end to end, as they are sent on.';
comment on column presence_state.message.body is 'The octets of its body.';
comment on column presence_state.message.kept_at is 'When it was kept.';
comment on column presence_state.message.expires_at is 'When it is given up, delivered or not.';

-- ---- policies of a tenant ----

alter table presence.domain
    add column keep_messages      boolean not null default true,
    add column message_keep_max_s integer check (message_keep_max_s > 0),
    add column messages_max       integer check (messages_max > 0);
comment on column presence.domain.keep_messages is 'False: a message that reaches no device at once is refused, not kept.';
comment on column presence.domain.message_keep_max_s is 'How long a message is kept at the most, in seconds; null: as configured for the process.';
comment on column presence.domain.messages_max is 'How many messages may wait for one AOR; null: as configured for the process.';

-- ---- commands ----

alter type presence.command_kind add value 'message';
alter type presence.command_kind add value 'remove_message';
alter type presence.command_kind add value 'forget_device';
alter table presence.command add column sender text not null default '';
comment on column presence.command.target is 'The id of the publication, subscription, binding, message or device; 0 with unregister: all of the AOR.';
comment on column presence.command.sender is 'From whom, as canonical AOR, for message.';
comment on column presence.command.content_type is 'Content-Type of the document or message.';
comment on column presence.command.document is 'The octets to publish, or to send.';
comment on column presence.command.expires_s is 'How long to publish or keep them, in seconds; 0: until unpublished, or as long as messages are kept.';

-- ---- views ----

create view presence.device as
select d.id, d.aor::text as aor, presence.domain_of(d.aor) as domain, d.device_key, d.user_agent,
       (select count(*) from presence_state.message m
         where m.bucket = d.bucket and m.aor = d.aor and m.id > d.delivered_through
           and m.expires_at > clock_timestamp()) as waiting_messages,
       d.delivered_through, d.last_seen_at, d.created_at as known_since
  from presence_state.device d;
comment on view presence.device is
    'The devices that are known at each AOR, registered now or not: a kept message waits until all of them have it. DELETE forgets a device that will not come back; should it register, it is known again.';
comment on column presence.device.id is 'A number that is never used again.';
comment on column presence.device.aor is 'Whose: user@domain.';
comment on column presence.device.domain is 'The domain of the AOR.';
comment on column presence.device.device_key is 'What makes it the same device again: +sip.instance, else its User-Agent, else its contact.';
comment on column presence.device.user_agent is 'What it calls itself.';
comment on column presence.device.waiting_messages is 'How many messages wait for it.';
comment on column presence.device.delivered_through is 'The last message that is done with at this device: presence.message.id.';
comment on column presence.device.last_seen_at is 'When it registered, to a day.';
comment on column presence.device.known_since is 'When it first registered.';

create view presence.delivery as
select m.id as message, m.aor::text as aor, presence.domain_of(m.aor) as domain, m.sender,
       d.id as device, d.device_key, d.user_agent,
       case when m.id <= d.delivered_through then 'delivered' else 'waiting' end as state,
       m.kept_at, m.expires_at, d.last_seen_at
  from presence_state.message m
  join presence_state.device d on d.bucket = m.bucket and d.aor = m.aor;
comment on view presence.delivery is
    'Every kept message with every device that is known at its AOR: which has it, which does not.';
comment on column presence.delivery.message is 'presence.message.id.';
comment on column presence.delivery.aor is 'For whom: user@domain.';
comment on column presence.delivery.domain is 'The domain of the AOR.';
comment on column presence.delivery.sender is 'From whom.';
comment on column presence.delivery.device is 'presence.device.id.';
comment on column presence.delivery.device_key is 'The device.';
comment on column presence.delivery.user_agent is 'What it calls itself.';
comment on column presence.delivery.state is 'waiting; or delivered, which is also said of one that the device refused for good.';
comment on column presence.delivery.kept_at is 'Since when the message is kept.';
comment on column presence.delivery.expires_at is 'Until when.';
comment on column presence.delivery.last_seen_at is 'When the device registered, to a day.';

create view presence.message as
select m.id, m.aor::text as aor, presence.domain_of(m.aor) as domain, m.sender, m.content_type,
       presence.readable(m.body) as body, m.kept_at, m.expires_at,
       m.expires_at - clock_timestamp() as remaining,
       d.known as known_devices, d.waiting as waiting_devices,
       m.call_id, m.from_tag, m.cseq, presence.readable(m.headers) as headers
  from presence_state.message m
  cross join lateral (select count(*) as known,
                             count(*) filter (where d.delivered_through < m.id) as waiting
                        from presence_state.device d where d.bucket = m.bucket and d.aor = m.aor) d
 where m.expires_at > clock_timestamp() and (d.known = 0 or d.waiting > 0);
comment on view presence.message is
    'The messages that wait: for the devices of presence.delivery, or for the first one to register. DELETE takes a message back from all that do not have it. To send one: presence.send_message().';
comment on column presence.message.id is 'A number that is never used again; messages are delivered in its order.';
comment on column presence.message.aor is 'For whom: user@domain.';
comment on column presence.message.domain is 'The domain of the AOR.';
comment on column presence.message.sender is 'From whom: user@domain.';
comment on column presence.message.content_type is 'The type of the body.';
comment on column presence.message.body is 'The body.';
comment on column presence.message.kept_at is 'Since when it is kept.';
comment on column presence.message.expires_at is 'When it is given up.';
comment on column presence.message.remaining is 'How long that is from now.';
comment on column presence.message.known_devices is 'How many devices are known at the AOR; 0: it waits for the first to register.';
comment on column presence.message.waiting_devices is 'How many of them do not have it yet.';
comment on column presence.message.call_id is 'Call-ID of the MESSAGE.';
comment on column presence.message.from_tag is 'Its From tag.';
comment on column presence.message.cseq is 'Its CSeq.';
comment on column presence.message.headers is 'The header fields that go with it.';

create or replace view presence.invariant as
with owner as (select * from presence_state.node where owns),
     row_of as (
        select 'binding' as kind, bucket, id, aor, expires_at from presence_state.binding
        union all select 'publication', bucket, id, aor, expires_at from presence_state.publication
        union all select 'subscription', bucket, id, aor, expires_at from presence_state.subscription
        union all select 'message', bucket, id, aor, expires_at from presence_state.message
        union all select 'device', bucket, id, aor, 'infinity' from presence_state.device)
select 'wrong bucket' as broken, kind || ' ' || id || ' of ' || aor as detail
  from row_of where bucket <> presence.bucket_of(aor)
union all
select 'wrong bucket', 'resource ' || aor || ' ' || event
  from presence_state.resource where bucket <> presence.bucket_of(aor)
union all
select 'id used twice', kind || ' ' || id from row_of group by kind, id having count(*) > 1
union all
select 'expired more than an hour ago', r.kind || ' ' || r.id || ' of ' || r.aor
  from row_of r, owner
 where r.expires_at < now() - interval '1 hour' and owner.started_at < now() - interval '1 hour'
   and owner.heartbeat_at > now() - interval '1 minute'
union all
select 'entity-tag used twice', aor || ' ' || event || ' ' || entity_tag
  from presence_state.publication group by bucket, aor, event, entity_tag having count(*) > 1
union all
select 'contact bound twice', aor || ' ' || contact_key
  from presence_state.binding group by bucket, aor, contact_key having count(*) > 1
union all
select 'dialog stored twice', call_id || ' ' || local_tag || ' ' || remote_tag || ' ' || event || ' ' || event_id
  from presence_state.subscription
 group by call_id, local_tag, remote_tag, event, event_id having count(*) > 1
union all
select 'unknown state', 'subscription ' || id from presence_state.subscription where state not between 0 and 2
union all
select 'written by a batch that never was', 'subscription ' || s.id
  from presence_state.subscription s where s.written_batch > (select max(batch) from presence_state.node)
union all
select 'written by a batch that never was', 'resource ' || r.aor || ' ' || r.event
  from presence_state.resource r where r.changed_batch > (select max(batch) from presence_state.node)
union all
select 'marked in an epoch that never was', 'subscription ' || s.id
  from presence_state.subscription s where s.cseq_epoch > (select max(epoch) from presence_state.node)
union all
select 'notified of a batch that never was', 'node ' || id from presence_state.node where notified_batch > batch
union all
select 'several owners', string_agg(id::text, ', ') from owner having count(*) > 1
union all
select 'bucket without its owner', 'bucket ' || b.bucket
  from presence_state.bucket b, owner where b.node <> owner.id
union all
select 'not 1,024 buckets', count(*)::text from presence_state.bucket having count(*) <> 1024
union all
select 'device known twice', aor || ' ' || device_key
  from presence_state.device group by bucket, aor, device_key having count(*) > 1
union all
select 'message kept twice', aor || ' ' || call_id || ' ' || from_tag || ' ' || cseq
  from presence_state.message group by bucket, aor, call_id, from_tag, cseq having count(*) > 1
union all
select 'delivered in an epoch that never was', 'device ' || d.id || ' of ' || d.aor
  from presence_state.device d
 where d.delivered_through >> 40 > (select max(epoch) from presence_state.node) or d.delivered_through < 0
union all
select 'delivered to all an hour ago, and still there', 'message ' || m.id || ' of ' || m.aor
  from presence_state.message m, owner
 where m.kept_at < now() - interval '1 hour' and owner.started_at < now() - interval '1 hour'
   and owner.heartbeat_at > now() - interval '1 minute'
   and (select min(d.delivered_through) from presence_state.device d
         where d.bucket = m.bucket and d.aor = m.aor
           and d.created_at < now() - interval '1 hour') >= m.id
   and not exists (select from presence_state.device d
                    where d.bucket = m.bucket and d.aor = m.aor and d.delivered_through < m.id);

-- ---- functions for people ----

create function presence.send_message(from_aor text, to_aor text, body text,
                                      content_type text default 'text/plain;charset=UTF-8',
                                      expires interval default null) returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(send_message.to_aor);
    author    text := presence.canonical_aor(send_message.from_aor);
    seconds   numeric := ceil(extract(epoch from send_message.expires));
    policy    presence.domain%rowtype;
    added     bigint;
begin
    if not exists (select from presence.account a where a.aor = canonical) then
        raise exception 'there is no account %', canonical using errcode = 'no_data_found';
    end if;
    select * into policy from presence.domain d where d.name = presence.domain_of(canonical);
    if not policy.keep_messages then
        raise exception 'domain % keeps no messages', policy.name using errcode = 'object_not_in_prerequisite_state';
    end if;
    if coalesce(author, '') !~ '^[^[:space:][:cntrl:]<>"@]+@[^[:space:][:cntrl:]<>"@]+$' then
        raise exception '"%" is no address of record', send_message.from_aor
            using errcode = 'invalid_parameter_value';
    end if;
    if send_message.body is null then
        raise exception 'there is no body to send' using errcode = 'invalid_parameter_value';
    end if;
    if coalesce(send_message.content_type, '') !~ '^[^[:space:][:cntrl:]/;]+/[^[:cntrl:]]+$' then
        raise exception '"%" is no content type', send_message.content_type
            using errcode = 'invalid_parameter_value';
    end if;
    if seconds is not null and seconds not between 1 and 4294967295 then
        raise exception 'a message cannot expire after %', send_message.expires
            using errcode = 'invalid_parameter_value';
    end if;
    insert into presence.command (kind, aor, sender, content_type, document, expires_s)
    values ('message', canonical, author, send_message.content_type,
            convert_to(send_message.body, 'UTF8'), coalesce(seconds, 0))
    returning id into added;
    return added;
end $$;
comment on function presence.send_message(text, text, text, text, interval) is
    'Sends a message from any application: it is kept, and goes to all devices of to_aor, now or when they register; with expires, no later than so. Returns the id of the command.';

-- ---- DELETE on the views ----

create function presence.ask_message_instead() returns trigger
    language plpgsql
as $$
begin
    if tg_table_name = 'message' then
        insert into presence.command (kind, aor, target) values ('remove_message', old.aor, old.id);
    else
        insert into presence.command (kind, aor, target) values ('forget_device', old.aor, old.id);
    end if;
    return old;
end $$;
comment on function presence.ask_message_instead() is
    'INSTEAD OF trigger: what is deleted from presence.message or presence.device becomes a command to the server.';

create trigger ask_delete instead of delete on presence.message
    for each row execute function presence.ask_message_instead();
create trigger ask_delete instead of delete on presence.device
    for each row execute function presence.ask_message_instead();

-- ---- an account that goes takes along what is its own: the next one of that name is somebody else ----

create function presence.forget_account() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from presence.account a where a.aor = old.aor) then
        return null; -- it was removed and added again at one go
    end if;
    insert into presence.command (kind, aor)
    select 'unregister', old.aor
     where exists (select from presence_state.binding b
                    where b.bucket = presence.bucket_of(old.aor) and b.aor = old.aor);
    insert into presence.command (kind, aor, target)
    select 'remove_message', m.aor, m.id from presence_state.message m
     where m.bucket = presence.bucket_of(old.aor) and m.aor = old.aor order by m.id;
    insert into presence.command (kind, aor, target)
    select 'forget_device', d.aor, d.id from presence_state.device d
     where d.bucket = presence.bucket_of(old.aor) and d.aor = old.aor order by d.id;
    return null;
end $$;
comment on function presence.forget_account() is
    'Trigger at the commit that removes an account: its contacts are unregistered, its kept messages taken back, its devices forgotten.';

create constraint trigger forget_account after delete on presence.account
    deferrable initially deferred for each row execute function presence.forget_account();

-- ---- who may what; a reader sees no bodies ----

revoke all on function presence.send_message(text, text, text, text, interval),
    presence.ask_message_instead(), presence.forget_account() from public;
grant execute on function presence.send_message(text, text, text, text, interval) to presence_admin;
grant select, insert, update, delete on presence_state.device, presence_state.message to presence_server;
grant select on presence.device, presence.delivery to presence_server, presence_admin, presence_reader;
grant select on presence.message to presence_server, presence_admin;
grant select (id, aor, domain, sender, content_type, kept_at, expires_at, remaining, known_devices,
              waiting_devices, call_id, from_tag, cseq) on presence.message to presence_reader;
grant delete on presence.message, presence.device to presence_admin;
