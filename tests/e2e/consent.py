"""consent.py - who may see whom, as rules in SQL say, on subscriptions that live."""
import os
import re
import time

import agent
from agent import DOMAIN, Peer, accounts, check, equal, eventually, find, restart, run, sql

ASKS, NEXT, SEEN, DEFAULT = 'asks.example', 'example.net', 'seen.example', 'default.example'
PIDF = 'application/pidf+xml'
NAMESPACES = ('xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
              ' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"'
              ' xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc" xmlns:x="urn:example:x"')
taken = {}  # of each domain's accounts
Peer.number = 1 << 20  # so that all tokens have one length


def document(note, entity='sip:x@example.org'):
    return ('<presence %s entity="%s"><tuple id="t"><status><basic>open</basic></status>'
            '<contact>sip:desk@example.org</contact><note>%s</note></tuple></presence>' % (NAMESPACES, entity, note))


def rich(note='secret-note'):
    """Something of each kind that a rule can hide."""
    return ('<presence %s entity="sip:x@example.org"><tuple id="t"><status><basic>open</basic><gp:geopriv>'
            '<gp:location-info><cl:civicAddress><cl:country>DE</cl:country><cl:A3>secret-town</cl:A3></cl:civicAddress>'
            '</gp:location-info><gp:usage-rules/></gp:geopriv></status><x:thing>secret-thing</x:thing>'
            '<contact>sip:desk@example.org</contact><note>%s</note></tuple>'
            '<dm:person id="p"><r:activities><r:meeting/></r:activities><dm:note>secret-person</dm:note></dm:person>'
            '<dm:device id="d"><dm:deviceID>urn:secret-device</dm:deviceID></dm:device></presence>' %
            (NAMESPACES, note))


KINDS = {'notes': ('secret-note', 'secret-person'), 'activities': ('meeting',), 'location': ('secret-town',),
         'devices': ('secret-device',), None: ('secret-thing',)}


def device(domain=DOMAIN):
    """Of an account that nobody has used."""
    taken[domain] = taken.get(domain, -1) + 1
    return Peer('u%03d' % taken[domain], domain=domain)


def publishing(body, domain=DOMAIN):
    """A presentity that shows this."""
    presentity = device(domain)
    presentity.etag = presentity.publish('presence', PIDF, body)['SIP-ETag']
    check(presentity.etag, 'it is published')
    return presentity


def shows_another(presentity, body):
    presentity.etag = presentity.publish('presence', PIDF, body, etag=presentity.etag)['SIP-ETag']
    check(presentity.etag, 'it is published')


def name(aor):
    return aor.aor[4:] if isinstance(aor, Peer) else aor


def rule(action, presentity, watcher, more=''):
    return sql("select presence.%s('%s', '%s'%s)" % (action, name(presentity), name(watcher), more))


def default(domain, action):
    sql("update presence.domain set default_watcher_rule = '%s' where name = '%s'" % (action, domain))


def explained(presentity, watcher, action, *words, event='presence'):
    said = sql("select action, why, shown, hidden from presence.explain('%s', '%s', '%s')" %
               (name(presentity), name(watcher), event))
    equal(said.split('|')[0], action, 'explain():', said)
    for word in words:
        check(word in said, 'explain() does not say', word, 'but', said)


def told(watch, state, *texts, within=agent.SOON):
    """The next NOTIFY is of that state and has these texts."""
    notify = watch.next(within)
    check(notify.state.startswith(state), 'wanted', state, 'got', notify.state, notify.body)
    for text in texts:
        check(text.encode() in notify.body, 'no', text, 'in', notify.body)
    return notify


def fetched(watcher, presentity, holds=lambda notify: True, event='presence', headers=()):
    """A NOTIFY of which that holds, when what was just committed is live: so the next is judged by it."""
    found = []

    def comes():
        fetch = watcher.subscribe(presentity.aor, event, headers, expires=0)
        found[:] = [fetch.next()] if fetch.status == 200 else []
        return found and holds(found[0])

    eventually(comes)
    return found[0]


def shows_nothing(notify):
    """As of someone who has published nothing; who waits is told that it does."""
    waits = ['Pending: waits for permission to see more'] if notify.state.startswith('pending') else []
    check(b'open' not in notify.body and b'secret' not in notify.body, notify.body)
    equal([note.text for note in find(notify.root, '//p:note')], waits)


def terminated(watch, reason):
    notify = told(watch, 'terminated')
    check(notify.state == 'terminated;reason=' + reason, 'wanted', reason, 'got', notify.state)
    check(b'secret' not in notify.body, notify.body)
    watch.silent(0.1)
    equal(watch.ask(), 481)
    return notify


# ---- what each action does, at once ----

def a_default_of_confirm_leaves_a_watcher_pending_and_shows_nothing():
    alice, bob = publishing(document('secret'), ASKS), device(ASKS)
    watch = bob.subscribe(alice.aor)
    equal(watch.status, 200)
    shows_nothing(told(watch, 'pending;expires='))
    explained(alice, bob, 'confirm', 'no rule says anything: the default of domain ' + ASKS, 'pending')
    shows_another(alice, document('secret, changed'))
    watch.silent()
    equal(watch.ask(), 200)
    shows_nothing(told(watch, 'pending;expires='))
    equal(sql("select state from presence.watcher where watcher = '%s'" % name(bob)), 'pending')


def allow_makes_it_active_with_full_state_within_100_ms():
    best = 9.0
    for _ in range(3):
        alice, bob = publishing(document('secret'), ASKS), device(ASKS)
        watch = bob.subscribe(alice.aor)
        told(watch, 'pending')
        rule('allow', alice, bob)
        begun = time.monotonic()
        told(watch, 'active;expires=', 'secret')
        best = min(best, time.monotonic() - begun)
        explained(alice, bob, 'allow', 'watcher ' + name(bob), 'everything', 'nothing')
        shows_another(alice, document('and more'))
        told(watch, 'active', 'and more')
    check(best < 0.1, 'it took %.0f ms' % (1000 * best))


def block_ends_it_with_rejected_and_refuses_the_next():
    alice, bob = publishing(document('seen')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    rule('block', alice, bob)
    terminated(watch, 'rejected')
    explained(alice, bob, 'block', 'watcher ' + name(bob), 'refused')
    equal(bob.subscribe(alice.aor).status, 403)
    equal(bob.subscribe(alice.aor, expires=0).status, 403)
    eventually(lambda: sql("select 1 from presence.watcher where watcher = '%s'" % name(bob)) == '', 'no row')


def block_ends_a_pending_one_with_rejected():
    alice, bob = publishing(document('secret'), ASKS), device(ASKS)
    watch = bob.subscribe(alice.aor)
    told(watch, 'pending')
    rule('block', alice, bob)
    terminated(watch, 'rejected')


def confirm_ends_an_active_one_with_deactivated_and_the_next_is_pending():
    alice, bob = publishing(document('seen')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    rule('confirm', alice, bob)
    terminated(watch, 'deactivated')
    explained(alice, bob, 'confirm', 'confirm: watcher ' + name(bob), 'pending')
    watch = bob.subscribe(alice.aor)
    shows_nothing(told(watch, 'pending'))
    sql("select presence.remove_rule('%s', '%s')" % (name(alice), name(bob)))
    told(watch, 'active', 'seen')
    explained(alice, bob, 'allow', 'the default of domain')


def a_presentity_sees_itself_whatever_rules_say():
    alice = publishing(document('myself'))
    rule('block', alice, '*')
    rule('block', alice, alice)
    rule('block', alice, alice, ", event => 'presence.winfo'")
    bob = device()
    eventually(lambda: bob.subscribe(alice.aor, expires=0).status == 403, 'the first rule is live')
    watch = alice.subscribe(alice.aor)
    told(watch, 'active', 'myself')
    explained(alice, alice, 'allow', 'a presentity always sees itself', 'everything')
    equal(alice.subscribe(alice.aor, 'presence.winfo').status, 200)
    explained(alice, alice, 'allow', 'a presentity always sees itself', event='presence.winfo')


# ---- polite-block ----

def masked(message, *own):
    """All its octets but what names the dialog and the transaction, which have their length."""
    text = '\n'.join([message.first] + ['%s: %s' % header for header in message.headers]) + '\n\n' + message.body.decode()
    if message.status:
        text = re.sub(r'branch=[^;]+', 'branch=', text)  # our own, of any length
    for mask in (r'branch=[^;\s]+', r'tag=[^;\s>]+', r'(?<=<sip:)[^@>]+(?=@127)', r'(?<=call-id: ).*', r'127\.0\.0\.1:\d+', r'(?<=rport=)\d+',
                 r'(?<=expires[=:])\d+', r'(?<=sip:)[^@]+(?=@127\S* SIP/2)') + own:
        text = re.sub(mask, lambda found: '*' * len(found[0]), text)
    return text


def politely(alice, goes_offline, event='presence', headers=()):
    """What a politely blocked watcher is told, and the same when there is really nothing to see."""
    seen = []
    for blocked in (True, False):
        bob = device(alice.domain)
        if blocked:
            rule('polite_block', alice, bob)
        else:
            goes_offline()
        fetched(bob, alice, lambda notify: b'open' not in notify.body and b'secret' not in notify.body, event)
        watch = bob.subscribe(alice.aor, event, headers)
        all_of_it = [masked(watch.response, bob.user), masked(told(watch, 'active'), bob.user)]
        watch.ask(headers, expires=500)
        all_of_it += [masked(watch.response, bob.user), masked(told(watch, 'active'), bob.user)]
        fetch = bob.subscribe(alice.aor, event, headers, expires=0)
        all_of_it += [masked(fetch.response, bob.user), masked(told(fetch, 'terminated'), bob.user)]
        watch.ask(headers, expires=0)
        all_of_it += [masked(watch.response, bob.user), masked(told(watch, 'terminated'), bob.user)]
        seen.append(all_of_it)
    for blocked, offline in zip(*seen):
        equal(blocked, offline)
        check('secret' not in blocked)


def a_politely_blocked_watcher_sees_octet_for_octet_an_offline_presentity():
    alice = publishing(document('secret'))
    politely(alice, lambda: equal(alice.publish('presence', '', b'', alice.etag, expires=0).status, 200))


def nor_do_partial_documents_tell_the_two_apart():
    alice = publishing(document('secret'))
    politely(alice, lambda: equal(alice.publish('presence', '', b'', alice.etag, expires=0).status, 200),
             headers=['Accept: application/pidf-diff+xml, application/pidf+xml;q=0.5'])


def nor_does_a_registration_that_counts_as_presence():
    sql("update presence.domain set presence_from_registration = true where name = '%s'" % SEEN)
    alice = device(SEEN)
    equal(alice.register(['<sip:secret@127.0.0.1:9>']).status, 200)
    watch = device(SEEN).subscribe(alice.aor)
    eventually(lambda: b'open' in watch.next().body, 'who is registered is open')
    politely(alice, lambda: equal(alice.register(['*'], expires=0, cseq=5).status, 200))


def nor_does_another_policy_of_composition():
    sql("update presence.domain set presence_policy = 'single' where name = '%s'" % NEXT)
    alice = publishing(document('secret'), NEXT)
    politely(alice, lambda: equal(alice.publish('presence', '', b'', alice.etag, expires=0).status, 200))
    sql("update presence.domain set presence_policy = default where name = '%s'" % NEXT)


def nor_do_dialogs():
    alice = device()
    kind = 'application/dialog-info+xml'
    published = alice.publish('dialog', kind, '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0"'
                              ' state="full" entity="%s"><dialog id="secret"><state>confirmed</state></dialog>'
                              '</dialog-info>' % alice.aor)
    equal(published.status, 200)
    politely(alice, lambda: equal(alice.publish('dialog', '', b'', published['SIP-ETag'], expires=0).status, 200), 'dialog')


def a_politely_blocked_watcher_hears_of_no_change():
    alice, bob = publishing(document('seen')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    rule('polite_block', alice, bob)
    shows_nothing(told(watch, 'active;expires='))
    explained(alice, bob, 'polite-block', 'seems to be accepted', 'that nothing is published')
    shows_another(alice, document('secret'))
    watch.silent()
    equal(watch.ask(), 200)
    shows_nothing(told(watch, 'active;expires='))
    rule('allow', alice, bob)
    told(watch, 'active', 'secret')


def a_pending_watcher_who_is_politely_blocked_becomes_active_and_sees_nothing():
    alice, bob = publishing(document('secret'), ASKS), device(ASKS)
    watch = bob.subscribe(alice.aor)
    told(watch, 'pending')
    rule('polite_block', alice, bob)
    shows_nothing(told(watch, 'active;expires='))


# ---- what is shown ----

def sees(notify, hidden):
    for kind, texts in KINDS.items():
        for text in texts:
            equal(text.encode() in notify.body, kind not in hidden, kind, text, 'with', hidden, 'hidden in', notify.body)


def what_a_rule_leaves_out_is_not_shown():
    alice, bob = publishing(rich()), device()
    watch = bob.subscribe(alice.aor)
    sees(told(watch, 'active', 'open'), ())
    for kind in ('notes', 'activities', 'location', 'devices'):
        rule('allow', alice, bob, ", without => '{%s}'" % kind)
        sees(told(watch, 'active', 'open'), (kind, None))
        explained(alice, bob, 'allow', 'everything but %s, unknown extensions' % kind)
    rule('allow', alice, bob, ", without => '{notes,location}'")
    sees(told(watch, 'active', 'open'), ('notes', 'location', None))
    shows_another(alice, rich('secret-note, changed'))
    watch.silent()
    rule('allow', alice, bob)
    sees(told(watch, 'active', 'secret-note, changed'), ())


def basic_only_shows_open_or_closed_alone():
    alice, bob = publishing(rich()), device()
    rule('allow', alice, bob, ', basic_only => true')
    sees(fetched(bob, alice, lambda notify: b'secret' not in notify.body), tuple(KINDS))
    watch = bob.subscribe(alice.aor)
    notify = told(watch, 'active', 'open')
    sees(notify, tuple(KINDS))
    check(b'desk@' not in notify.body, notify.body)
    explained(alice, bob, 'allow', 'open or closed alone', 'everything but open or closed')
    shows_another(alice, rich('another'))
    watch.silent()
    sees(told(bob.subscribe(alice.aor, expires=0), 'terminated', 'open'), tuple(KINDS))


def of_equal_rules_what_one_shows_is_shown():
    alice, bob = publishing(rich()), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active')
    sql("select presence.allow('%s', '%s', without => '{notes}')" % (name(alice), name(bob)))
    sees(told(watch, 'active'), ('notes', None))
    sql("insert into presence.watcher_rule (domain, presentity, watcher, action, without, valid_until)"
        " values ('%s', '%s', '%s', 'allow', '{location}', now() + interval '1 hour')" % (DOMAIN, name(alice), name(bob)))
    sees(told(watch, 'active'), (None,))  # each hides what the other shows; neither shows unknown ones
    explained(alice, bob, 'allow', 'of equal rules what lets through most prevails')


def what_is_hidden_is_hidden_whatever_causes_the_notify():
    alice, bob = device(), device()
    rule('allow', alice, bob, ", without => '{notes,activities,location,devices}'")
    sql("select presence.publish('%s', '%s')" % (name(alice), rich('secret-note, by SQL')))
    watch = bob.subscribe(alice.aor)
    watch.until(lambda notify: b'open' in notify.body and b'secret' not in notify.body)

    def shows_cleanly(contact):
        sees(watch.until(lambda notify: sees(notify, tuple(KINDS)) or contact in notify.body.decode()), tuple(KINDS))

    def moved(contact):
        return rich('secret-note, of ' + contact).replace('desk@', contact).replace('"t"', '"t-%s"' % contact)

    alice.etag = alice.publish('presence', PIDF, moved('one@'))['SIP-ETag']
    shows_cleanly('one@')
    shows_another(alice, moved('two@'))
    shows_cleanly('two@')
    equal(watch.ask(), 200)
    shows_cleanly('two@')
    equal(alice.publish('presence', PIDF, moved('brief@'), expires=1).status, 200)
    shows_cleanly('brief@')
    sees(watch.next(), tuple(KINDS))  # it expired
    with_server_away("select presence.publish('%s', '%s')" % (name(alice), moved('away@')))
    shows_cleanly('away@')
    sees(told(bob.subscribe(alice.aor, expires=0), 'terminated', 'open'), tuple(KINDS))
    watch.ask(expires=0)
    sees(watch.until(lambda notify: notify.state.startswith('terminated')), tuple(KINDS))


def who_a_publication_says_it_is_about_does_not_count():
    alice, bob, carol = publishing(document('mine', 'sip:carol@example.org')), device(), device()
    equal(told(bob.subscribe(alice.aor), 'active', 'mine').root.get('entity'), alice.aor)
    shows_nothing(told(bob.subscribe(carol.aor), 'active'))
    forged = alice.publish('presence', PIDF, document('forged'), aor=carol.aor)
    equal(forged.status, 403)
    shows_nothing(told(bob.subscribe(carol.aor), 'active'))


# ---- for whom ----

def the_watcher_itself_decides_before_its_domain_and_that_before_everyone():
    alice = publishing(document('seen'))
    near, far, other = device(), device(NEXT), device(NEXT)
    watches = [each.subscribe(alice.aor) for each in (near, far, other)]
    for watch in watches:
        told(watch, 'active', 'seen')
    rule('block', alice, '*')
    for watch in watches:
        terminated(watch, 'rejected')
    explained(alice, near, 'block', 'watcher everyone, presentity ' + name(alice))
    rule('allow', alice, '@' + NEXT)
    explained(alice, far, 'allow', 'everyone of ' + NEXT)
    equal(near.subscribe(alice.aor).status, 403)
    fetched(far, alice)
    watches = [each.subscribe(alice.aor) for each in (far, other)]
    for watch in watches:
        told(watch, 'active', 'seen')
    rule('block', alice, far)
    terminated(watches[0], 'rejected')
    watches[1].silent()
    explained(alice, far, 'block', 'watcher ' + name(far))
    explained(alice, other, 'allow', 'everyone of ' + NEXT)
    rule('polite_block', alice, '@' + NEXT)
    shows_nothing(told(watches[1], 'active'))


def a_rule_for_everyone_of_a_domain_gives_way_to_the_presentity_s_own():
    alice, carol, bob = publishing(document('a'), SEEN), publishing(document('c'), SEEN), device(SEEN)
    watches = [bob.subscribe(each.aor) for each in (alice, carol)]
    for watch in watches:
        told(watch, 'active')
    rule('allow', alice, bob)
    rule('block', SEEN, bob)
    terminated(watches[1], 'rejected')
    watches[0].silent()
    explained(carol, bob, 'block', 'presentity everyone of ' + SEEN)
    explained(alice, bob, 'allow', 'presentity ' + name(alice))


# ---- when ----

def a_rule_counts_from_its_begin_to_its_end():
    alice, bob = publishing(document('timed'), ASKS), device(ASKS)
    watch = bob.subscribe(alice.aor)
    told(watch, 'pending')
    begun = time.monotonic()
    rule('allow', alice, bob, ", valid_from => now() + interval '1 s', valid_until => now() + interval '2.5 s'")
    explained(alice, bob, 'confirm', 'the default of domain')
    told(watch, 'active', 'timed')
    check(0.9 < time.monotonic() - begun < 1.4, 'it began after %.2f s' % (time.monotonic() - begun))
    explained(alice, bob, 'allow', 'from ', 'until ')
    terminated(watch, 'deactivated')
    check(2.3 < time.monotonic() - begun < 3.1, 'it ended after %.2f s' % (time.monotonic() - begun))
    explained(alice, bob, 'confirm', 'the default of domain')
    told(bob.subscribe(alice.aor), 'pending')


def a_rule_whose_time_is_changed_counts_anew():
    alice, bob = publishing(document('timed')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active')
    rule('polite_block', alice, bob, ", valid_until => now() + interval '1 hour'")
    shows_nothing(told(watch, 'active'))
    sql("update presence.watcher_rule set valid_until = now() where watcher = '%s'" % name(bob))
    told(watch, 'active', 'timed')


# ---- the domain's default ----

def another_default_of_the_domain_acts_at_once():
    alice, bob = publishing(document('seen'), DEFAULT), device(DEFAULT)
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    default(DEFAULT, 'confirm')
    terminated(watch, 'deactivated')
    explained(alice, bob, 'confirm', 'the default of domain ' + DEFAULT)
    watch = bob.subscribe(alice.aor)
    told(watch, 'pending')
    default(DEFAULT, 'allow')
    told(watch, 'active', 'seen')
    default(DEFAULT, 'polite-block')
    shows_nothing(told(watch, 'active'))
    explained(alice, bob, 'polite-block', 'the default of domain ' + DEFAULT)
    default(DEFAULT, 'block')
    terminated(watch, 'rejected')
    explained(alice, bob, 'block', 'the default of domain ' + DEFAULT)
    equal(bob.subscribe(alice.aor).status, 403)
    equal(alice.subscribe(alice.aor).status, 200)


# ---- other packages ----

def what_is_for_the_presentity_alone_needs_a_rule_that_names_it():
    alice, bob = device(), device()
    rule('allow', alice, bob)
    for event in ('presence.winfo', 'dialog.winfo', 'message-summary', 'reg'):
        explained(alice, bob, 'block', 'is for the presentity alone unless a rule names it', event=event)
        equal(bob.subscribe(alice.aor, event).status, 403, event)
        told(alice.subscribe(alice.aor, event), 'active')
        rule('allow', alice, bob, ", event => '%s'" % event)
        eventually(lambda: setattr(bob, 'watch', bob.subscribe(alice.aor, event)) or bob.watch.status == 200, event)
        told(bob.watch, 'active')
        explained(alice, bob, 'allow', 'event ' + event, event=event)
        sql("select presence.remove_rule('%s', '%s', '%s')" % (name(alice), name(bob), event))
        terminated(bob.watch, 'rejected')


def a_rule_for_one_event_says_nothing_of_another():
    alice, bob = publishing(document('seen')), device()
    rule('block', alice, bob, ", event => 'dialog'")
    eventually(lambda: bob.subscribe(alice.aor, 'dialog').status == 403)
    told(bob.subscribe(alice.aor), 'active', 'seen')
    explained(alice, bob, 'block', 'event dialog', event='dialog')
    explained(alice, bob, 'allow', 'the default of domain')


# ---- who is no more ----

def a_presentity_that_is_no_more_is_noresource():
    alice, bob = publishing(document('seen')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    sql("select presence.remove_account('%s')" % name(alice))
    terminated(watch, 'noresource')
    equal(bob.subscribe(alice.aor).status, 404)


def a_watcher_that_is_no_more_sees_nothing_more():
    alice, bob = publishing(document('seen')), device()
    watch = bob.subscribe(alice.aor)
    told(watch, 'active', 'seen')
    sql("select presence.remove_account('%s')" % name(bob))
    told(watch, 'terminated')
    shows_another(alice, document('secret'))
    watch.silent()
    eventually(lambda: sql("select 1 from presence.watcher where watcher = '%s'" % name(bob)) == '', 'no row')


# ---- while the server is away ----

def what_was_decided_while_the_server_was_away_holds_when_it_is_back():
    kept, waits, shut, polite = publishing(document('kept')), device(ASKS), publishing(document('shut')), device()
    asked = publishing(document('asked'), ASKS)
    bob = device()
    watches = [bob.subscribe(kept.aor), waits.subscribe(asked.aor), bob.subscribe(shut.aor), polite.subscribe(kept.aor)]
    for watch, state in zip(watches, ('active', 'pending', 'active', 'active')):
        told(watch, state)
    # What changed just before may be owed when the server is back: that must decide nothing.
    shows_another(shut, document('secret'))
    shows_another(asked, document('asked, changed'))
    with_server_away("select presence.allow('%s', '%s')" % (name(asked), name(waits)),
                     "select presence.block('%s', '%s')" % (name(shut), name(bob)),
                     "select presence.polite_block('%s', '%s')" % (name(kept), name(polite)))
    watches[1].until(lambda notify: notify.state.startswith('active') and b'asked, changed' in notify.body)
    last = watches[2].until(lambda notify: notify.state.startswith('terminated'))
    equal(last.state, 'terminated;reason=rejected')
    shows_another(kept, document('secret'))
    check(b'secret' in watches[0].until(lambda notify: b'secret' in notify.body).body)
    while not watches[3].inbox.empty():
        shows_nothing(watches[3].next())


def with_server_away(*statements):
    """The server is killed, these are carried out by the script, and it is started."""
    with open(os.path.join(agent.DIR, 'away.sql'), 'w', encoding='ascii') as away:
        away.write(';\n'.join(statements) + ';\n')
    restart()


def nothing_is_left_in_disorder():
    agent.no_invariant_is_broken()


sql(*["select presence.add_domain('%s')" % domain for domain in (ASKS, NEXT, SEEN, DEFAULT)])
default(ASKS, 'confirm')
for each in (DOMAIN, ASKS, NEXT, SEEN, DEFAULT):
    accounts(*['u%03d' % number for number in range(70)], domain=each)
run(a_default_of_confirm_leaves_a_watcher_pending_and_shows_nothing,
    allow_makes_it_active_with_full_state_within_100_ms,
    block_ends_it_with_rejected_and_refuses_the_next,
    block_ends_a_pending_one_with_rejected,
    confirm_ends_an_active_one_with_deactivated_and_the_next_is_pending,
    a_presentity_sees_itself_whatever_rules_say,
    a_politely_blocked_watcher_sees_octet_for_octet_an_offline_presentity,
    nor_do_partial_documents_tell_the_two_apart,
    nor_does_a_registration_that_counts_as_presence,
    nor_does_another_policy_of_composition,
    nor_do_dialogs,
    a_politely_blocked_watcher_hears_of_no_change,
    a_pending_watcher_who_is_politely_blocked_becomes_active_and_sees_nothing,
    what_a_rule_leaves_out_is_not_shown,
    basic_only_shows_open_or_closed_alone,
    of_equal_rules_what_one_shows_is_shown,
    what_is_hidden_is_hidden_whatever_causes_the_notify,
    who_a_publication_says_it_is_about_does_not_count,
    the_watcher_itself_decides_before_its_domain_and_that_before_everyone,
    a_rule_for_everyone_of_a_domain_gives_way_to_the_presentity_s_own,
    a_rule_counts_from_its_begin_to_its_end,
    a_rule_whose_time_is_changed_counts_anew,
    another_default_of_the_domain_acts_at_once,
    what_is_for_the_presentity_alone_needs_a_rule_that_names_it,
    a_rule_for_one_event_says_nothing_of_another,
    a_presentity_that_is_no_more_is_noresource,
    a_watcher_that_is_no_more_sees_nothing_more,
    what_was_decided_while_the_server_was_away_holds_when_it_is_back,
    nothing_is_left_in_disorder)
