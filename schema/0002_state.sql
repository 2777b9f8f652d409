-- Hot state: what devices registered, published and subscribed to. Written by the server alone, in
-- batches of array statements, always by (bucket, id). No column that a refresh changes is indexed
-- and pages are kept a fifth empty, so that a refresh stays within its page (HOT).

create table presence_state.node (
    id             bigint primary key,
    owns           boolean not null,
    epoch          bigint not null,
    batch          bigint not null,
    notified_batch bigint not null,
    started_at     timestamptz not null,
    heartbeat_at   timestamptz not null
) with (fillfactor = 10, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.node is
    'One row per node that ever owned the state. Every batch updates its owner''s row: it is the fence against a writer that was replaced, its sign of life, and it tells whether a batch whose answer was lost has committed.';
comment on column presence_state.node.id is 'The node''s number, from its configuration.';
comment on column presence_state.node.owns is 'True for the one node that owns the state and may write it.';
comment on column presence_state.node.epoch is 'Rises with every start and take-over, over all nodes.';
comment on column presence_state.node.batch is 'The last batch that this node committed; numbers rise over all nodes.';
comment on column presence_state.node.notified_batch is 'Every watcher was told of, or marked as owed, what changed up to this batch.';
comment on column presence_state.node.started_at is 'When this epoch began.';
comment on column presence_state.node.heartbeat_at is 'The last sign of life: at least every two seconds.';

create table presence_state.bucket (
    bucket smallint primary key check (bucket between 0 and 1023),
    node   bigint not null,
    epoch  bigint not null
) with (fillfactor = 50);
comment on table presence_state.bucket is
    'Which node owns which of the 1,024 buckets. One node owns all of them in this version.';
comment on column presence_state.bucket.bucket is 'presence.bucket_of() of the AORs in it.';
comment on column presence_state.bucket.node is 'presence_state.node.id of its owner; 0: nobody yet.';
comment on column presence_state.bucket.epoch is 'The epoch in which it came to its owner.';
insert into presence_state.bucket (bucket, node, epoch) select b, 0, 0 from generate_series(0, 1023) as b;

create table presence_state.secret (
    only_one boolean primary key default true check (only_one),
    key      bytea not null check (length(key) = 32)
);
comment on table presence_state.secret is
    'The key of the marks on what the server hands out: nonces, tags, entity-tags. Change it only to make all of them invalid.';
comment on column presence_state.secret.only_one is 'There is one row.';
comment on column presence_state.secret.key is '32 random octets, drawn when the schema was made.';
insert into presence_state.secret (key)
select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

create table presence_state.binding (
    bucket           smallint not null,
    id               bigint not null,
    aor              text collate "C" not null,
    contact_key      text collate "C" not null,
    contact          text not null,
    parameters       bytea compression lz4 not null,
    path             bytea compression lz4 not null,
    instance         text not null,
    reg_id           bigint not null,
    q_thousandths    smallint not null,
    call_id          text not null,
    from_tag         text not null,
    cseq             bigint not null,
    user_agent       text not null,
    flow_node        bigint not null,
    flow_incarnation bigint not null,
    flow_transport   text not null,
    flow_local       text not null,
    flow_remote      text not null,
    flow_connection  bigint not null,
    flow_bound       boolean not null,
    expires_at       timestamptz not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (bucket, id),
    unique (bucket, aor, contact_key)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.binding is
    'One row per registered contact of an AOR (RFC 3261 section 10). People read presence.binding.';
comment on column presence_state.binding.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.binding.id is 'Made by the server, never used again.';
comment on column presence_state.binding.aor is 'The canonical AOR, e.g. alice@example.org.';
comment on column presence_state.binding.contact_key is 'What makes the contact unique within its AOR: instance and reg-id (RFC 5626), else the canonical Contact.';
comment on column presence_state.binding.contact is 'The URI of the Contact, as it was given.';
comment on column presence_state.binding.parameters is 'The Contact''s other parameters, as given.';
comment on column presence_state.binding.path is 'The values of Path, comma separated (RFC 3327).';
comment on column presence_state.binding.instance is '+sip.instance (RFC 5626); empty when absent.';
comment on column presence_state.binding.reg_id is 'reg-id (RFC 5626); 0 when absent.';
comment on column presence_state.binding.q_thousandths is 'q times 1,000; -1 when absent.';
comment on column presence_state.binding.call_id is 'Call-ID of the last accepted REGISTER.';
comment on column presence_state.binding.from_tag is 'From tag of the REGISTER that made the binding or changed it.';
comment on column presence_state.binding.cseq is 'CSeq of the last accepted REGISTER.';
comment on column presence_state.binding.user_agent is 'User-Agent, as given.';
comment on column presence_state.binding.flow_node is 'The node at which the device''s flow ends.';
comment on column presence_state.binding.flow_incarnation is 'The epoch in which the flow was seen.';
comment on column presence_state.binding.flow_transport is 'udp, tcp ...';
comment on column presence_state.binding.flow_local is 'Our address and port.';
comment on column presence_state.binding.flow_remote is 'The device''s address and port, as seen.';
comment on column presence_state.binding.flow_connection is 'Number of the connection; 0 for datagrams.';
comment on column presence_state.binding.flow_bound is 'True: requests go over this flow, whatever the Contact says: the device is behind a NAT.';
comment on column presence_state.binding.expires_at is 'When it expires, by the database''s clock.';
comment on column presence_state.binding.created_at is 'When the contact was registered.';
comment on column presence_state.binding.updated_at is 'When it was last refreshed or changed.';

create table presence_state.publication (
    bucket       smallint not null,
    id           bigint not null,
    aor          text collate "C" not null,
    event        text not null,
    entity_tag   text not null,
    previous_tag text not null,
    sequence     bigint not null,
    content_type text not null,
    document     bytea compression lz4 not null,
    call_id      text not null,
    from_tag     text not null,
    cseq         bigint not null,
    hard_state   boolean not null,
    expires_at   timestamptz not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (bucket, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.publication is
    'One row per publication (RFC 3903). People read presence.publication.';
comment on column presence_state.publication.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.publication.id is 'Made by the server, never used again.';
comment on column presence_state.publication.aor is 'The presentity, as canonical AOR.';
comment on column presence_state.publication.event is 'The event package, e.g. presence.';
comment on column presence_state.publication.entity_tag is 'The entity-tag that the publisher must name next.';
comment on column presence_state.publication.previous_tag is 'The one that the last request replaced: a repeat of that request still names it.';
comment on column presence_state.publication.sequence is 'Greater is newer, over all publications.';
comment on column presence_state.publication.content_type is 'Content-Type of the document.';
comment on column presence_state.publication.document is 'The octets that were published.';
comment on column presence_state.publication.call_id is 'Call-ID of the last accepted PUBLISH; empty for what was put by SQL.';
comment on column presence_state.publication.from_tag is 'Its From tag.';
comment on column presence_state.publication.cseq is 'Its CSeq.';
comment on column presence_state.publication.hard_state is 'True for what an administrator or application put; it outlives every device''s state.';
comment on column presence_state.publication.expires_at is 'When it expires, by the database''s clock; infinity for lasting hard state.';
comment on column presence_state.publication.created_at is 'When it was first published.';
comment on column presence_state.publication.updated_at is 'When it was last refreshed or changed.';

create table presence_state.subscription (
    bucket           smallint not null,
    id               bigint not null,
    aor              text collate "C" not null,
    event            text not null,
    event_id         text not null,
    watcher          text not null,
    state            smallint not null,
    reason           text not null,
    call_id          text not null,
    local_tag        text not null,
    remote_tag       text not null,
    local_uri        text not null,
    remote_uri       text not null,
    remote_target    text not null,
    route_set        bytea compression lz4 not null,
    accept           text not null,
    user_agent       text not null,
    remote_cseq      bigint not null,
    cseq_mark        bigint not null,
    cseq_epoch       bigint not null,
    owed             boolean not null,
    written_batch    bigint not null,
    flow_node        bigint not null,
    flow_incarnation bigint not null,
    flow_transport   text not null,
    flow_local       text not null,
    flow_remote      text not null,
    flow_connection  bigint not null,
    flow_bound       boolean not null,
    expires_at       timestamptz not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (bucket, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.subscription is
    'One row per subscription dialog (RFC 6665). People read presence.subscription and presence.watcher.';
comment on column presence_state.subscription.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.subscription.id is 'Made by the server, never used again.';
comment on column presence_state.subscription.aor is 'The presentity that is watched, as canonical AOR.';
comment on column presence_state.subscription.event is 'The event package, e.g. presence.';
comment on column presence_state.subscription.event_id is 'Event''s id parameter; empty when absent.';
comment on column presence_state.subscription.watcher is 'The AOR of who subscribed.';
comment on column presence_state.subscription.state is '0 pending, 1 active, 2 terminated (until its last NOTIFY is answered).';
comment on column presence_state.subscription.reason is 'reason of Subscription-State, when terminated.';
comment on column presence_state.subscription.call_id is 'Call-ID of the dialog.';
comment on column presence_state.subscription.local_tag is 'Our tag.';
comment on column presence_state.subscription.remote_tag is 'The watcher''s tag.';
comment on column presence_state.subscription.local_uri is 'The URI of the SUBSCRIBE''s To: our From.';
comment on column presence_state.subscription.remote_uri is 'The URI of the SUBSCRIBE''s From: our To.';
comment on column presence_state.subscription.remote_target is 'The watcher''s Contact: where NOTIFYs go.';
comment on column presence_state.subscription.route_set is 'Record-Route values, comma separated, in the order to use.';
comment on column presence_state.subscription.accept is 'Accept, as given; empty when absent.';
comment on column presence_state.subscription.user_agent is 'User-Agent, as given.';
comment on column presence_state.subscription.remote_cseq is 'CSeq of the last accepted SUBSCRIBE.';
comment on column presence_state.subscription.cseq_mark is 'NOTIFYs of the marking epoch use this CSeq and up to 999 above: none is written for each NOTIFY.';
comment on column presence_state.subscription.cseq_epoch is 'The epoch that wrote the mark; a later one begins 1,000 above it.';
comment on column presence_state.subscription.owed is 'True: a NOTIFY is owed whatever the batch numbers say.';
comment on column presence_state.subscription.written_batch is 'The batch that wrote this row.';
comment on column presence_state.subscription.flow_node is 'The node at which the watcher''s flow ends.';
comment on column presence_state.subscription.flow_incarnation is 'The epoch in which the flow was seen.';
comment on column presence_state.subscription.flow_transport is 'udp, tcp ...';
comment on column presence_state.subscription.flow_local is 'Our address and port.';
comment on column presence_state.subscription.flow_remote is 'The watcher''s address and port, as seen.';
comment on column presence_state.subscription.flow_connection is 'Number of the connection; 0 for datagrams.';
comment on column presence_state.subscription.flow_bound is 'True: requests go over this flow, whatever the Contact says: the device is behind a NAT.';
comment on column presence_state.subscription.expires_at is 'When it expires, by the database''s clock.';
comment on column presence_state.subscription.created_at is 'When the watcher subscribed.';
comment on column presence_state.subscription.updated_at is 'When it was last refreshed or changed.';

create table presence_state.resource (
    bucket        smallint not null,
    aor           text collate "C" not null,
    event         text collate "C" not null,
    changed_batch bigint not null,
    primary key (bucket, aor, event)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
comment on table presence_state.resource is
    'When what a resource shows last changed: after a crash, watchers of what changed later than notified_batch are told again.';
comment on column presence_state.resource.bucket is 'presence.bucket_of(aor).';
comment on column presence_state.resource.aor is 'The presentity, as canonical AOR.';
comment on column presence_state.resource.event is 'The event package.';
comment on column presence_state.resource.changed_batch is 'The last batch that changed what it shows.';

-- Called while the caller's session holds the lease, so nobody else does the same now. The fence
-- rows are taken first: a batch in flight of the loser ends before its number is read.
create function presence_state.take_over(node_id bigint,
    out epoch bigint, out batch bigint, out notified_batch bigint, out secret bytea)
    language plpgsql
as $$
begin
    perform from presence_state.node n order by n.id for update;
    select coalesce(max(n.epoch), 0) + 1, coalesce(max(n.batch), 0) into epoch, batch
      from presence_state.node n;
    select coalesce((select n.notified_batch from presence_state.node n
                      order by n.owns desc, n.epoch desc limit 1), 0) into notified_batch;
    update presence_state.node n set owns = false where n.owns and n.id <> node_id;
    insert into presence_state.node as n
           (id, owns, epoch, batch, notified_batch, started_at, heartbeat_at)
    values (node_id, true, take_over.epoch, take_over.batch, take_over.notified_batch, now(), clock_timestamp())
    on conflict (id) do update
       set owns = true, epoch = excluded.epoch, batch = excluded.batch,
           notified_batch = excluded.notified_batch, started_at = excluded.started_at,
           heartbeat_at = excluded.heartbeat_at;
    update presence_state.bucket b set node = node_id, epoch = take_over.epoch where b.node <> node_id;
    select s.key into strict secret from presence_state.secret s;
end $$;
comment on function presence_state.take_over(bigint) is
    'Called by a server that holds the lease: fences every other writer with a new epoch and makes this node the owner of all buckets.';

revoke all on all functions in schema presence_state from public;
grant execute on function presence_state.take_over(bigint) to presence_server;
grant select, insert, update, delete on presence_state.node, presence_state.binding,
    presence_state.publication, presence_state.subscription, presence_state.resource to presence_server;
grant select, update on presence_state.bucket to presence_server;
grant select on presence_state.secret to presence_server;
