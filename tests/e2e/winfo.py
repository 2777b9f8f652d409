"""winfo.py - watcher information, as the watched and nobody else gets it."""
import time

import agent
from agent import Peer, accounts, check, equal, eventually, find, restart, run, sql

ASKS = 'asks.example'  # where watchers wait for a word
WAITING_S = 6
agent.NAMES['w'] = 'urn:ietf:params:xml:ns:watcherinfo'
PIDF = ('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:x@example.org"><tuple id="t"><status>'
        '<basic>open</basic></status><note>%s</note></tuple></presence>')
taken = [-1]


def device(user=None):
    """Of an account that nobody has used, or one more of that one's."""
    if user is None:
        taken[0] += 1
    return Peer(user or 'u%03d' % taken[0], domain=ASKS)


def rule(action, presentity, watcher, more=''):
    return sql("select presence.%s('%s', '%s'%s)" % (action, presentity.aor[4:], watcher.aor[4:], more))


def decided(presentity, *watchers):
    """What was just said of them is live: they are allowed to watch."""
    for watcher in watchers:
        watch = watcher.subscribe(presentity.aor)
        watch.until(lambda notify: notify.state.startswith('active'))
        watch.end()
    now(presentity)


class Watchers:
    """What one who subscribes to watcher information knows: documents applied as RFC 3858 section 4 says."""

    def __init__(self, presentity, event='presence', **terms):
        self.watch = presentity.subscribe(presentity.aor, event + '.winfo', **terms)
        equal(self.watch.status, 200)
        self.presentity, self.event, self.known, self.version = presentity, event, {}, -1

    def next(self, within=agent.SOON, state='active'):
        """Applies the next document; who is in it, as (watcher, status, event)."""
        notify = self.watch.next(within)
        check(notify.state.startswith(state), notify.state)
        equal(notify.type, 'application/watcherinfo+xml')
        root, (inside,) = notify.root, find(notify.root, 'w:watcher-list')
        equal(inside.get('resource'), self.presentity.aor)
        equal(inside.get('package'), self.event)
        self.full, version = root.get('state') == 'full', int(root.get('version'))
        check(version > self.version, 'version', version, 'after', self.version)
        check(self.full or version == self.version + 1, 'a partial document after one that was missed')
        self.version = version
        if self.full:
            self.known = {}
        heard = []
        for each in find(inside, 'w:watcher'):
            said = each.text.strip()[4:].split('@')[0], each.get('status'), each.get('event')
            check((each.get('expiration') is None) == (said[1] == 'terminated'), 'expiration of', said)
            self.known[each.get('id')] = said + (int(each.get('expiration') or 0),)
            if said[1] == 'terminated':
                del self.known[each.get('id')]
            heard.append(said)
        return sorted(heard)

    def hears(self, *watchers, full=False, within=agent.SOON):
        equal((self.next(within), self.full), (sorted(watchers), full), 'version', self.version)

    def ids(self):
        return sorted(self.known)

    def silent(self):
        self.watch.silent()


def fetches(presentity, event='presence'):
    """All that there is now."""
    fetch = Watchers(presentity, event, expires=0)
    fetch.next(state='terminated')
    equal((fetch.version, fetch.full), (0, True))
    return fetch


def now(presentity, *watchers):
    """What a fetch tells is that, at once or in a moment."""
    def is_so():
        last[:] = [fetches(presentity)]
        return sorted(each[:3] for each in last[0].known.values()) == sorted(watchers)
    last = []
    eventually(is_so, 'wanted', watchers)
    return last[0]


def a_watcher_is_pending_then_active_then_terminated():
    alice, bob = device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    equal(info.version, 0)
    watch = bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    (first,) = info.ids()
    rule('allow', alice, bob)
    info.hears((bob.user, 'active', 'approved'))
    equal(info.ids(), [first])
    check(590 < info.known[first][3] <= 600, info.known)
    watch.end()
    info.hears((bob.user, 'terminated', 'timeout'))
    equal((info.ids(), info.version), ([], 3))
    info.silent()


def each_document_has_the_next_version_and_those_who_changed():
    alice, bob, carol, dave = device(), device(), device(), device()
    for each in (bob, carol):
        rule('allow', alice, each)
    decided(alice, bob, carol)
    watches = [bob.subscribe(alice.aor), carol.subscribe(alice.aor)]
    info = Watchers(alice)
    info.hears((bob.user, 'active', 'subscribe'), (carol.user, 'active', 'subscribe'), full=True)
    watches.append(dave.subscribe(alice.aor))
    info.hears((dave.user, 'pending', 'subscribe'))
    watches[0].end()
    info.hears((bob.user, 'terminated', 'timeout'))
    rule('block', alice, carol)
    info.hears((carol.user, 'terminated', 'rejected'))
    rule('block', alice, dave)
    info.hears((dave.user, 'terminated', 'rejected'))
    equal(info.version, 4)


def who_must_ask_again_is_deactivated_and_then_pending():
    alice, bob = device(), device()
    rule('allow', alice, bob)
    decided(alice, bob)
    info = Watchers(alice)
    info.hears(full=True)
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'active', 'subscribe'))
    rule('confirm', alice, bob)
    info.hears((bob.user, 'terminated', 'deactivated'))
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    rule('polite_block', alice, bob)
    info.hears((bob.user, 'active', 'approved'))


def what_changes_no_state_is_not_told():
    alice, bob = device(), device()
    rule('allow', alice, bob)
    decided(alice, bob)
    watch = bob.subscribe(alice.aor)
    info = Watchers(alice)
    info.hears((bob.user, 'active', 'subscribe'), full=True)
    equal(watch.ask(expires=300), 200)
    equal(bob.subscribe(alice.aor, expires=0).status, 200)  # begins and ends within one moment
    info.silent()
    equal(info.watch.ask(), 200)
    info.hears((bob.user, 'active', 'subscribe'), full=True)
    check(all(290 < each[3] <= 300 for each in info.known.values()), info.known)


def one_who_times_out_while_pending_waits():
    alice, bob = device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    watch = bob.subscribe(alice.aor, expires=1)
    info.hears((bob.user, 'pending', 'subscribe'))
    info.hears((bob.user, 'waiting', 'timeout'))
    check(watch.until(lambda notify: notify.state.startswith('terminated')).state == 'terminated;reason=timeout')
    equal(watch.ask(), 481)
    equal(sql("select state from presence.watcher where watcher = '%s'" % bob.aor[4:]), 'waiting')
    rule('allow', alice, bob)
    info.hears((bob.user, 'terminated', 'approved'))
    watch.silent()


def one_who_unsubscribes_while_pending_waits_and_is_rejected():
    alice, bob = device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    watch = bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    watch.end()
    info.hears((bob.user, 'waiting', 'timeout'))
    rule('block', alice, bob)
    info.hears((bob.user, 'terminated', 'rejected'))
    watch.silent()
    eventually(lambda: sql("select 1 from presence.watcher where watcher = '%s'" % bob.aor[4:]) == '', 'no row')


def a_fetch_of_someone_undecided_waits_and_a_new_one_takes_its_place():
    alice, bob = device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    fetch = bob.subscribe(alice.aor, expires=0)
    equal(fetch.next().state, 'terminated;reason=timeout')
    info.hears((bob.user, 'waiting', 'timeout'))
    (first,) = info.ids()
    equal(bob.subscribe(alice.aor, expires=0).status, 200)
    info.hears((bob.user, 'waiting', 'timeout'), (bob.user, 'terminated', 'giveup'))
    (second,) = info.ids()
    check(second != first)
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'), (bob.user, 'terminated', 'giveup'))
    check(info.ids() not in ([first], [second]))
    fetch.silent()


def one_who_waits_is_given_up_in_time():
    alice, bob = device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    begun = time.monotonic()
    bob.subscribe(alice.aor, expires=0)
    info.hears((bob.user, 'waiting', 'timeout'))
    check(all(0 < each[3] <= WAITING_S for each in info.known.values()), info.known)
    info.hears((bob.user, 'terminated', 'giveup'), within=WAITING_S + 2)
    check(WAITING_S - 0.5 < time.monotonic() - begun < WAITING_S + 2)


def administrators_end_those_who_are_pending_or_wait():
    alice, bob, carol, dave = device(), device(), device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    watch = bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    carol.subscribe(alice.aor, expires=0)
    info.hears((carol.user, 'waiting', 'timeout'))
    dave.subscribe(alice.aor, expires=0)
    info.hears((dave.user, 'waiting', 'timeout'))
    equal(sql("select watcher || ' ' || state from presence.watcher where presentity = '%s' and event = 'presence'"
              " order by watcher" % alice.aor[4:]),
          '\n'.join('%s %s' % (each.aor[4:], state) for each, state in
                    ((bob, 'pending'), (carol, 'waiting'), (dave, 'waiting'))))
    end = "select presence.terminate_subscription(subscription%s) from presence.watcher where watcher = '%s'"
    sql(end % (", 'rejected'", bob.aor[4:]))
    info.hears((bob.user, 'terminated', 'rejected'))
    equal(watch.until(lambda notify: notify.state.startswith('terminated')).state, 'terminated;reason=rejected')
    sql(end % ('', carol.aor[4:]))
    info.hears((carol.user, 'terminated', 'giveup'))
    sql("delete from presence.subscription where watcher = '%s'" % dave.aor[4:])
    info.hears((dave.user, 'terminated', 'giveup'))
    eventually(lambda: sql("select 1 from presence.watcher where presentity = '%s' and event = 'presence'" %
                           alice.aor[4:]) == '', 'no row')


def nobody_may_have_too_many_that_nobody_has_decided_on():
    bob, seen = device(), [device() for _ in range(5)]
    watches = [bob.subscribe(each.aor) for each in seen[:2]]
    equal([each.status for each in watches], [200] * 2)
    equal(bob.subscribe(seen[2].aor, expires=0).status, 200)  # waits, and counts
    for terms in ({}, {'expires': 0}):
        refused = bob.subscribe(seen[3].aor, **terms)
        equal(refused.response.first, 'SIP/2.0 403 Too Many Subscriptions')
    now(seen[3])
    equal(bob.subscribe(seen[2].aor, expires=0).status, 200)  # takes its own place
    now(seen[2], (bob.user, 'waiting', 'timeout'))
    equal(bob.subscribe(seen[2].aor).status, 200)
    rule('allow', seen[0], bob)
    watches[0].until(lambda notify: notify.state.startswith('active'))
    equal(bob.subscribe(seen[3].aor).status, 200)
    equal(bob.subscribe(seen[4].aor).status, 403)


def dialogs_have_watchers_too():
    alice, bob = device(), device()
    info = Watchers(alice, 'dialog')
    info.hears(full=True)
    bob.subscribe(alice.aor)
    bob.subscribe(alice.aor, 'dialog')
    info.hears((bob.user, 'pending', 'subscribe'))
    equal(len(info.known), 1)


def there_is_none_about_watcher_information():
    alice = device()
    refused = alice.subscribe(alice.aor, 'presence.winfo.winfo')
    equal(refused.status, 489)
    check('presence.winfo' in refused.response['Allow-Events'] and 'winfo.winfo' not in refused.response['Allow-Events'])


def who_a_rule_names_for_it_may_have_it():
    alice, bob = device(), device()
    rule('allow', alice, bob)
    equal(bob.subscribe(alice.aor, 'presence.winfo').status, 403)
    rule('allow', alice, bob, ", event => 'presence.winfo'")
    eventually(lambda: bob.subscribe(alice.aor, 'presence.winfo', expires=0).status == 200)


def after_a_notify_that_was_refused_comes_full_state():
    alice, bob, carol = device(), device(), device()
    info = Watchers(alice)
    info.hears(full=True)
    alice.answer = 500
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    alice.answer = 200
    info.hears((bob.user, 'pending', 'subscribe'), full=True)
    carol.subscribe(alice.aor)
    info.hears((carol.user, 'pending', 'subscribe'))


def after_a_restart_all_is_known_and_the_next_document_is_full():
    alice, bob, carol, dave = [device() for _ in range(4)]
    info = Watchers(alice)
    info.hears(full=True)
    bob_watch = bob.subscribe(alice.aor)
    info.hears((bob.user, 'pending', 'subscribe'))
    dave_watch = dave.subscribe(alice.aor)
    info.hears((dave.user, 'pending', 'subscribe'))
    dave_watch.end()
    info.hears((dave.user, 'waiting', 'timeout'))
    alice.publish('presence', 'application/pidf+xml', PIDF % 'just before')  # may be owed afterwards
    carol_watch = carol.subscribe(alice.aor, expires=0)
    carol_watch.next()
    info.hears((carol.user, 'waiting', 'timeout'))
    ids = info.ids()
    restart()
    again = now(alice, (bob.user, 'pending', 'subscribe'), (carol.user, 'waiting', 'timeout'),
                (dave.user, 'waiting', 'timeout'))
    equal(again.ids(), ids)
    rule('allow', alice, bob)
    while True:
        info.next()
        check(info.full or info.version > 1000)
        if (bob.user, 'active', 'approved') in [each[:3] for each in info.known.values()]:
            break
    equal(info.ids(), ids)
    check(b'just before' in bob_watch.until(lambda notify: notify.state.startswith('active')).body)
    carol_watch.silent()  # it has no dialog, and what came last in his was its last
    dave_watch.silent()
    rule('allow', alice, dave)
    info.hears((dave.user, 'terminated', 'approved'))


def a_device_that_subscribes_anew_is_shown_once():
    alice, bob = device(), device()
    rule('allow', alice, bob)
    bob.agent = 'Phone'
    decided(alice, bob)
    info = Watchers(alice)
    info.hears(full=True)
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'active', 'subscribe'))
    bob.subscribe(alice.aor)
    info.hears((bob.user, 'active', 'subscribe'), (bob.user, 'terminated', 'deactivated'))
    equal(len(info.known), 1)


def nothing_is_left_in_disorder():
    agent.no_invariant_is_broken()


sql("select presence.add_domain('%s')" % ASKS,
    "update presence.domain set default_watcher_rule = 'confirm' where name = '%s'" % ASKS)
accounts(*['u%03d' % number for number in range(70)], domain=ASKS)
run(a_watcher_is_pending_then_active_then_terminated,
    each_document_has_the_next_version_and_those_who_changed,
    who_must_ask_again_is_deactivated_and_then_pending,
    what_changes_no_state_is_not_told,
    one_who_times_out_while_pending_waits,
    one_who_unsubscribes_while_pending_waits_and_is_rejected,
    a_fetch_of_someone_undecided_waits_and_a_new_one_takes_its_place,
    one_who_waits_is_given_up_in_time,
    administrators_end_those_who_are_pending_or_wait,
    nobody_may_have_too_many_that_nobody_has_decided_on,
    dialogs_have_watchers_too,
    there_is_none_about_watcher_information,
    who_a_rule_names_for_it_may_have_it,
    after_a_notify_that_was_refused_comes_full_state,
    a_device_that_subscribes_anew_is_shown_once,
    after_a_restart_all_is_known_and_the_next_document_is_full,
    nothing_is_left_in_disorder)
