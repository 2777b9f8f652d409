-- What people see and ask for: readable views over the hot state, and commands to the server.

-- ---- commands ----

create type presence.command_kind as enum ('publish', 'unpublish', 'terminate', 'unregister');
comment on type presence.command_kind is 'What an administrator can ask the server to do.';

create table presence.command (
    id           bigint generated always as identity primary key,
    kind         presence.command_kind not null,
    aor          text collate "C" not null,
    event        text not null default '',
    target       bigint not null default 0,
    reason       text not null default '',
    content_type text not null default '',
    document     bytea not null default '',
    expires_s    bigint not null default 0 check (expires_s between 0 and 4294967295),
    asked_by     text not null default session_user,
    asked_at     timestamptz not null default now(),
    check (kind <> 'publish' or length(document) > 0)
);
comment on table presence.command is
    'What was asked of the server and is not done yet. The server takes a row out in the same transaction that carries its effect, also after a restart; a row that stays means that no server runs.';
comment on column presence.command.id is 'A number in the order of asking.';
comment on column presence.command.kind is 'What to do.';
comment on column presence.command.aor is 'For whom, as canonical AOR.';
comment on column presence.command.event is 'The event package, for publish.';
comment on column presence.command.target is 'The id of the publication, subscription or binding; 0 with unregister: all of the AOR.';
comment on column presence.command.reason is 'The reason that the watcher is told, for terminate.';
comment on column presence.command.content_type is 'Content-Type of the document, for publish.';
comment on column presence.command.document is 'The octets to publish.';
comment on column presence.command.expires_s is 'How long to publish them, in seconds; 0: until unpublished.';
comment on column presence.command.asked_by is 'The login that asked.';
comment on column presence.command.asked_at is 'When.';

create function presence.signal_command() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('presence_change', 'command');
    return null;
end $$;
comment on function presence.signal_command() is 'Statement trigger: tells the server that there are commands.';
create trigger signal_insert after insert on presence.command
    for each statement execute function presence.signal_command();

-- ---- reading octets ----

create function presence.readable(octets bytea) returns text
    language plpgsql immutable strict parallel safe
as $$
begin
    return convert_from(octets, 'UTF8');
exception when others then
    return encode(octets, 'escape');
end $$;
comment on function presence.readable(bytea) is
    'Octets as text: as UTF-8, or with escapes where they are none.';

create function presence.domain_of(aor text) returns text
    language sql immutable strict parallel safe
    return substring(aor from '[^@]*$');
comment on function presence.domain_of(text) is 'The domain of an AOR.';

create function presence.flow_text(transport text, local_address text, remote_address text,
                                   node bigint, connection bigint) returns text
    language sql immutable strict parallel safe
    return case when transport = '' then ''
                else transport || ' ' || remote_address || ' to ' || local_address || ' at node ' || node
                     || case when connection = 0 then '' else ', connection ' || connection end end;
comment on function presence.flow_text(text, text, text, bigint, bigint) is
    'A flow for people: transport, the device''s address, ours, the node, the connection.';

create type presence.subscription_state as enum ('pending', 'active', 'terminated');
comment on type presence.subscription_state is 'State of a subscription, as in Subscription-State (RFC 6665).';

-- ---- views ----

create view presence.binding as
select b.id, b.aor::text as aor, presence.domain_of(b.aor) as domain, b.contact,
       nullif(b.q_thousandths, -1) / 1000.0 as q,
       nullif(b.instance, '') as instance, nullif(b.reg_id, 0) as reg_id,
       nullif(presence.readable(b.path), '') as path, b.user_agent,
       presence.flow_text(b.flow_transport, b.flow_local, b.flow_remote, b.flow_node, b.flow_connection) as flow,
       b.call_id, b.cseq, b.created_at as registered_at, b.updated_at, b.expires_at,
       b.expires_at - clock_timestamp() as remaining
  from presence_state.binding b;
comment on view presence.binding is
    'Who is registered where. DELETE unregisters: the phone''s next refresh registers it again.';
comment on column presence.binding.id is 'A number that is never used again.';
comment on column presence.binding.aor is 'Who: user@domain.';
comment on column presence.binding.domain is 'The domain of the AOR.';
comment on column presence.binding.contact is 'Where: the URI that the device gave.';
comment on column presence.binding.q is 'The preference that the device gave, 0 to 1.';
comment on column presence.binding.instance is 'The device, when it tells (RFC 5626).';
comment on column presence.binding.reg_id is 'Its flow''s number (RFC 5626).';
comment on column presence.binding.path is 'Proxies on the way to the device (RFC 3327).';
comment on column presence.binding.user_agent is 'What the device calls itself.';
comment on column presence.binding.flow is 'How the last REGISTER came in.';
comment on column presence.binding.call_id is 'Call-ID of the last REGISTER.';
comment on column presence.binding.cseq is 'CSeq of the last REGISTER.';
comment on column presence.binding.registered_at is 'When the contact was first registered.';
comment on column presence.binding.updated_at is 'When it was last refreshed.';
comment on column presence.binding.expires_at is 'When it expires.';
comment on column presence.binding.remaining is 'How long that is from now; negative: about to be removed.';

create view presence.publication as
select p.id, p.aor::text as aor, presence.domain_of(p.aor) as domain, p.event, p.hard_state,
       p.content_type, presence.readable(p.document) as document, p.entity_tag,
       p.created_at as published_at, p.updated_at, p.expires_at,
       case when p.expires_at = 'infinity' then null else p.expires_at - clock_timestamp() end as remaining
  from presence_state.publication p;
comment on view presence.publication is
    'What is published. INSERT publishes (aor and document suffice; expires_at null: until deleted), DELETE removes; watchers are told at once.';
comment on column presence.publication.id is 'A number that is never used again.';
comment on column presence.publication.aor is 'The presentity: user@domain.';
comment on column presence.publication.domain is 'The domain of the AOR.';
comment on column presence.publication.event is 'The event package; presence when not given.';
comment on column presence.publication.hard_state is 'True for what was put by SQL until further notice; it outlives every device''s state.';
comment on column presence.publication.content_type is 'The document''s type; application/pidf+xml when not given.';
comment on column presence.publication.document is 'The document.';
comment on column presence.publication.entity_tag is 'The tag that the publisher names next (RFC 3903).';
comment on column presence.publication.published_at is 'When it was first published.';
comment on column presence.publication.updated_at is 'When it was last refreshed or changed.';
comment on column presence.publication.expires_at is 'When it expires; infinity: never.';
comment on column presence.publication.remaining is 'How long that is from now; null: it never expires.';

create view presence.subscription as
select s.id, s.aor::text as aor, presence.domain_of(s.aor) as domain, s.watcher, s.event,
       nullif(s.event_id, '') as event_id,
       (enum_range(null::presence.subscription_state))[s.state + 1] as state,
       nullif(s.reason, '') as reason, s.owed, s.remote_target, s.user_agent,
       presence.flow_text(s.flow_transport, s.flow_local, s.flow_remote, s.flow_node, s.flow_connection) as flow,
       nullif(presence.readable(s.route_set), '') as route_set, nullif(s.accept, '') as accept,
       s.call_id, s.local_tag, s.remote_tag, s.remote_cseq,
       s.created_at as subscribed_at, s.updated_at, s.expires_at,
       s.expires_at - clock_timestamp() as remaining
  from presence_state.subscription s;
comment on view presence.subscription is
    'The dialogs of watchers. DELETE terminates: the watcher is told with reason deactivated, and may subscribe anew.';
comment on column presence.subscription.id is 'A number that is never used again.';
comment on column presence.subscription.aor is 'Who is watched: user@domain.';
comment on column presence.subscription.domain is 'The domain of the AOR.';
comment on column presence.subscription.watcher is 'Who watches: user@domain.';
comment on column presence.subscription.event is 'The event package.';
comment on column presence.subscription.event_id is 'Event''s id parameter.';
comment on column presence.subscription.state is 'pending, active or terminated.';
comment on column presence.subscription.reason is 'Why it was terminated.';
comment on column presence.subscription.owed is 'True while a watcher that does not answer has still to be told.';
comment on column presence.subscription.remote_target is 'Where its NOTIFYs go.';
comment on column presence.subscription.user_agent is 'What the watcher''s device calls itself.';
comment on column presence.subscription.flow is 'How its last SUBSCRIBE came in.';
comment on column presence.subscription.route_set is 'Proxies on the way of its NOTIFYs.';
comment on column presence.subscription.accept is 'The types that it takes, as given.';
comment on column presence.subscription.call_id is 'Call-ID of the dialog.';
comment on column presence.subscription.local_tag is 'Our tag.';
comment on column presence.subscription.remote_tag is 'The watcher''s tag.';
comment on column presence.subscription.remote_cseq is 'CSeq of its last SUBSCRIBE.';
comment on column presence.subscription.subscribed_at is 'When it subscribed.';
comment on column presence.subscription.updated_at is 'When it last refreshed, or when the row was last written.';
comment on column presence.subscription.expires_at is 'When it expires.';
comment on column presence.subscription.remaining is 'How long that is from now; negative: about to be removed.';

create view presence.watcher as
select s.aor as presentity, s.watcher, s.domain, s.event, s.state, s.subscribed_at, s.remaining,
       s.user_agent, s.id as subscription
  from presence.subscription s;
comment on view presence.watcher is 'Who watches whom, and in what state.';
comment on column presence.watcher.presentity is 'Who is watched.';
comment on column presence.watcher.watcher is 'Who watches.';
comment on column presence.watcher.domain is 'The presentity''s domain.';
comment on column presence.watcher.event is 'The event package.';
comment on column presence.watcher.state is 'pending, active or terminated.';
comment on column presence.watcher.subscribed_at is 'Since when.';
comment on column presence.watcher.remaining is 'Until it expires.';
comment on column presence.watcher.user_agent is 'With what device.';
comment on column presence.watcher.subscription is 'presence.subscription.id.';

create view presence.presentity as
select p.aor::text as aor, presence.domain_of(p.aor) as domain, p.event, count(*) as publications,
       count(*) filter (where p.hard_state) as hard_state, max(p.updated_at) as updated_at,
       max(p.expires_at) as shown_until,
       (array_agg(presence.readable(p.document) order by p.hard_state, p.sequence desc))[1] as newest_document,
       (select count(*) from presence_state.subscription s
         where s.bucket = p.bucket and s.aor = p.aor and s.event = p.event) as watchers
  from presence_state.publication p
 group by p.bucket, p.aor, p.event;
comment on view presence.presentity is 'What publications each presentity has now.';
comment on column presence.presentity.aor is 'The presentity: user@domain.';
comment on column presence.presentity.domain is 'The domain of the AOR.';
comment on column presence.presentity.event is 'The event package.';
comment on column presence.presentity.publications is 'How many publications make up what is shown.';
comment on column presence.presentity.hard_state is 'How many of them are hard state.';
comment on column presence.presentity.updated_at is 'When one of them last changed.';
comment on column presence.presentity.shown_until is 'When the last of them expires.';
comment on column presence.presentity.newest_document is 'The newest document of a device, else of hard state.';
comment on column presence.presentity.watchers is 'How many subscriptions watch it.';

create view presence.server as
select n.id as node, n.owns, (select count(*) from presence_state.bucket b where b.node = n.id) as buckets,
       n.epoch, n.batch, n.notified_batch, n.started_at, n.heartbeat_at,
       clock_timestamp() - n.heartbeat_at as silent_for
  from presence_state.node n;
comment on view presence.server is 'The nodes that ever owned the state, and the one that does.';
comment on column presence.server.node is 'The node''s number, from its configuration.';
comment on column presence.server.owns is 'True for the node that may write.';
comment on column presence.server.buckets is 'How many of the 1,024 buckets are its own.';
comment on column presence.server.epoch is 'Rises with every start and take-over.';
comment on column presence.server.batch is 'The last batch that it committed.';
comment on column presence.server.notified_batch is 'Every watcher was told of, or marked as owed, what changed up to this batch.';
comment on column presence.server.started_at is 'When its epoch began.';
comment on column presence.server.heartbeat_at is 'Its last sign of life.';
comment on column presence.server.silent_for is 'How long ago that was; more than some seconds: it is not running.';

create view presence.invariant as
with owner as (select * from presence_state.node where owns),
     row_of as (
        select 'binding' as kind, bucket, id, aor, expires_at from presence_state.binding
        union all select 'publication', bucket, id, aor, expires_at from presence_state.publication
        union all select 'subscription', bucket, id, aor, expires_at from presence_state.subscription)
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
select 'not 1,024 buckets', count(*)::text from presence_state.bucket having count(*) <> 1024;
comment on view presence.invariant is
    'Must always be empty: each row is a broken promise of the server. It reads everything, so ask it now and then, not each second.';
comment on column presence.invariant.broken is 'What does not hold.';
comment on column presence.invariant.detail is 'Where.';

-- ---- functions for people ----

create function presence.publish(aor text, document text, expires interval default null,
                                 event text default 'presence',
                                 content_type text default 'application/pidf+xml') returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(publish.aor);
    seconds   numeric := ceil(extract(epoch from publish.expires));
    added     bigint;
begin
    if not exists (select from presence.domain d where d.name = presence.domain_of(canonical)) then
        raise exception 'there is no domain %', presence.domain_of(canonical)
            using errcode = 'foreign_key_violation';
    end if;
    if seconds is not null and seconds not between 1 and 4294967295 then
        raise exception 'a publication cannot expire after %', publish.expires
            using errcode = 'invalid_parameter_value';
    end if;
    if coalesce(publish.document, '') = '' then
        raise exception 'there is no document to publish' using errcode = 'invalid_parameter_value';
    end if;
    if publish.content_type ~* '[/+]xml$' and not xml_is_well_formed_document(publish.document) then
        raise exception 'the document is not well-formed XML' using errcode = 'invalid_xml_document';
    end if;
    insert into presence.command (kind, aor, event, content_type, document, expires_s)
    values ('publish', canonical, publish.event, publish.content_type,
            convert_to(publish.document, 'UTF8'), coalesce(seconds, 0))
    returning id into added;
    return added;
end $$;
comment on function presence.publish(text, text, interval, text, text) is
    'Publishes a document for an AOR from any application, until unpublished or for an interval; replaces what was put so before. Returns the id of the command.';

create function presence.unpublish(aor text, event text default 'presence') returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(unpublish.aor);
    count     bigint;
begin
    insert into presence.command (kind, aor, event, target)
    select 'unpublish', p.aor, p.event, p.id from presence_state.publication p
     where p.bucket = presence.bucket_of(canonical) and p.aor = canonical and p.event = unpublish.event
       and (p.hard_state or p.call_id = '')
     order by p.id;
    get diagnostics count = row_count;
    return count;
end $$;
comment on function presence.unpublish(text, text) is
    'Removes what SQL has published for an AOR; what devices published stays. Returns how many publications that are.';

create function presence.terminate_subscription(id bigint, reason text default 'deactivated') returns boolean
    language plpgsql
as $$
begin
    if terminate_subscription.reason not in ('deactivated', 'probation', 'rejected', 'timeout', 'giveup',
                                             'noresource', 'invariant') then
        raise exception '"%" is no reason of RFC 6665 section 4.1.3', terminate_subscription.reason
            using errcode = 'invalid_parameter_value';
    end if;
    insert into presence.command (kind, aor, event, target, reason)
    select 'terminate', s.aor, s.event, s.id, terminate_subscription.reason
      from presence_state.subscription s where s.id = terminate_subscription.id;
    return found;
end $$;
comment on function presence.terminate_subscription(bigint, text) is
    'Ends a subscription and tells its watcher why: deactivated (try again now), probation, rejected, timeout, giveup, noresource, invariant. False when there is no such subscription.';

create function presence.unregister(aor text, contact text default null) returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(unregister.aor);
    count     bigint;
begin
    if unregister.contact is null then
        select count(*) into count from presence_state.binding b
         where b.bucket = presence.bucket_of(canonical) and b.aor = canonical;
        insert into presence.command (kind, aor) values ('unregister', canonical);
        return count;
    end if;
    insert into presence.command (kind, aor, target)
    select 'unregister', b.aor, b.id from presence_state.binding b
     where b.bucket = presence.bucket_of(canonical) and b.aor = canonical
       and b.contact = unregister.contact
     order by b.id;
    get diagnostics count = row_count;
    return count;
end $$;
comment on function presence.unregister(text, text) is
    'Removes one contact of an AOR, or all of them. Returns how many there are.';

-- ---- DELETE and INSERT on the views ----

create function presence.ask_instead() returns trigger
    language plpgsql
as $$
declare
    life interval;
begin
    if tg_op = 'INSERT' then
        if new.expires_at is not null and new.expires_at <> 'infinity' then
            life := new.expires_at - clock_timestamp();
        end if;
        perform presence.publish(new.aor, new.document, life, coalesce(new.event, 'presence'),
                                 coalesce(new.content_type, 'application/pidf+xml'));
        return new;
    elsif tg_table_name = 'binding' then
        insert into presence.command (kind, aor, target) values ('unregister', old.aor, old.id);
    elsif tg_table_name = 'publication' then
        insert into presence.command (kind, aor, event, target) values ('unpublish', old.aor, old.event, old.id);
    else
        insert into presence.command (kind, aor, event, target, reason)
        values ('terminate', old.aor, old.event, old.id, 'deactivated');
    end if;
    return old;
end $$;
comment on function presence.ask_instead() is
    'INSTEAD OF trigger: what is done to a view becomes a command to the server.';

create trigger ask_delete instead of delete on presence.binding
    for each row execute function presence.ask_instead();
create trigger ask_delete instead of delete on presence.publication
    for each row execute function presence.ask_instead();
create trigger ask_insert instead of insert on presence.publication
    for each row execute function presence.ask_instead();
create trigger ask_delete instead of delete on presence.subscription
    for each row execute function presence.ask_instead();

-- ---- who may what ----

revoke all on function presence.signal_command(), presence.readable(bytea), presence.domain_of(text),
    presence.flow_text(text, text, text, bigint, bigint), presence.publish(text, text, interval, text, text),
    presence.unpublish(text, text), presence.terminate_subscription(bigint, text),
    presence.unregister(text, text), presence.ask_instead() from public;
grant execute on function presence.readable(bytea), presence.domain_of(text),
    presence.flow_text(text, text, text, bigint, bigint)
    to presence_server, presence_admin, presence_reader;
grant execute on function presence.publish(text, text, interval, text, text), presence.unpublish(text, text),
    presence.terminate_subscription(bigint, text), presence.unregister(text, text) to presence_admin;
grant select on presence.binding, presence.publication, presence.subscription, presence.watcher,
    presence.presentity, presence.server, presence.invariant
    to presence_server, presence_admin, presence_reader;
grant delete on presence.binding, presence.publication, presence.subscription to presence_admin;
grant insert on presence.publication to presence_admin;
grant select on presence.command to presence_reader;
grant select, insert, delete on presence.command to presence_admin;
grant select, delete on presence.command to presence_server;
grant select (bucket, id, aor, event, hard_state, call_id) on presence_state.publication to presence_admin;
grant select (bucket, id, aor, event) on presence_state.subscription to presence_admin;
grant select (bucket, id, aor, contact) on presence_state.binding to presence_admin;
