-- The event server: who may see whom and how much, what makes up what is shown, lists that are
-- watched as one, phones that need their documents in another form.

-- ---- policies of a tenant ----

create type presence.watcher_action as enum ('block', 'confirm', 'polite-block', 'allow');
comment on type presence.watcher_action is
    'What becomes of a watcher; what stands later lets through more. block: refused. confirm: it waits until the presentity decides. polite-block: it believes that it sees, and sees nothing. allow: it sees.';

alter table presence.domain alter column default_watcher_rule drop default;
alter table presence.domain alter column default_watcher_rule type presence.watcher_action
    using default_watcher_rule::text::presence.watcher_action;
alter table presence.domain alter column default_watcher_rule set default 'allow';
drop type presence.default_watcher_rule;

create type presence.presence_policy as enum ('union', 'latest', 'priority', 'single');
comment on type presence.presence_policy is
    'How several publications become one document. union: all services of all of them. latest: the newest publication alone. priority: the one whose open service has the contact of the greatest priority, alone. single: all, but one service, the best.';

alter table presence.domain
    add column presence_policy            presence.presence_policy not null default 'union',
    add column presence_from_registration boolean not null default false,
    add column message_summary_from_kept  boolean not null default false,
    add column notify_interval_min_ms     integer check (notify_interval_min_ms > 0);
comment on column presence.domain.default_watcher_rule is 'What applies to a watcher of presence or dialog for whom no row of presence.watcher_rule says anything: allow, confirm, polite-block or block.';
comment on column presence.domain.presence_policy is 'How several publications of one presentity become one document: union, latest, priority or single.';
comment on column presence.domain.presence_from_registration is 'True: who is registered is shown as open, even when nothing is published.';
comment on column presence.domain.message_summary_from_kept is 'True: messages that are kept for an AOR count as waiting ones in its message-summary.';
comment on column presence.domain.notify_interval_min_ms is 'Least time between two NOTIFYs to one watcher of a presentity of this domain, in milliseconds: its max-rate (RFC 6446) when it asks for none, or for a greater one. What changes in between goes with the next. Null: no limit.';

-- ---- rules ----

create type presence.presence_part as enum ('notes', 'activities', 'location', 'devices');
comment on type presence.presence_part is
    'What can be kept from a watcher that may see the rest.';

create table presence.watcher_rule (
    id          bigint generated always as identity primary key,
    domain      text collate "C" not null references presence.domain (name) on update cascade on delete cascade,
    presentity  text collate "C"
                constraint presentity_is_a_canonical_aor_of_the_domain
                check (presentity = presence.canonical_aor(presentity) and position('@' in presentity) > 1
                       and presence.domain_of(presentity) = domain),
    watcher     text collate "C"
                constraint watcher_is_a_canonical_aor_or_a_domain_behind_an_at
                check (case when watcher like '@%'
                            then substr(watcher, 2) = presence.canonical_aor(substr(watcher, 2))
                                 and position('@' in substr(watcher, 2)) = 0
                            else watcher = presence.canonical_aor(watcher) end),
    event       text collate "C"
                constraint event_is_a_token check (event ~ '^[A-Za-z0-9.!%*_+`''~-]+$'),
    action      presence.watcher_action not null,
    basic_only  boolean not null default false,
    without     presence.presence_part[] not null default '{}'
                constraint without_names_parts check (array_position(without, null) is null),
    valid_from  timestamptz,
    valid_until timestamptz,
    comment     text not null default '',
    created_at  timestamptz not null default now(),
    constraint only_allow_shows_a_part check (action = 'allow' or (not basic_only and without = '{}')),
    constraint it_ends_after_it_begins check (valid_until > valid_from)
);
create unique index watcher_rule_identity on presence.watcher_rule
    (domain, coalesce(presentity, ''), coalesce(watcher, ''), coalesce(event, ''),
     coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity'));
create index on presence.watcher_rule (watcher);
comment on table presence.watcher_rule is
    'Who may see whom. Make rules with presence.allow(), confirm(), polite_block(), block(); ask presence.explain() who decides. The most specific identity decides: the watcher itself, then its domain, then everyone; for the same one the presentity''s own rule before one of its domain, then a rule for the event before one for all. Among equals the greatest action prevails, and what one of those shows is shown. A presentity always sees itself. Rules without an event decide presence and dialog; every other package is for the presentity alone unless a rule names it. What is committed here takes effect at once, also on those who watch already.';
comment on column presence.watcher_rule.id is 'A number that never changes.';
comment on column presence.watcher_rule.domain is 'The domain of who is watched.';
comment on column presence.watcher_rule.presentity is 'Who is watched, as canonical AOR; null: everyone of the domain.';
comment on column presence.watcher_rule.watcher is 'Who watches: a canonical AOR, @example.net for all of a domain, null for everyone.';
comment on column presence.watcher_rule.event is 'The event package, e.g. presence or message-summary; null: presence and dialog.';
comment on column presence.watcher_rule.action is 'block, confirm, polite-block or allow.';
comment on column presence.watcher_rule.basic_only is 'True: only open or closed is shown.';
comment on column presence.watcher_rule.without is 'What is not shown: {notes,activities,location,devices} or some of them. With each of them extensions of unknown meaning are not shown either.';
comment on column presence.watcher_rule.valid_from is 'Since when the rule counts; null: always has.';
comment on column presence.watcher_rule.valid_until is 'Until when it counts; null: for ever.';
comment on column presence.watcher_rule.comment is 'For people.';
comment on column presence.watcher_rule.created_at is 'When it was added.';

create trigger signal_insert after insert on presence.watcher_rule
    referencing new table as changed
    for each statement execute function presence.signal_change('watcher_rule');
create trigger signal_update after update on presence.watcher_rule
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('watcher_rule');
create trigger signal_delete after delete on presence.watcher_rule
    referencing old table as changed
    for each statement execute function presence.signal_change('watcher_rule');
create trigger signal_truncate after truncate on presence.watcher_rule
    for each statement execute function presence.signal_change('watcher_rule');

-- ---- rules, for the server and in words ----

-- The server's C code has the same bits: enum rule_hidden. What nobody can tell the meaning of (32) is
-- hidden with each of the others; who sees the basic status alone misses everything.
create function presence.hidden_bits(basic_only boolean, without presence.presence_part[]) returns integer
    language sql immutable parallel safe
    return case when basic_only then 63
                when without = '{}' then 0
                else 32 | case when 'notes' = any (without) then 1 else 0 end
                        | case when 'activities' = any (without) then 2 else 0 end
                        | case when 'location' = any (without) then 4 else 0 end
                        | case when 'devices' = any (without) then 8 else 0 end end;
comment on function presence.hidden_bits(boolean, presence.presence_part[]) is
    'What a rule hides, as the server counts it: 1 notes, 2 activities, 4 location, 8 devices, 32 unknown extensions (as soon as anything is hidden), 63 all but the basic status.';

create function presence.hidden_text(bits integer) returns text
    language sql immutable strict parallel safe
    return case when bits = 0 then 'nothing'
                when bits & 16 <> 0 then 'everything but open or closed'
                else concat_ws(', ', case when bits & 1 <> 0 then 'notes' end,
                                     case when bits & 2 <> 0 then 'activities' end,
                                     case when bits & 4 <> 0 then 'location' end,
                                     case when bits & 8 <> 0 then 'devices' end,
                                     case when bits & 32 <> 0 then 'unknown extensions' end) end;
comment on function presence.hidden_text(integer) is 'presence.hidden_bits() in words.';

create function presence.rule_text(rule presence.watcher_rule) returns text
    language sql stable strict parallel safe
    return 'rule ' || (rule).id || ', ' || (rule).action
           || ': watcher ' || case when (rule).watcher is null then 'everyone'
                                   when (rule).watcher like '@%' then 'everyone of ' || substr((rule).watcher, 2)
                                   else (rule).watcher end
           || ', presentity ' || coalesce((rule).presentity, 'everyone of ' || (rule).domain)
           || coalesce(', event ' || (rule).event, '')
           || coalesce(', from ' || (rule).valid_from, '') || coalesce(', until ' || (rule).valid_until, '')
           || case when (rule).basic_only or (rule).without <> '{}'
                   then ', hides ' || presence.hidden_text(presence.hidden_bits((rule).basic_only, (rule).without))
                   else '' end;
comment on function presence.rule_text(presence.watcher_rule) is 'A rule for people.';

-- The server's C code does the same: see watcher_rules_judge() and its test against this function.
create function presence.deciding_rules(presentity text, watcher text, event text) returns setof presence.watcher_rule
    language sql stable
as $$
    select r.*
      from presence.watcher_rule r
      join (select f.id, rank() over (order by case when f.watcher is null then 3
                                                    when f.watcher = deciding_rules.watcher then 1
                                                    else 2 end,
                                               f.presentity is null, f.event is null) as place
              from presence.watcher_rule f
             where f.domain = presence.domain_of(deciding_rules.presentity)
               and (f.presentity is null or f.presentity = deciding_rules.presentity)
               and (f.watcher is null or f.watcher = deciding_rules.watcher
                    or f.watcher = '@' || presence.domain_of(deciding_rules.watcher))
               and (f.event = deciding_rules.event
                    or f.event is null and deciding_rules.event in ('presence', 'dialog'))
               and (f.valid_from is null or f.valid_from <= now())
               and (f.valid_until is null or f.valid_until > now())) as fitting on fitting.id = r.id
     where fitting.place = 1
     order by r.id
$$;
comment on function presence.deciding_rules(text, text, text) is
    'The rules that decide now what a watcher sees of a presentity, both as canonical AORs: one, or several of the same identity. No row: none says anything. presence.explain() says it in words.';

create function presence.explain(presentity text, watcher text, event text default 'presence',
                                 out action presence.watcher_action, out why text, out shown text,
                                 out hidden text, out rule bigint)
    language plpgsql stable
as $$
declare
    seen   text := presence.canonical_aor(explain.presentity);
    seer   text := presence.canonical_aor(explain.watcher);
    tenant presence.domain%rowtype;
    bits   integer;
begin
    select * into tenant from presence.domain d where d.name = presence.domain_of(seen);
    if not found then
        raise exception 'there is no domain %', presence.domain_of(seen) using errcode = 'foreign_key_violation';
    end if;
    if seer is null or coalesce(explain.event, '') = '' then
        raise exception 'name a watcher and an event package' using errcode = 'invalid_parameter_value';
    end if;
    if seen = seer then
        action := 'allow';
        why := 'a presentity always sees itself';
    else
        -- among equals the greatest action, and what one of those shows is shown
        select max(r.action), string_agg(presence.rule_text(r), '; ' order by r.action desc, r.id)
               || case when count(*) > 1 then '; of equal rules what lets through most prevails' else '' end
          into action, why
          from presence.deciding_rules(seen, seer, explain.event) r;
        select min(r.id), bit_and(presence.hidden_bits(r.basic_only, r.without)) into rule, bits
          from presence.deciding_rules(seen, seer, explain.event) r where r.action = explain.action;
        if action is null and explain.event in ('presence', 'dialog') then
            action := tenant.default_watcher_rule;
            why := 'no rule says anything: the default of domain ' || tenant.name;
        elsif action is null then
            action := 'block';
            why := 'event ' || explain.event || ' is for the presentity alone unless a rule names it';
        end if;
    end if;
    bits := coalesce(bits, 0);
    if tenant.suspended then
        why := why || '; but the domain is suspended: every request is refused';
    end if;
    shown := case action when 'block' then 'nothing: the subscription is refused'
                         when 'confirm' then 'nothing until the presentity decides: the subscription is pending'
                         when 'polite-block' then 'that nothing is published: the subscription seems to be accepted'
                         else case when bits = 0 then 'everything'
                                   when bits & 16 <> 0 then 'open or closed alone'
                                   else 'everything but ' || presence.hidden_text(bits) end end;
    hidden := case when action = 'allow' then presence.hidden_text(bits) else 'everything' end;
end $$;
comment on function presence.explain(text, text, text) is
    'What a watcher sees of a presentity, and which rule says so: select * from presence.explain(''alice@example.org'', ''bob@example.org'').';

-- ---- functions for people: rules ----

create function presence.rule_presentity(given text, out domain text, out presentity text)
    language plpgsql stable
as $$
declare
    canonical text := presence.canonical_aor(ltrim(given, '@'));
begin
    if canonical is null then
        raise exception 'name who is watched: an AOR, or a domain for everyone of it'
            using errcode = 'null_value_not_allowed';
    end if;
    domain := presence.domain_of(canonical);
    if not exists (select from presence.domain d where d.name = rule_presentity.domain) then
        raise exception 'there is no domain %', domain using errcode = 'foreign_key_violation';
    end if;
    presentity := nullif(canonical, domain);
end $$;
comment on function presence.rule_presentity(text) is
    'Who is watched, as the columns of presence.watcher_rule have it: alice@example.org, or example.org for everyone of the domain.';

create function presence.rule_watcher(given text) returns text
    language plpgsql immutable
as $$
declare
    canonical text;
begin
    if given is null then
        raise exception 'name who watches: an AOR, @example.net for all of a domain, or * for everyone'
            using errcode = 'null_value_not_allowed';
    end if;
    if btrim(given) = '*' then
        return null;
    end if;
    if btrim(given) like '@%' then
        return '@' || presence.canonical_aor(substr(btrim(given), 2));
    end if;
    canonical := presence.canonical_aor(given);
    if position('@' in canonical) = 0 then
        raise exception '"%" has no user part: for everyone of that domain say ''@%''', given, canonical
            using errcode = 'invalid_parameter_value';
    end if;
    return canonical;
end $$;
comment on function presence.rule_watcher(text) is
    'Who watches, as presence.watcher_rule.watcher has it: an AOR, @example.net for all of a domain, * for everyone.';

create function presence.put_rule(action presence.watcher_action, presentity text, watcher text, event text,
                                  basic_only boolean, without presence.presence_part[],
                                  valid_from timestamptz, valid_until timestamptz, comment text) returns bigint
    language plpgsql
as $$
#variable_conflict use_column
declare
    seen   record := presence.rule_presentity(put_rule.presentity);
    seer   text := presence.rule_watcher(put_rule.watcher);
    begins timestamptz := nullif(put_rule.valid_from, '-infinity');
    ends   timestamptz := nullif(put_rule.valid_until, 'infinity');
    hides  integer := presence.hidden_bits(put_rule.basic_only, put_rule.without);
    other  presence.watcher_rule;
    added  bigint;
begin
    if begins is null and ends is null then
        delete from presence.watcher_rule r
         where r.domain = seen.domain and r.presentity is not distinct from seen.presentity
           and r.watcher is not distinct from seer and r.event is not distinct from put_rule.event
           and (r.valid_from is not null or r.valid_until is not null);
    else
        select * into other from presence.watcher_rule r
         where r.domain = seen.domain and r.presentity is not distinct from seen.presentity
           and r.watcher is not distinct from seer and r.event is not distinct from put_rule.event
           and (r.valid_from is distinct from begins or r.valid_until is distinct from ends)
           and (r.valid_until is null or begins is null or r.valid_until > begins)
           and (ends is null or r.valid_from is null or r.valid_from < ends)
           and (r.action > put_rule.action
                or r.action = put_rule.action
                   and hides & ~presence.hidden_bits(r.basic_only, r.without) <> 0)
         order by r.id limit 1;
        if found then
            raise exception 'this would change nothing, for it lets through more at that time: %', presence.rule_text(other)
                using errcode = 'object_not_in_prerequisite_state',
                      hint = 'Of rules for the same presentity, watcher and event the one that lets through most prevails: remove that rule, or give it times of its own.';
        end if;
    end if;
    insert into presence.watcher_rule as r
           (domain, presentity, watcher, event, action, basic_only, without, valid_from, valid_until, comment)
    values (seen.domain, seen.presentity, seer, put_rule.event, put_rule.action, put_rule.basic_only,
            put_rule.without, begins, ends, coalesce(put_rule.comment, ''))
    on conflict (domain, coalesce(presentity, ''), coalesce(watcher, ''), coalesce(event, ''),
                 coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity'))
    do update set action = excluded.action, basic_only = excluded.basic_only,
                  without = excluded.without, comment = excluded.comment
    returning r.id into added;
    return added;
end $$;
comment on function presence.put_rule(presence.watcher_action, text, text, text, boolean, presence.presence_part[], timestamptz, timestamptz, text) is
    'What allow(), confirm(), polite_block() and block() do: puts a rule in the place of the one for the same presentity, watcher, event and times; without times also of those that have some.';

create function presence.allow(presentity text, watcher text, basic_only boolean default false,
                               without presence.presence_part[] default '{}', event text default null,
                               valid_from timestamptz default null, valid_until timestamptz default null,
                               comment text default '') returns bigint
    language sql
as $$
    select presence.put_rule('allow', allow.presentity, allow.watcher, allow.event, allow.basic_only,
                             allow.without, allow.valid_from, allow.valid_until, allow.comment)
$$;
comment on function presence.allow(text, text, boolean, presence.presence_part[], text, timestamptz, timestamptz, text) is
    'Lets a watcher see a presentity, all of it or a part, and returns the rule''s id: select presence.allow(''alice@example.org'', ''@example.net'', without => ''{location}''). Watcher * is everyone; presentity example.org is everyone of that domain. Replaces what was said of the same two before.';

create function presence.block(presentity text, watcher text, event text default null,
                               valid_from timestamptz default null, valid_until timestamptz default null,
                               comment text default '') returns bigint
    language sql
as $$
    select presence.put_rule('block', block.presentity, block.watcher, block.event, false, '{}',
                             block.valid_from, block.valid_until, block.comment)
$$;
comment on function presence.block(text, text, text, timestamptz, timestamptz, text) is
    'Refuses a watcher, and ends its subscriptions; returns the rule''s id: select presence.block(''alice@example.org'', ''bob@example.org'').';

create function presence.polite_block(presentity text, watcher text, event text default null,
                                      valid_from timestamptz default null, valid_until timestamptz default null,
                                      comment text default '') returns bigint
    language sql
as $$
    select presence.put_rule('polite-block', polite_block.presentity, polite_block.watcher, polite_block.event,
                             false, '{}', polite_block.valid_from, polite_block.valid_until, polite_block.comment)
$$;
comment on function presence.polite_block(text, text, text, timestamptz, timestamptz, text) is
    'Lets a watcher believe that it sees a presentity who shows nothing; returns the rule''s id.';

create function presence.confirm(presentity text, watcher text, event text default null,
                                 valid_from timestamptz default null, valid_until timestamptz default null,
                                 comment text default '') returns bigint
    language sql
as $$
    select presence.put_rule('confirm', confirm.presentity, confirm.watcher, confirm.event, false, '{}',
                             confirm.valid_from, confirm.valid_until, confirm.comment)
$$;
comment on function presence.confirm(text, text, text, timestamptz, timestamptz, text) is
    'Lets a watcher wait until the presentity decides, by allow() or block(); returns the rule''s id.';

create function presence.remove_rule(presentity text, watcher text, event text default null) returns bigint
    language plpgsql
as $$
declare
    seen  record := presence.rule_presentity(remove_rule.presentity);
    seer  text := presence.rule_watcher(remove_rule.watcher);
    count bigint;
begin
    delete from presence.watcher_rule r
     where r.domain = seen.domain and r.presentity is not distinct from seen.presentity
       and r.watcher is not distinct from seer and r.event is not distinct from remove_rule.event;
    get diagnostics count = row_count;
    return count;
end $$;
comment on function presence.remove_rule(text, text, text) is
    'Removes every rule for exactly this presentity, watcher and event, whatever its times; returns how many there were.';

-- ---- lists ----

create table presence.list (
    id         bigint generated always as identity primary key,
    aor        text collate "C" not null unique
               constraint aor_is_canonical
               check (aor = presence.canonical_aor(aor) and position('@' in aor) > 1),
    domain     text collate "C" generated always as (presence.domain_of(aor)) stored
               references presence.domain (name) on delete cascade,
    owner      text collate "C"
               constraint owner_is_a_canonical_aor
               check (owner = presence.canonical_aor(owner) and position('@' in owner) > 1),
    name       text not null default '',
    enabled    boolean not null default true,
    created_at timestamptz not null default now()
);
create index on presence.list (domain);
create index on presence.list (owner);
comment on table presence.list is
    'Lists that are subscribed to as one (RFC 4662): whoever subscribes to the AOR of a list hears of each of its members, as far as that member''s rules let it. No account has the AOR of a list. Make them with presence.add_list(); what is committed here takes effect at once.';
comment on column presence.list.id is 'A number that never changes.';
comment on column presence.list.aor is 'What is subscribed to, as canonical AOR.';
comment on column presence.list.domain is 'The domain of the AOR, made by the database.';
comment on column presence.list.owner is 'Who may subscribe, as canonical AOR; null: everyone of the domain.';
comment on column presence.list.name is 'Its name for display, sent to watchers.';
comment on column presence.list.enabled is 'False: as if the list were not there.';
comment on column presence.list.created_at is 'When it was added.';

create table presence.list_member (
    id       bigint generated always as identity primary key,
    list_id  bigint not null references presence.list (id) on delete cascade,
    position bigint not null default 0,
    uri      text collate "C" not null
             constraint uri_has_a_scheme_and_a_user_or_host
             check (uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:][:cntrl:]<>"]+$'),
    name     text not null default '',
    unique (list_id, uri)
);
comment on table presence.list_member is
    'The members of a list. Add them with presence.add_list_member().';
comment on column presence.list_member.id is 'A number that never changes.';
comment on column presence.list_member.list_id is 'presence.list.id.';
comment on column presence.list_member.position is 'Its place in the list: the smaller comes first, among equals the older.';
comment on column presence.list_member.uri is 'The member: sip:bob@example.org.';
comment on column presence.list_member.name is 'Its name for display, sent to watchers.';

create trigger signal_insert after insert on presence.list
    referencing new table as changed
    for each statement execute function presence.signal_change('list');
create trigger signal_update after update on presence.list
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('list');
create trigger signal_delete after delete on presence.list
    referencing old table as changed
    for each statement execute function presence.signal_change('list');
create trigger signal_truncate after truncate on presence.list
    for each statement execute function presence.signal_change('list');

create function presence.signal_list_member() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    ids   bigint[];
    first integer := 1;
begin
    if tg_op = 'TRUNCATE' then
        perform pg_notify('presence_change', 'list reload');
        return null;
    elsif tg_op = 'UPDATE' then
        ids := array(select list_id from was union select list_id from changed);
    else
        ids := array(select distinct list_id from changed);
    end if;
    if cardinality(ids) > 20000 then
        perform pg_notify('presence_change', 'list reload');
        return null;
    end if;
    -- as signal_change(): a payload holds less than 8,000 bytes
    while first <= cardinality(ids) loop
        perform pg_notify('presence_change', 'list ' || array_to_string(ids[first : first + 379], ','));
        first := first + 380;
    end loop;
    return null;
end $$;
comment on function presence.signal_list_member() is
    'Statement trigger: a list is read as one with its members, so their change is its change.';

create trigger signal_insert after insert on presence.list_member
    referencing new table as changed
    for each statement execute function presence.signal_list_member();
create trigger signal_update after update on presence.list_member
    referencing old table as was new table as changed
    for each statement execute function presence.signal_list_member();
create trigger signal_delete after delete on presence.list_member
    referencing old table as changed
    for each statement execute function presence.signal_list_member();
create trigger signal_truncate after truncate on presence.list_member
    for each statement execute function presence.signal_list_member();

-- An AOR is a list or somebody's. Both made at the same moment by two transactions slip through:
-- presence.invariant then names them, and subscriptions go to the list.
create function presence.keep_lists_and_accounts_apart() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    found_aor text;
begin
    select l.aor into found_aor
      from changed c
      join presence.list l on l.aor = c.aor
      join presence.account a on a.aor = c.aor limit 1;
    if found then
        raise exception '% cannot be an account and a list', found_aor using errcode = 'unique_violation';
    end if;
    return null;
end $$;
comment on function presence.keep_lists_and_accounts_apart() is
    'Statement trigger: an AOR is either an account''s or a list''s.';

create trigger apart_insert after insert on presence.list
    referencing new table as changed
    for each statement execute function presence.keep_lists_and_accounts_apart();
create trigger apart_update after update on presence.list
    referencing new table as changed
    for each statement execute function presence.keep_lists_and_accounts_apart();
create trigger apart_insert after insert on presence.account
    referencing new table as changed
    for each statement execute function presence.keep_lists_and_accounts_apart();
create trigger apart_update after update on presence.account
    referencing new table as changed
    for each statement execute function presence.keep_lists_and_accounts_apart();

-- ---- functions for people: lists ----

create function presence.add_list(aor text, owner text default null, name text default '') returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(add_list.aor);
    added     bigint;
begin
    if position('@' in canonical) = 0 then
        raise exception '"%" has no user part', add_list.aor using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from presence.domain d where d.name = presence.domain_of(canonical)) then
        raise exception 'there is no domain %', presence.domain_of(canonical)
            using errcode = 'foreign_key_violation';
    end if;
    insert into presence.list (aor, owner, name)
    values (canonical, presence.canonical_aor(add_list.owner), coalesce(add_list.name, ''))
    returning id into added;
    return added;
end $$;
comment on function presence.add_list(text, text, text) is
    'Adds an empty list and returns its id: select presence.add_list(''sales@example.org'', name => ''Sales''). With an owner nobody else may subscribe.';

create function presence.remove_list(aor text) returns boolean
    language plpgsql
as $$
begin
    delete from presence.list l where l.aor = presence.canonical_aor(remove_list.aor);
    return found;
end $$;
comment on function presence.remove_list(text) is 'Removes a list with its members; false when there was none.';

create function presence.member_uri(given text) returns text
    language sql immutable strict parallel safe
    return case when btrim(given, E' \t\r\n<>') ~ '^[A-Za-z][A-Za-z0-9+.-]*:' and btrim(given, E' \t\r\n<>') !~ '^[^@]*:[0-9]+$'
                then btrim(given, E' \t\r\n<>') else 'sip:' || btrim(given, E' \t\r\n<>') end;
comment on function presence.member_uri(text) is 'A member as presence.list_member.uri has it: what has no scheme is a SIP URI.';

create function presence.add_list_member(list text, uri text, name text default '') returns bigint
    language plpgsql
as $$
declare
    canonical text := presence.canonical_aor(add_list_member.list);
    its_list  bigint := (select l.id from presence.list l where l.aor = canonical for update);
    added     bigint;
begin
    if its_list is null then
        raise exception 'there is no list %', canonical using errcode = 'no_data_found';
    end if;
    insert into presence.list_member as m (list_id, position, uri, name)
    select its_list, coalesce(max(o.position), 0) + 1, presence.member_uri(add_list_member.uri),
           coalesce(add_list_member.name, '')
      from presence.list_member o where o.list_id = its_list
    on conflict on constraint list_member_list_id_uri_key do update set name = excluded.name
    returning m.id into added;
    return added;
end $$;
comment on function presence.add_list_member(text, text, text) is
    'Adds a member at the end of a list, or gives it another name; returns its id: select presence.add_list_member(''sales@example.org'', ''bob@example.org'', ''Bob'').';

create function presence.remove_list_member(list text, uri text) returns boolean
    language plpgsql
as $$
begin
    delete from presence.list_member m
     using presence.list l
     where l.aor = presence.canonical_aor(remove_list_member.list) and m.list_id = l.id
       and m.uri = presence.member_uri(remove_list_member.uri);
    return found;
end $$;
comment on function presence.remove_list_member(text, text) is
    'Takes a member out of a list; false when it was not in it.';

-- ---- phones that need their documents in another form ----

create table presence.dialect (
    id            bigint generated always as identity primary key,
    position      bigint not null default 0,
    user_agent    text not null check (user_agent !~ '[[:cntrl:]]'),
    event         text collate "C" not null default 'presence' check (event in ('presence', 'dialog')),
    plain         boolean not null default false,
    one_tuple     boolean not null default false,
    note_in_tuple boolean not null default false,
    entity_pres   boolean not null default false,
    contact       boolean not null default false,
    single_dialog boolean not null default false,
    display       boolean not null default false,
    comment       text not null default '',
    created_at    timestamptz not null default now(),
    constraint each_event_has_its_own_forms
    check (case event when 'presence' then not (single_dialog or display)
                      else not (plain or one_tuple or note_in_tuple or entity_pres or contact) end)
);
comment on table presence.dialect is
    'Watchers'' devices that need their documents in another form, by User-Agent. The first row that fits a device and an event decides: in order of position, then the oldest. What is committed here takes effect at once.';
comment on column presence.dialect.id is 'A number that never changes.';
comment on column presence.dialect.position is 'Its place among the rows: the smallest that fits decides.';
comment on column presence.dialect.user_agent is 'How the User-Agent of the device begins, in any case: Snom, or Yealink SIP-T46. Empty: every device.';
comment on column presence.dialect.event is 'The event package: presence or dialog.';
comment on column presence.dialect.plain is 'presence: RFC 3863 alone, no elements of other namespaces.';
comment on column presence.dialect.one_tuple is 'presence: one tuple, the best of all, for phones that take the first or the last for the whole truth.';
comment on column presence.dialect.note_in_tuple is 'presence: tuples without a note get the person''s or the presentity''s, else what the person does now.';
comment on column presence.dialect.entity_pres is 'presence: the entity is a pres: URI, not sip:.';
comment on column presence.dialect.contact is 'presence: tuples without a contact get the presentity, for phones that match documents by contact.';
comment on column presence.dialect.single_dialog is 'dialog: the most telling dialog alone.';
comment on column presence.dialect.display is 'dialog: names in the attribute display of RFC 4235''s text and examples, for phones that do not read display-name, as its schema has it.';
comment on column presence.dialect.comment is 'For people.';
comment on column presence.dialect.created_at is 'When it was added.';

create trigger signal_insert after insert on presence.dialect
    referencing new table as changed
    for each statement execute function presence.signal_change('dialect');
create trigger signal_update after update on presence.dialect
    referencing old table as was new table as changed
    for each statement execute function presence.signal_change('dialect');
create trigger signal_delete after delete on presence.dialect
    referencing old table as changed
    for each statement execute function presence.signal_change('dialect');
create trigger signal_truncate after truncate on presence.dialect
    for each statement execute function presence.signal_change('dialect');

-- ---- what changed while nobody could be told ----

-- A watcher's phone shows what it was told last. When a rule changes while no server runs, or the
-- server dies before it has told, the next one must tell, and not only when something is published:
-- so what people change leaves a command too, which stays until a batch carries it.
alter type presence.command_kind add value 'review';
comment on column presence.command.aor is 'For whom, as canonical AOR; for review also a domain, or empty: all.';

create function presence.review_rules() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    scopes text[];
begin
    if tg_op = 'TRUNCATE' then
        scopes := array[''];
    elsif tg_op = 'UPDATE' then
        scopes := array(select coalesce(presentity, domain) from was
                        union select coalesce(presentity, domain) from changed);
    else
        scopes := array(select distinct coalesce(presentity, domain) from changed);
    end if;
    if cardinality(scopes) > 1000 then
        scopes := array(select distinct presence.domain_of(scope) from unnest(scopes) as scope);
    end if;
    insert into presence.command (kind, aor)
    select 'review', scope from unnest(scopes) as scope order by scope;
    return null;
end $$;
comment on function presence.review_rules() is
    'Statement trigger: who watches those whom changed rules concern is told what it sees now, also by the next server.';

create function presence.review_lists() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    aors text[];
begin
    if tg_op = 'TRUNCATE' then
        aors := array[''];
    elsif tg_table_name = 'list' and tg_op = 'UPDATE' then
        aors := array(select aor from was union select aor from changed);
    elsif tg_table_name = 'list' then
        aors := array(select aor from changed);
    elsif tg_op = 'UPDATE' then
        aors := array(select l.aor from presence.list l
                       where l.id in (select list_id from was union select list_id from changed));
    else
        aors := array(select l.aor from presence.list l where l.id in (select list_id from changed));
    end if;
    insert into presence.command (kind, aor)
    select 'review', aor from unnest(aors) as aor order by aor;
    return null;
end $$;
comment on function presence.review_lists() is
    'Statement trigger: who watches a changed list is told what it holds now, also by the next server.';

create function presence.review_domains() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into presence.command (kind, aor)
    select 'review', n.name from changed n join was o on o.id = n.id
     where (o.default_watcher_rule, o.presence_policy, o.presence_from_registration)
           is distinct from (n.default_watcher_rule, n.presence_policy, n.presence_from_registration)
     order by n.name;
    return null;
end $$;
comment on function presence.review_domains() is
    'Statement trigger: who watches somebody of a domain with another policy is told what it sees now, also by the next server.';

create function presence.review_all() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into presence.command (kind, aor) values ('review', '');
    return null;
end $$;
comment on function presence.review_all() is
    'Statement trigger: all watchers are told what they see now, if it is something else, also by the next server.';

-- Triggers go by their names: the server hears of a row before it hears of the command.
create trigger then_review_insert after insert on presence.watcher_rule
    referencing new table as changed for each statement execute function presence.review_rules();
create trigger then_review_update after update on presence.watcher_rule
    referencing old table as was new table as changed
    for each statement execute function presence.review_rules();
create trigger then_review_delete after delete on presence.watcher_rule
    referencing old table as changed for each statement execute function presence.review_rules();
create trigger then_review_truncate after truncate on presence.watcher_rule
    for each statement execute function presence.review_rules();
create trigger then_review_insert after insert on presence.list
    referencing new table as changed for each statement execute function presence.review_lists();
create trigger then_review_update after update on presence.list
    referencing old table as was new table as changed
    for each statement execute function presence.review_lists();
create trigger then_review_delete after delete on presence.list
    referencing old table as changed for each statement execute function presence.review_lists();
create trigger then_review_truncate after truncate on presence.list
    for each statement execute function presence.review_lists();
create trigger then_review_insert after insert on presence.list_member
    referencing new table as changed for each statement execute function presence.review_lists();
create trigger then_review_update after update on presence.list_member
    referencing old table as was new table as changed
    for each statement execute function presence.review_lists();
create trigger then_review_delete after delete on presence.list_member
    referencing old table as changed for each statement execute function presence.review_lists();
create trigger then_review_truncate after truncate on presence.list_member
    for each statement execute function presence.review_lists();
create trigger then_review_update after update on presence.domain
    referencing old table as was new table as changed
    for each statement execute function presence.review_domains();
create trigger then_review after insert or update or delete or truncate on presence.dialect
    for each statement execute function presence.review_all();

-- Rules that began or ended meanwhile. Ten minutes are more than two clocks differ, a start takes,
-- and a server that has died may have left untold; who is told twice loses nothing.
create function presence_state.review_missed_times() returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    since timestamptz := (select max(n.heartbeat_at) from presence_state.node n where n.owns) - interval '10 minutes';
    till  timestamptz := clock_timestamp() + interval '10 minutes';
begin
    insert into presence.command (kind, aor)
    select 'review', scope
      from (select distinct coalesce(r.presentity, r.domain) as scope from presence.watcher_rule r
             where r.valid_from between since and till or r.valid_until between since and till) as passed
     order by scope;
end $$;
comment on function presence_state.review_missed_times() is
    'Has the watchers told of rules that began or ended since the last sign of life of a server.';

create or replace function presence_state.take_over(node_id bigint,
    out epoch bigint, out batch bigint, out notified_batch bigint, out secret bytea)
    language plpgsql
as $$
begin
    perform from presence_state.node n order by n.id for update;
    perform presence_state.review_missed_times();
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

-- ---- hot state ----

alter table presence_state.subscription
    add column event_params text not null default '',
    add column body_type    text not null default '',
    add column body         bytea compression lz4 not null default '',
    add column eventlist    boolean not null default false,
    add column instance     text not null default '';
comment on column presence_state.subscription.state is '0 pending, 1 active, 2 terminated (until its last NOTIFY is answered), 3 waiting (ended while pending: the presentity has still to decide).';
comment on column presence_state.subscription.event_params is 'The parameters of the last SUBSCRIBE''s Event, as given, from the first semicolon.';
comment on column presence_state.subscription.body_type is 'Content-Type of body; empty when there is none.';
comment on column presence_state.subscription.body is 'The body of the last SUBSCRIBE that had one: a filter (RFC 4661) or a list (RFC 5367).';
comment on column presence_state.subscription.eventlist is 'True: the watcher takes lists (RFC 4662).';
comment on column presence_state.subscription.instance is 'The device, when its Contact tells (RFC 5626); empty when absent.';

alter type presence.subscription_state add value 'waiting';
comment on type presence.subscription_state is 'State of a subscription, as in Subscription-State (RFC 6665), or waiting: it ended while it was pending, and the presentity has still to decide (RFC 3857).';

create or replace view presence.subscription as
select s.id, s.aor::text as aor, presence.domain_of(s.aor) as domain, s.watcher, s.event,
       nullif(s.event_id, '') as event_id,
       (enum_range(null::presence.subscription_state))[s.state + 1] as state,
       nullif(s.reason, '') as reason, s.owed, s.remote_target, s.user_agent,
       presence.flow_text(s.flow_transport, s.flow_local, s.flow_remote, s.flow_node, s.flow_connection) as flow,
       nullif(presence.readable(s.route_set), '') as route_set, nullif(s.accept, '') as accept,
       s.call_id, s.local_tag, s.remote_tag, s.remote_cseq,
       s.created_at as subscribed_at, s.updated_at, s.expires_at,
       s.expires_at - clock_timestamp() as remaining,
       nullif(s.event_params, '') as event_params, nullif(s.body_type, '') as body_type,
       nullif(presence.readable(s.body), '') as body, s.eventlist, nullif(s.instance, '') as instance
  from presence_state.subscription s;
comment on column presence.subscription.state is 'pending, active, terminated or waiting.';
comment on column presence.subscription.event_params is 'The parameters of its Event, as given.';
comment on column presence.subscription.body_type is 'The type of the body of its SUBSCRIBE.';
comment on column presence.subscription.body is 'That body: a filter or a list.';
comment on column presence.subscription.eventlist is 'True: it takes lists (RFC 4662).';
comment on column presence.subscription.instance is 'The device, when it tells (RFC 5626).';
comment on column presence.watcher.state is 'pending, active, terminated, or waiting: it ended while it was pending, and the presentity has still to decide.';

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
select 'unknown state', 'subscription ' || id from presence_state.subscription where state not between 0 and 3
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
                    where d.bucket = m.bucket and d.aor = m.aor and d.delivered_through < m.id)
union all
select 'an account and a list', l.aor from presence.list l join presence.account a on a.aor = l.aor;

-- ---- an account that goes takes along its rules and lists too ----

create or replace function presence.forget_account() returns trigger
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
    delete from presence.watcher_rule r
     where r.domain = old.domain and r.presentity = old.aor or r.watcher = old.aor;
    delete from presence.list l where l.owner = old.aor;
    insert into presence.command (kind, aor, event, target, reason)
    select 'terminate', s.aor, s.event, s.id, 'noresource' from presence_state.subscription s
     where s.bucket = presence.bucket_of(old.aor) and s.aor = old.aor order by s.id;
    insert into presence.command (kind, aor, event, target)
    select 'unpublish', p.aor, p.event, p.id from presence_state.publication p
     where p.bucket = presence.bucket_of(old.aor) and p.aor = old.aor order by p.id;
    return null;
end $$;
comment on function presence.forget_account() is
    'Trigger at the commit that removes an account: its contacts are unregistered, its kept messages taken back, its devices, rules and lists forgotten; who watches it is told so (noresource), and what it has published is removed.';

-- One look for all accounts that a statement removes: subscriptions are not found by who watches.
create function presence.forget_watchers() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into presence.command (kind, aor, event, target, reason)
    select 'terminate', s.aor, s.event, s.id, 'rejected'
      from presence_state.subscription s join gone on gone.aor = s.watcher where s.aor <> s.watcher order by s.id;
    return null;
end $$;
comment on function presence.forget_watchers() is
    'Trigger: who is no more watches nobody any more.';

create trigger forget_watchers after delete on presence.account
    referencing old table as gone
    for each statement execute function presence.forget_watchers();

-- ---- who may what ----

revoke all on function presence.review_rules(), presence.review_lists(), presence.review_domains(),
    presence.review_all(), presence_state.review_missed_times() from public;
grant execute on function presence_state.review_missed_times() to presence_server;
revoke all on function presence.hidden_bits(boolean, presence.presence_part[]), presence.hidden_text(integer),
    presence.rule_text(presence.watcher_rule), presence.deciding_rules(text, text, text),
    presence.explain(text, text, text), presence.rule_presentity(text), presence.rule_watcher(text),
    presence.put_rule(presence.watcher_action, text, text, text, boolean, presence.presence_part[], timestamptz, timestamptz, text),
    presence.allow(text, text, boolean, presence.presence_part[], text, timestamptz, timestamptz, text),
    presence.block(text, text, text, timestamptz, timestamptz, text),
    presence.polite_block(text, text, text, timestamptz, timestamptz, text),
    presence.confirm(text, text, text, timestamptz, timestamptz, text),
    presence.remove_rule(text, text, text), presence.signal_list_member(),
    presence.keep_lists_and_accounts_apart(), presence.forget_watchers(), presence.add_list(text, text, text), presence.remove_list(text),
    presence.member_uri(text), presence.add_list_member(text, text, text), presence.remove_list_member(text, text)
    from public;
grant execute on function presence.hidden_bits(boolean, presence.presence_part[]), presence.hidden_text(integer),
    presence.rule_text(presence.watcher_rule), presence.deciding_rules(text, text, text),
    presence.explain(text, text, text)
    to presence_server, presence_admin, presence_reader;
grant execute on function presence.rule_presentity(text), presence.rule_watcher(text),
    presence.put_rule(presence.watcher_action, text, text, text, boolean, presence.presence_part[], timestamptz, timestamptz, text),
    presence.allow(text, text, boolean, presence.presence_part[], text, timestamptz, timestamptz, text),
    presence.block(text, text, text, timestamptz, timestamptz, text),
    presence.polite_block(text, text, text, timestamptz, timestamptz, text),
    presence.confirm(text, text, text, timestamptz, timestamptz, text),
    presence.remove_rule(text, text, text), presence.add_list(text, text, text), presence.remove_list(text),
    presence.member_uri(text), presence.add_list_member(text, text, text), presence.remove_list_member(text, text)
    to presence_admin;
grant select on presence.watcher_rule, presence.list, presence.list_member, presence.dialect
    to presence_server, presence_reader;
grant select, insert, update, delete, truncate on presence.watcher_rule, presence.list, presence.list_member,
    presence.dialect to presence_admin;
