"""dialog.py - busy lamps, the event package `dialog` (RFC 4235), as two PBXs publish them."""
from agent import (DOMAIN, Peer, accounts, check, equal, find, no_invariant_is_broken, read, restart,
                   run, sql)

TYPE = 'application/dialog-info+xml'
number = 0


def desk():
    """A line of its own, and who watches it: (its AOR, its PBX, another PBX of it, a watcher)."""
    global number
    number += 1
    name = 'line%d' % number
    return '%s@%s' % (name, DOMAIN), Peer(name), Peer(name), Peer('bob')


def dialog(name, state, leg=None, extra='', event=None):
    ids = '' if leg is None else ' call-id="%s" local-tag="%s-l" remote-tag="%s-r" direction="recipient"' % (leg, leg, leg)
    return '<dialog id="%s"%s><state%s>%s</state>%s</dialog>' % (
        name, ids, ' event="%s"' % event if event else '', state, extra)


def info(aor, *dialogs, version=0):
    return ('<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full"'
            ' entity="sip:%s">%s</dialog-info>' % (version, aor, ''.join(dialogs)))


def publish(peer, body, etag=None, expires=600, status=200):
    response = peer.publish('dialog', TYPE, body, etag, expires)
    equal(response.status, status, response.first)
    return response['SIP-ETag']


class Lamp:
    """What a watcher makes of its NOTIFYs (RFC 4235 section 4.3)."""

    def __init__(self, peer, aor):
        self.subscription = peer.subscribe(aor, 'dialog')
        equal(self.subscription.status, 200)
        self.states, self.version, self.valid = {}, -1, True
        self.take()

    def take(self, again=False):
        self.notify = self.subscription.next(valid=self.valid)
        self.root = read(self.notify.body, self.valid)
        version, self.full = int(self.root.get('version')), self.root.get('state') == 'full'
        if again:
            check(self.full and version > self.version, 'all, and versions go on')
        else:
            equal(version, self.version + 1, 'the version')
        check(self.full or version > 0, 'the first one is full')
        self.version = version
        if self.full:
            self.states = {}
        self.told = {}
        for each in find(self.root, 'd:dialog'):
            self.told[each.get('id')] = find(each, 'd:state/text()')[0]
        self.states.update(self.told)
        for name in [name for name, state in self.states.items() if state == 'terminated']:
            del self.states[name]
        return self

    def until_shows(self, *states):
        while sorted(self.states.values()) != sorted(states):
            self.take()

    def shows(self, *states):
        equal(sorted(self.states.values()), sorted(states))
        return self


def versions_begin_at_0_and_only_what_changed_is_told():
    aor, first, second, bob = desk()
    lamp = Lamp(bob, aor).shows()
    equal((lamp.version, lamp.full), (0, True))
    etag = publish(first, info(aor, dialog('a', 'early', 'one')))
    lamp.take().shows('early')
    other = publish(second, info(aor, dialog('a', 'confirmed', 'two')))
    lamp.take().shows('early', 'confirmed')
    equal((lamp.full, len(lamp.told)), (False, 1), 'the second PBX alone is told')
    publish(first, info(aor, dialog('a', 'confirmed', 'one')), etag)
    lamp.take().shows('confirmed', 'confirmed')
    equal((lamp.full, len(lamp.told)), (False, 1))
    publish(second, '', other, 0)
    lamp.take().shows('confirmed')
    equal(list(lamp.told.values()), ['terminated'], 'a publication that is removed ends its dialogs')
    equal(lamp.subscription.ask(), 200)
    lamp.take().shows('confirmed')
    equal(lamp.full, True, 'a refresh gives all')


def a_terminated_dialog_is_told_once():
    aor, pbx, _, bob = desk()
    lamp = Lamp(bob, aor)
    etag = publish(pbx, info(aor, dialog('a', 'confirmed', 'one'), dialog('b', 'early', 'two')))
    lamp.take().shows('confirmed', 'early')
    etag = publish(pbx, info(aor, dialog('a', 'terminated', 'one', event='remote-bye'), dialog('b', 'early', 'two')), etag)
    lamp.take().shows('early')
    equal(list(lamp.told.values()), ['terminated'])
    equal(find(lamp.root, '//d:state/@event'), ['remote-bye'])
    etag = publish(pbx, info(aor, dialog('b', 'early', 'two')), etag)
    lamp.subscription.silent()  # its end was told
    publish(pbx, info(aor), etag)
    lamp.take().shows()
    equal(list(lamp.told.values()), ['terminated'], 'one that is listed no more is over')


def within_a_publication_the_newer_stands_even_early_after_terminated():
    aor, pbx, _, bob = desk()
    lamp = Lamp(bob, aor)
    etag = publish(pbx, info(aor, dialog('a', 'confirmed', 'one')))
    lamp.take().shows('confirmed')
    etag = publish(pbx, info(aor, dialog('a', 'terminated', 'one')), etag)
    lamp.take().shows()
    publish(pbx, info(aor, dialog('a', 'early', 'next')), etag)  # the same id for the next call
    lamp.take().shows('early')


def an_expired_publication_ends_its_dialogs():
    aor, pbx, _, bob = desk()
    lamp = Lamp(bob, aor)
    publish(pbx, info(aor, dialog('a', 'confirmed', 'one')), expires=1)
    lamp.take().shows('confirmed')
    lamp.take().shows()
    equal(list(lamp.told.values()), ['terminated'])


def of_one_call_in_two_publications_terminated_stands():
    aor, first, second, bob = desk()
    lamp = Lamp(bob, aor)
    etag = publish(first, info(aor, dialog('a', 'early', 'one')))
    lamp.take().shows('early')
    publish(second, info(aor, dialog('b', 'confirmed', 'one')))
    lamp.take().shows('confirmed')  # one call, and the newer one counts
    publish(first, info(aor, dialog('a', 'terminated', 'one')), etag)
    lamp.take().shows()


def what_ended_stays_dark_when_who_said_so_has_gone():
    aor, first, second, bob = desk()
    lamp = Lamp(bob, aor)
    other = publish(second, info(aor, dialog('b', 'early', 'one')))
    lamp.take().shows('early')
    etag = publish(first, info(aor, dialog('a', 'terminated', 'one')))
    lamp.take().shows()
    publish(first, '', etag, 0)
    lamp.subscription.silent()  # the second one's early is stale
    publish(second, info(aor, dialog('b', 'early', 'one'), dialog('c', 'trying', 'two')), other)
    lamp.until_shows('early', 'trying')  # said anew


def another_call_with_the_same_id_is_another_lamp():
    aor, first, second, bob = desk()
    lamp = Lamp(bob, aor)
    publish(first, info(aor, dialog('a', 'terminated', 'one')))
    publish(second, info(aor, dialog('a', 'early', 'two')))
    lamp.until_shows('early')


def a_phone_of_one_dialog_sees_the_most_telling():
    aor, first, second, _ = desk()
    sql("insert into presence.dialect (user_agent, event, single_dialog) values ('Lamp/', 'dialog', true)")
    lamp = Lamp(Peer('carol', agent='Lamp/2.1'), aor)
    publish(first, info(aor, dialog('a', 'early', 'one')))
    lamp.until_shows('early')
    other = publish(second, info(aor, dialog('a', 'confirmed', 'two')))
    lamp.take().shows('confirmed')
    equal(list(lamp.told), ['1'], 'always the same dialog')
    publish(second, '', other, 0)
    lamp.take().shows('early')


def a_dialect_row_is_live():
    aor, pbx, _, _ = desk()
    lamp = Lamp(Peer('carol', agent='Snom/9'), aor)
    name = '<remote><identity display-name="Bob">sip:b@example.net</identity></remote>'
    publish(pbx, info(aor, dialog('a', 'confirmed', 'one', name), dialog('b', 'early', 'two')))
    lamp.take().shows('confirmed', 'early')
    equal(find(lamp.root, '//@display-name'), ['Bob'])
    sql("insert into presence.dialect (user_agent, event, single_dialog) values ('Snom', 'dialog', true)")
    lamp.take().shows('confirmed')
    equal((lamp.full, list(lamp.told)), (True, ['1']), 'another view is told whole')
    sql("update presence.dialect set display = true where user_agent = 'Snom'")
    lamp.valid = False
    lamp.take().shows('confirmed')
    equal(find(lamp.root, '//@display'), ['Bob'], 'RFC 4235 section 4.1.6.1')
    lamp.valid = True
    sql("delete from presence.dialect where user_agent = 'Snom'")
    lamp.take().shows('confirmed', 'early')


def who_may_not_see_all_sees_busy_or_not():
    aor, pbx, _, bob = desk()
    sql("select presence.allow('%s', 'bob@%s', without => '{notes}')" % (aor, DOMAIN))
    lamp = Lamp(bob, aor)
    etag = publish(pbx, info(aor, dialog('a', 'early', 'one'), dialog('b', 'trying', 'two')))
    while not lamp.take().states:
        pass
    lamp.shows('confirmed')
    equal(lamp.told, {'1': 'confirmed'}, 'RFC 4235 section 3.7.2')
    check(b'one' not in lamp.notify.body and b'two' not in lamp.notify.body, lamp.notify.body)
    etag = publish(pbx, info(aor, dialog('a', 'confirmed', 'one')), etag)
    lamp.subscription.silent()
    sql("select presence.remove_rule('%s', 'bob@%s')" % (aor, DOMAIN))
    lamp.take().shows('confirmed')
    check(lamp.full and b'one' in lamp.notify.body, lamp.notify.body)
    sql("select presence.polite_block('%s', 'bob@%s')" % (aor, DOMAIN))
    lamp.take().shows()
    equal(lamp.full, True, 'politely blocked: the lamp is off')
    publish(pbx, info(aor, dialog('a', 'confirmed', 'three')), etag)
    lamp.subscription.silent()
    sql("select presence.block('%s', 'bob@%s')" % (aor, DOMAIN))
    notify = lamp.subscription.next()
    check(notify.state.startswith('terminated;reason=rejected'), notify.state)


def after_a_restart_it_is_told_whole_and_on():
    aor, pbx, _, bob = desk()
    lamp = Lamp(bob, aor)
    etag = publish(pbx, info(aor, dialog('a', 'confirmed', 'one')))
    lamp.take().shows('confirmed')
    restart()
    publish(pbx, info(aor, dialog('a', 'confirmed', 'one'), dialog('b', 'early', 'two')), etag)
    lamp.take(again=True)
    lamp.until_shows('confirmed', 'early')


def bad_publications_are_refused():
    aor, pbx, _, _ = desk()
    for body in ('<dialog-info', info(aor, '<dialog id="a"/>'), info(aor, dialog('a', 'ringing')),
                 '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:%s"/>' % aor):
        publish(pbx, body, status=400)
    response = pbx.publish('dialog', 'application/pidf+xml', info(aor))
    equal((response.status, response['Accept']), (415, TYPE))
    publish(pbx, info(aor), 'nonsense', status=412)
    equal(sql("select count(*) from presence.publication where aor = '%s'" % aor), '0')
    equal(pbx.subscribe(aor, 'dialog', ['Accept: application/pidf+xml']).status, 406)


accounts(*('line%d' % each for each in range(1, 20)))
run(versions_begin_at_0_and_only_what_changed_is_told, a_terminated_dialog_is_told_once,
    within_a_publication_the_newer_stands_even_early_after_terminated, an_expired_publication_ends_its_dialogs,
    of_one_call_in_two_publications_terminated_stands, what_ended_stays_dark_when_who_said_so_has_gone,
    another_call_with_the_same_id_is_another_lamp, a_phone_of_one_dialog_sees_the_most_telling,
    a_dialect_row_is_live, who_may_not_see_all_sees_busy_or_not, after_a_restart_it_is_told_whole_and_on,
    bad_publications_are_refused, no_invariant_is_broken)
