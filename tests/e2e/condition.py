"""condition.py - watchers who say what they know already (RFC 5839)."""
import agent
from agent import DOMAIN, Peer, accounts, check, equal, eventually, find, restart, run, sql

PIDF, DIFF = 'application/pidf+xml', 'application/pidf-diff+xml'
taken = [-1]


def device():
    taken[0] += 1
    return Peer('u%03d' % taken[0])


def document(note):
    return ('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:x@example.org"><tuple id="t"><status>'
            '<basic>open</basic></status><note>%s</note></tuple></presence>' % note)


def publishing(note):
    presentity = device()
    shows(presentity, note)
    return presentity


def shows(presentity, note):
    published = presentity.publish('presence', PIDF, document(note), etag=getattr(presentity, 'etag', None))
    equal(published.status, 200)
    presentity.etag = published['SIP-ETag']


def told(watch, *texts, state='active'):
    """The next NOTIFY, with its entity-tag; it has a body."""
    notify = watch.next()
    check(notify.state.startswith(state), notify.state)
    equal(len(notify.all('SIP-ETag')), 1)
    check(notify['SIP-ETag'] not in ('', '*'))
    for text in texts:
        check(text.encode() in notify.body, 'no', text, 'in', notify.body)
    notify.tag = notify['SIP-ETag']
    return notify


def told_without_body(watch, tag, state='active'):
    """Section 6.2: no Content-Type, length 0, and the entity-tag as it was."""
    notify = watch.next()
    check(notify.state.startswith(state), notify.state)
    equal((notify['SIP-ETag'], notify.all('Content-Type'), notify['Content-Length'], notify.body), (tag, [], '0', b''))


def unless(tag):
    return ['Suppress-If-Match: ' + tag]


def remaining(watch):
    return int(sql("select extract(epoch from remaining)::int from presence.subscription where call_id = '%s'" %
                   watch.call_id))


# ---- section 6.1 ----

def each_notify_has_the_entity_tag_of_what_it_shows():
    alice, bob, carol = publishing('one'), device(), device()
    watch, other = bob.subscribe(alice.aor), carol.subscribe(alice.aor)
    first = told(watch, 'one')
    equal(told(other, 'one').tag, first.tag, 'of two watchers who see the same')
    shows(alice, 'two')
    second = told(watch, 'two')
    check(second.tag != first.tag)
    equal(told(bob.subscribe(alice.aor, expires=0), 'two', state='terminated').tag, second.tag)
    shows(alice, 'one')
    told(watch, 'one')
    watch.ask(expires=0)
    told(watch, 'one', state='terminated')


def another_view_has_another_entity_tag():
    alice, bob, carol = publishing('secret'), device(), device()
    seen = told(bob.subscribe(alice.aor), 'secret')
    sql("select presence.allow('%s', '%s', without => '{notes}')" % (alice.aor[4:], carol.aor[4:]))
    eventually(lambda: b'secret' not in told(carol.subscribe(alice.aor, expires=0), state='terminated').body)
    told(carol.subscribe(alice.aor, headers=unless(seen.tag)), 'open')  # what she knows is not what she sees


# ---- section 6.3: in the dialog ----

def a_refresh_that_matches_gets_204_and_no_notify():
    alice, bob = publishing('one'), device()
    watch = bob.subscribe(alice.aor)
    tag = told(watch, 'one').tag
    equal(watch.ask(unless(tag), expires=1000), 204)
    equal(watch.response['Expires'], '1000')
    check(watch.response['Contact'] and 'tag=' in watch.response['To'])
    check(990 < remaining(watch) <= 1000, 'the row has the new time')
    watch.silent()
    shows(alice, 'two')
    tag = told(watch, 'two').tag
    equal(watch.ask(unless('*'), expires=900), 204)
    watch.silent()
    check(890 < remaining(watch) <= 900)
    equal(watch.ask(unless(tag)), 204)
    watch.silent()


def a_refresh_that_does_not_match_gets_full_state():
    alice, bob = publishing('one'), device()
    watch = bob.subscribe(alice.aor)
    old = told(watch, 'one').tag
    for tag in ('nonsense', old[:-1], old.upper() + 'x'):
        equal(watch.ask(unless(tag)), 200)
        equal(told(watch, 'one').tag, old)
    shows(alice, 'two')
    told(watch, 'two')
    equal(watch.ask(unless(old)), 200)
    told(watch, 'two')
    watch.silent()


def a_change_after_a_204_is_told():
    alice, bob = publishing('one'), device()
    watch = bob.subscribe(alice.aor)
    tag = told(watch, 'one').tag
    for note in ('two', 'three'):
        equal(watch.ask(unless(tag)), 204)
        shows(alice, note)
        tag = told(watch, note).tag
    watch.silent()


def an_end_that_matches_is_the_end_without_another_word():
    alice, bob = publishing('one'), device()
    for tag in (None, '*'):
        watch = bob.subscribe(alice.aor)
        tag = tag or told(watch, 'one').tag
        if tag == '*':
            told(watch, 'one')
        equal(watch.ask(unless(tag), expires=0), 204)  # section 5.7
        watch.silent()
        equal(watch.ask(), 481)
    eventually(lambda: sql("select 1 from presence.subscription where watcher = '%s'" % bob.aor[4:]) == '')
    watch = bob.subscribe(alice.aor)
    told(watch, 'one')
    equal(watch.ask(unless('nonsense'), expires=0), 200)
    told(watch, 'one', state='terminated;reason=timeout')


def a_refresh_of_one_who_is_pending_is_told_its_state():
    alice, bob = publishing('secret'), device()
    sql("select presence.confirm('%s', '%s')" % (alice.aor[4:], bob.aor[4:]))
    eventually(lambda: b'secret' not in told(bob.subscribe(alice.aor, expires=0), state='terminated').body)
    watch = bob.subscribe(alice.aor)
    tag = told(watch, state='pending').tag
    sql("select presence.allow('%s', '%s')" % (alice.aor[4:], bob.aor[4:]))
    told(watch, 'secret')
    equal(watch.ask(unless(tag)), 200)
    told(watch, 'secret')


def what_is_malformed_is_400():
    alice, bob = publishing('one'), device()
    watch = bob.subscribe(alice.aor)
    told(watch)
    for headers in (['Suppress-If-Match: "a b"'], ['Suppress-If-Match:'], unless('a') + unless('b')):
        equal(watch.ask(headers), 400)
        equal(bob.subscribe(alice.aor, headers=headers).status, 400)
    watch.silent()


def a_watcher_whom_a_rule_cuts_off_learns_it_all_the_same():
    alice, bob = publishing('seen'), device()
    watch = bob.subscribe(alice.aor)
    tag = told(watch, 'seen').tag
    sql("select presence.polite_block('%s', '%s')" % (alice.aor[4:], bob.aor[4:]))
    told(watch, 'closed')
    equal(watch.ask(unless(tag)), 200)
    check(told(watch, 'closed').tag != tag)


# ---- section 6.2: a new dialog ----

def a_new_subscription_that_matches_gets_a_notify_without_body():
    alice, bob = publishing('one'), device()
    tag = told(bob.subscribe(alice.aor, expires=0), 'one', state='terminated').tag
    for known in (tag, '*'):
        watch = bob.subscribe(alice.aor, headers=unless(known))
        equal(watch.status, 200)
        told_without_body(watch, tag, 'active;expires=600')
        watch.silent()
        told_without_body(bob.subscribe(alice.aor, headers=unless(known), expires=0), tag, 'terminated;reason=timeout')
    shows(alice, 'two')
    told(watch, 'two')
    told(bob.subscribe(alice.aor, headers=unless(tag)), 'two')
    told(bob.subscribe(alice.aor, headers=unless(tag), expires=0), 'two', state='terminated')


# ---- section 6.4: documents in part ----

def partial(watch, kind, version):
    notify = watch.next()
    equal(notify.type, DIFF)
    equal((notify.root.tag.split('}')[1], notify.root.get('version')), (kind, str(version)))
    return notify


def in_part_the_entity_tag_is_that_of_full_state():
    alice, bob, carol = publishing('one'), device(), device()
    accept = ['Accept: %s, %s;q=0.5' % (DIFF, PIDF)]
    whole = carol.subscribe(alice.aor, headers=accept)
    watch = bob.subscribe(alice.aor, headers=accept)
    equal(partial(watch, 'pidf-full', 1)['SIP-ETag'], partial(whole, 'pidf-full', 1)['SIP-ETag'])
    shows(alice, 'two')
    tag = partial(watch, 'pidf-diff', 2)['SIP-ETag']
    equal(whole.ask(accept), 200)
    notify = whole.until(lambda notify: notify.root.tag.endswith('pidf-full'))
    equal((notify['SIP-ETag'], b'two' in notify.body), (tag, True))
    equal(watch.ask(accept + unless(tag)), 204)
    watch.silent()
    shows(alice, 'three')
    partial(watch, 'pidf-diff', 3)  # it has what this is made from


def after_a_notify_without_body_the_next_document_is_full():
    alice, bob = publishing('one'), device()
    accept = ['Accept: %s, %s;q=0.5' % (DIFF, PIDF)]
    first = bob.subscribe(alice.aor, headers=accept)
    tag = partial(first, 'pidf-full', 1)['SIP-ETag']
    watch = bob.subscribe(alice.aor, headers=accept + unless(tag))
    told_without_body(watch, tag)
    shows(alice, 'two')
    check(b'two' in watch.until(lambda notify: notify.root.tag.endswith('pidf-full')).body)
    shows(alice, 'three')
    notify = watch.next()
    check(notify.root.tag.endswith('pidf-diff') and b'three' in notify.body, notify.body)


def watcher_information_is_conditional_too():
    alice, bob, carol = device(), device(), device()
    for each in (carol, bob):
        told(each.subscribe(alice.aor))
    info = alice.subscribe(alice.aor, 'presence.winfo')
    tag = told(info, 'version="0"', 'state="full"').tag
    equal(info.ask(unless(tag)), 204)
    watch = bob.subscribe(alice.aor)
    told(info, 'version="1"', 'state="partial"')
    again = alice.subscribe(alice.aor, 'presence.winfo', headers=unless('*'))
    told_without_body(again, again.inbox.queue[0]['SIP-ETag'] if again.inbox.qsize() else tag_of(alice))
    told(watch)
    watch.end()
    told(again, 'state="full"', 'terminated')


def tag_of(alice):
    return told(alice.subscribe(alice.aor, 'presence.winfo', expires=0), state='terminated').tag


# ---- when the server is killed ----

def an_entity_tag_outlives_the_server():
    alice, bob, carol = publishing('one'), device(), device()
    shows(alice, 'two')
    phone = device()
    phone.user, phone.aor = alice.user, alice.aor
    equal(phone.publish('presence', PIDF, document('phone')).status, 200)
    watch = bob.subscribe(alice.aor)
    tag = told(watch, 'two', 'phone').tag
    other = carol.subscribe(alice.aor)
    told(other, 'two')
    dialogs = [each.subscribe(alice.aor) for each in (bob, carol)]
    equal(dialogs[0].ask(), 200)
    info = alice.subscribe(alice.aor, 'presence.winfo')
    told(info)
    equal(other.ask(expires=400), 200)  # its row lies elsewhere by this
    info_tag = tag_of(alice)
    equal(watch.ask(unless(tag), expires=1200), 204)
    restart()
    check(1150 < remaining(watch) <= 1200, 'what the 204 said is in the table')
    drain(watch, other, info)
    equal(watch.ask(unless(tag)), 204)
    watch.silent()
    equal(info.ask(unless(info_tag)), 204)
    info.silent()
    told_without_body(carol.subscribe(alice.aor, headers=unless(tag)), tag)
    shows(alice, 'three')
    told(watch, 'three')
    equal(watch.ask(unless(tag)), 200)
    told(watch, 'three')


def drain(*watches):
    """What may be told twice after the server was killed."""
    for watch in watches:
        try:
            while watch.next(0.5):
                pass
        except agent.Wrong:
            pass


def nothing_is_left_in_disorder():
    agent.no_invariant_is_broken()


accounts(*['u%03d' % number for number in range(60)])
run(each_notify_has_the_entity_tag_of_what_it_shows,
    another_view_has_another_entity_tag,
    a_refresh_that_matches_gets_204_and_no_notify,
    a_refresh_that_does_not_match_gets_full_state,
    a_change_after_a_204_is_told,
    an_end_that_matches_is_the_end_without_another_word,
    a_refresh_of_one_who_is_pending_is_told_its_state,
    what_is_malformed_is_400,
    a_watcher_whom_a_rule_cuts_off_learns_it_all_the_same,
    a_new_subscription_that_matches_gets_a_notify_without_body,
    in_part_the_entity_tag_is_that_of_full_state,
    after_a_notify_without_body_the_next_document_is_full,
    watcher_information_is_conditional_too,
    an_entity_tag_outlives_the_server,
    nothing_is_left_in_disorder)
