"""policy.py - how a domain and a phone want presence to be shown, changed by SQL while it is watched."""
import itertools

from agent import DOMAIN, Peer, accounts, check, equal, find, no_invariant_is_broken, restart, run, settled, sql

PIDF = 'application/pidf+xml'
number = itertools.count(1)


def someone():
    name = 'd%d' % next(number)
    return name, '%s@%s' % (name, DOMAIN)


def pidf(name, tuples, rest=''):
    return ('<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:'
            'data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:%s@%s">%s%s</presence>' %
            (name, DOMAIN, tuples, rest))


def tuple_of(name, basic='open', contact=None, priority=None, note=None):
    return '<tuple id="%s"><status><basic>%s</basic></status>%s%s</tuple>' % (
        name, basic, '<contact%s>%s</contact>' % (' priority="%s"' % priority if priority else '', contact)
        if contact else '', '<note>%s</note>' % note if note else '')


AWAY = '<dm:person id="me"><rpid:activities><rpid:away/></rpid:activities></dm:person>'


def say(name, *arguments):
    response = Peer(name).publish('presence', PIDF, pidf(name, *arguments))
    equal(response.status, 200)
    return response['SIP-ETag']


def policy(which, more=''):
    sql("update presence.domain set presence_policy = '%s'%s where name = '%s'" % (which, more, DOMAIN))


def contacts(notify):
    return find(notify.root, '//p:contact/text()')


def each_policy_is_live():
    name, aor = someone()
    say(name, tuple_of('desk', contact='sip:desk@192.0.2.1', priority='0.9'), AWAY)
    say(name, tuple_of('phone', contact='sip:phone@192.0.2.2', priority='0.4'))
    etag = say(name, tuple_of('off', 'closed', 'sip:off@192.0.2.3', '1.0'))
    bob = Peer('bob').subscribe(aor)
    equal(sorted(contacts(bob.next())), ['sip:desk@192.0.2.1', 'sip:off@192.0.2.3', 'sip:phone@192.0.2.2'])
    policy('latest')
    equal(contacts(bob.next()), ['sip:off@192.0.2.3'], 'the newest publication alone')
    policy('priority')
    notify = bob.next()
    equal(contacts(notify), ['sip:desk@192.0.2.1'], 'the open one of the greatest priority')
    check(find(notify.root, '//rpid:away'))
    policy('single')
    notify = bob.next()
    equal(len(contacts(notify)), 1)
    check(find(notify.root, '//rpid:away'), 'what the person does is of all')
    equal(Peer(name).publish('presence', PIDF, '', etag, 0).status, 200)
    bob.silent()
    policy('union')
    equal(sorted(contacts(bob.next())), ['sip:desk@192.0.2.1', 'sip:phone@192.0.2.2'])


def who_is_registered_is_open_where_a_domain_says_so():
    name, aor = someone()
    phone = Peer(name)
    bob = Peer('bob').subscribe(aor)
    equal(find(bob.next().root, '//p:basic/text()'), ['closed'])
    equal(phone.register(['<sip:%s@192.0.2.7>;+sip.instance="<urn:uuid:7>"' % name]).status, 200)
    bob.silent()
    sql("update presence.domain set presence_from_registration = true where name = '%s'" % DOMAIN)
    notify = bob.next()
    equal((find(notify.root, '//p:basic/text()'), contacts(notify)), (['open'], ['sip:%s@192.0.2.7' % name]))
    equal(phone.register(['<sip:%s@192.0.2.7>;+sip.instance="<urn:uuid:7>"' % name], cseq=3).status, 200)
    bob.silent()  # refreshed
    equal(phone.register(['<sip:%s@192.0.2.8>' % name], 1, cseq=5).status, 200)
    equal(len(contacts(bob.next())), 2)
    equal(contacts(bob.next()), ['sip:%s@192.0.2.7' % name], 'the other one has expired')
    etag = say(name, tuple_of('own', 'closed', 'sip:%s@192.0.2.7' % name))
    notify = bob.next()
    equal(find(notify.root, '//p:basic/text()'), ['closed'], 'the device speaks for itself')
    equal(phone.publish('presence', PIDF, '', etag, 0).status, 200)
    equal(find(bob.next().root, '//p:basic/text()'), ['open'])
    restart()
    equal(phone.register(['*'], 0, cseq=7).status, 200)
    equal(find(bob.until(lambda notify: b'closed' in notify.body).root, '//p:basic/text()'), ['closed'])
    sql("update presence.domain set presence_from_registration = false where name = '%s'" % DOMAIN)


def dialect(agent, columns, position=0):
    sql("insert into presence.dialect (user_agent, position, %s) values ('%s', %d, %s)" %
        (columns, agent, position, ', '.join('true' for _ in columns.split(','))))


def a_phone_is_told_in_its_dialect():
    name, aor = someone()
    say(name, tuple_of('desk', contact='sip:desk@192.0.2.1', note='here') + tuple_of('phone', 'closed'), AWAY)
    phone, other = (Peer('bob', agent=agent).subscribe(aor) for agent in ('snom320/8.4', 'Other/1.0'))
    equal((find(phone.next().root, 'count(//p:tuple)'), find(other.next().root, 'count(//p:tuple)')), (2, 2))
    dialect('SNOM', 'one_tuple')
    notify = phone.next()
    equal(find(notify.root, '//p:basic/text()'), ['open'])
    sql("update presence.dialect set plain = true, entity_pres = true where user_agent = 'SNOM'")
    notify = phone.next()
    equal((find(notify.root, '//rpid:*'), notify.root.get('entity')), ([], 'pres:' + aor))
    sql("update presence.dialect set one_tuple = false, note_in_tuple = true, contact = true where user_agent = 'SNOM'")
    notify = phone.next()
    equal(sorted(contacts(notify)), ['sip:%s' % aor, 'sip:desk@192.0.2.1'])
    equal(sorted(find(notify.root, '//p:tuple/p:note/text()')), ['away', 'here'])
    dialect('snom320', 'one_tuple', -1)  # it stands before
    equal(find(phone.next().root, 'count(//p:tuple)'), 1)
    sql("delete from presence.dialect where user_agent ilike 'snom%'")
    notify = phone.next()
    equal((find(notify.root, 'count(//p:tuple)'), notify.root.get('entity')), (2, 'sip:' + aor))
    other.silent()


def a_dialect_shows_nothing_that_rules_hide():
    name, aor = someone()
    say(name, tuple_of('desk', note='secret'), AWAY)
    sql("select presence.allow('%s', 'bob@%s', without => '{notes,activities}')" % (aor, DOMAIN))
    dialect('Leaky', 'note_in_tuple, contact')
    settled()
    phone = Peer('bob', agent='Leaky/1').subscribe(aor)
    notify = phone.until(lambda notify: contacts(notify) == ['sip:' + aor] and b'secret' not in notify.body)
    equal(find(notify.root, '//p:note | //rpid:*'), [])


accounts(*('d%d' % each for each in range(1, 20)))
run(each_policy_is_live, who_is_registered_is_open_where_a_domain_says_so, a_phone_is_told_in_its_dialect,
    a_dialect_shows_nothing_that_rules_hide, no_invariant_is_broken)
