"""subscriptions.py - devices that begin anew, how many there may be, and who may end them."""
import threading

import agent
from agent import DOMAIN, Peer, accounts, check, equal, eventually, restart, run, sql

FEW, PIDF, PER_RESOURCE = 'few.example', 'application/pidf+xml', 4
taken = {}


class Phone(Peer):
    """A device that may have an instance (RFC 5626), and more than one of which may be an account's."""

    def __init__(self, user=None, domain=DOMAIN, instance=None, **terms):
        if user is None:
            taken[domain] = taken.get(domain, -1) + 1
            user = 'u%03d' % taken[domain]
        super().__init__(user, domain=domain, **terms)
        self.instance, self.contact = instance, None

    def ask(self, method, uri, headers=(), *rest, **more):
        headers = list(headers)
        for at, line in enumerate(headers):
            if line.startswith('Contact: ') and self.contact is not None:
                line = headers[at] = 'Contact: ' + self.contact
            if line.startswith('Contact: ') and self.instance is not None:
                headers[at] = line + ';+sip.instance="<urn:uuid:%s>"' % self.instance
        return super().ask(method, uri, headers, *rest, **more)


def document(note):
    return ('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:x@example.org"><tuple id="t"><status>'
            '<basic>open</basic></status><note>%s</note></tuple></presence>' % note)


def publishing(note, **terms):
    presentity = Phone(**terms)
    presentity.etag = None
    shows(presentity, note)
    return presentity


def shows(presentity, note):
    presentity.etag = presentity.publish('presence', PIDF, document(note), etag=presentity.etag)['SIP-ETag']
    check(presentity.etag, 'it is published')


def told(watch, text='', state='active'):
    notify = watch.next()
    check(notify.state.startswith(state), notify.state)
    check(text.encode() in notify.body, 'no', text, 'in', notify.body)
    return notify


def rows(watcher):
    return int(sql("select count(*) from presence.watcher where watcher = '%s'" % watcher.aor[4:]))


def is_replaced(old, new, alice):
    """All goes to the new dialog, nothing to the old one."""
    told(new)
    equal(rows(new.peer), 1)
    equal(old.ask(), 481)
    equal(old.ask(expires=0), 481)
    shows(alice, 'for the new one')
    told(new, 'for the new one')
    old.silent()


# ---- a device that has forgotten its dialog ----

def the_same_contact_and_user_agent_take_the_place_of_the_old_dialog():
    alice, bob = publishing('one'), Phone(agent='Phone/1')
    old = bob.subscribe(alice.aor)
    told(old, 'one')
    is_replaced(old, bob.subscribe(alice.aor), alice)


def the_same_instance_takes_its_place_whatever_its_contact():
    alice, bob = publishing('one'), Phone(instance='00000000-0000-1000-8000-000a95a0e128')
    old = bob.subscribe(alice.aor)
    told(old, 'one')
    again = Phone(bob.user, instance=bob.instance, agent='Updated/2')
    is_replaced(old, again.subscribe(alice.aor), alice)


def no_moment_has_both_or_none():
    alice, bob = publishing('one'), Phone(agent='Phone/1')
    told(bob.subscribe(alice.aor), 'one')
    seen = []
    counting = threading.Thread(target=lambda: seen.append(sql(
        "create function pg_temp.counts() returns text language plpgsql as $$ declare least integer := 9;"
        " most integer := 0; now integer; looks integer := 0; until timestamptz := clock_timestamp() + '1 s'; begin"
        " while clock_timestamp() < until loop select count(*) into now from presence_state.subscription"
        " where watcher = '%s'; least := least(least, now); most := greatest(most, now); looks := looks + 1; end loop;"
        " return least || ' ' || most || ' ' || (looks > 50); end $$" % bob.aor[4:], 'select pg_temp.counts()')))
    counting.start()
    while counting.is_alive():
        told(bob.subscribe(alice.aor), 'one')
    counting.join()
    equal(seen, ['1 1 true'])


def a_notify_that_the_old_dialog_owed_an_answer_is_not_sent_again():
    alice, bob = publishing('one'), Phone(agent='Phone/1')
    bob.answer = None
    old = bob.subscribe(alice.aor)
    told(old, 'one')
    new = bob.subscribe(alice.aor)
    while not old.inbox.empty():
        old.next()
    told(new, 'one')
    told(new, 'one')  # again, by Timer E
    old.silent(1.2)
    bob.answer = 200
    new.next()


def it_does_so_after_the_server_was_killed_too():
    alice = publishing('one')
    bob, carol = Phone(agent='Phone/1'), Phone(instance='00000000-0000-1000-8000-000a95a0e129')
    dialogs = [each.subscribe(alice.aor) for each in (bob, carol)]
    for each in dialogs:
        told(each, 'one')
    restart()
    for each in (bob, carol):
        told(each.subscribe(alice.aor), 'one')
        equal(rows(each), 1)
    for each in dialogs:
        equal(each.ask(), 481)


def different_devices_all_stay():
    alice, bob = publishing('one'), Phone(agent='Phone/1')
    second = Phone(bob.user, agent='Phone/1')  # another Contact
    third = Phone(bob.user, agent='Other/1')  # another make, at the place of the first
    third.contact = '<sip:%s@127.0.0.1:%d>' % (bob.user, bob.port)
    fourth = Phone(bob.user, agent='Phone/1', instance='00000000-0000-1000-8000-000a95a0e130')
    fourth.contact = third.contact
    dialogs = [each.subscribe(alice.aor) for each in (bob, second)]
    others = [each.subscribe(alice.aor) for each in (third, fourth)]
    for each in dialogs:
        told(each, 'one')
    equal(rows(bob), 4)
    shows(alice, 'two')
    for each in dialogs:
        told(each, 'two')
    equal([each.ask() for each in dialogs + others], [200] * 4)


def who_tells_nothing_of_itself_is_no_device_we_know():
    alice, bob = publishing('one'), Phone()
    dialogs = [bob.subscribe(alice.aor) for _ in range(2)]
    equal([each.ask() for each in dialogs], [200, 200])
    equal(rows(bob), 2)


def another_id_another_event_and_another_presentity_are_not_replaced():
    alice, carol, bob = publishing('one'), publishing('two'), Phone(agent='Phone/1')
    dialogs = [bob.subscribe(alice.aor, 'presence;id=1'), bob.subscribe(alice.aor, 'presence;id=2'),
               bob.subscribe(alice.aor), bob.subscribe(alice.aor, 'dialog'), bob.subscribe(carol.aor)]
    equal(rows(bob), 5)
    equal([each.ask() for each in dialogs], [200] * 5)
    told(bob.subscribe(alice.aor, 'presence;id=2'))
    equal([each.ask() for each in dialogs], [200, 481, 200, 200, 200])


def nobody_takes_the_place_of_somebody_else():
    alice, bob = publishing('one'), Phone(agent='Phone/1', instance='00000000-0000-1000-8000-000a95a0e131')
    old = bob.subscribe(alice.aor)
    told(old, 'one')
    mallory = Phone(agent='Phone/1', instance=bob.instance)
    mallory.contact = '<sip:%s@127.0.0.1:%d>' % (bob.user, bob.port)
    equal(mallory.subscribe(alice.aor).status, 200)
    equal(old.ask(), 200)


# ---- limits ----

TOO_MANY = 'SIP/2.0 403 Too Many Subscriptions'


def a_watcher_may_have_as_many_as_its_domain_says():
    bob, seen = Phone(domain=FEW, agent='Phone/1'), [publishing('x', domain=FEW) for _ in range(3)]
    dialogs = [bob.subscribe(each.aor) for each in seen[:2]]
    for each in dialogs:
        told(each)
    equal(bob.subscribe(seen[2].aor).response.first, TOO_MANY)
    equal(bob.subscribe(seen[2].aor, expires=0).response.first, TOO_MANY)
    equal(dialogs[0].ask(), 200)  # what is there stays, and is refreshed
    again = bob.subscribe(seen[1].aor)  # a device that begins anew is not one more
    told(again)
    equal((rows(bob), dialogs[1].ask()), (2, 481))
    again.end()
    eventually(lambda: bob.subscribe(seen[2].aor).status == 200)


def a_presentity_may_be_watched_by_so_many():
    alice, watchers = publishing('one'), [Phone(agent='Phone/1') for _ in range(PER_RESOURCE + 1)]
    dialogs = [each.subscribe(alice.aor) for each in watchers]
    equal([each.status for each in dialogs], [200] * PER_RESOURCE + [403])
    equal(dialogs[-1].response.first, TOO_MANY)
    equal(watchers[0].subscribe(alice.aor).status, 200)
    equal(dialogs[0].ask(), 481)


# ---- administrators ----

def an_administrator_says_why_it_ends():
    alice, bob = publishing('one'), Phone()
    for reason in ('deactivated', 'probation', 'rejected', 'timeout', 'giveup', 'noresource', 'invariant'):
        watch = bob.subscribe(alice.aor)
        told(watch, 'one')
        sql("select presence.terminate_subscription(id, '%s') from presence.subscription where call_id = '%s'" %
            (reason, watch.call_id))
        equal(told(watch, state='terminated').state, 'terminated;reason=' + reason)
        watch.silent(0.05)
        equal(watch.ask(), 481)
    eventually(lambda: rows(bob) == 0)


def who_knows_a_dialog_of_another_cannot_touch_it():
    alice, bob, mallory = publishing('one'), Phone(), Phone()
    watch = bob.subscribe(alice.aor)
    told(watch, 'one')
    for terms in ({'expires': 0}, {'expires': 60}):
        forged = mallory.ask('SUBSCRIBE', watch.target, ['Event: presence', 'Expires: %d' % terms['expires'],
                             'Contact: <sip:mallory@127.0.0.1:%d>' % mallory.port], b'', watch.call_id, watch.cseq + 5,
                             watch.tag, watch.to)
        equal(forged.status, 403)
    shows(alice, 'two')
    told(watch, 'two')
    check(mallory.requests.empty())


def nothing_is_left_in_disorder():
    agent.no_invariant_is_broken()


sql("select presence.add_domain('%s')" % FEW,
    "update presence.domain set subscriptions_max = 2 where name = '%s'" % FEW)
accounts(*['u%03d' % number for number in range(60)])
accounts(*['u%03d' % number for number in range(10)], domain=FEW)
run(the_same_contact_and_user_agent_take_the_place_of_the_old_dialog,
    the_same_instance_takes_its_place_whatever_its_contact,
    no_moment_has_both_or_none,
    a_notify_that_the_old_dialog_owed_an_answer_is_not_sent_again,
    it_does_so_after_the_server_was_killed_too,
    different_devices_all_stay,
    who_tells_nothing_of_itself_is_no_device_we_know,
    another_id_another_event_and_another_presentity_are_not_replaced,
    nobody_takes_the_place_of_somebody_else,
    a_watcher_may_have_as_many_as_its_domain_says,
    a_presentity_may_be_watched_by_so_many,
    an_administrator_says_why_it_ends,
    who_knows_a_dialog_of_another_cannot_touch_it,
    nothing_is_left_in_disorder)
