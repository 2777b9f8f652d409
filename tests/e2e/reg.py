"""reg.py - the event package `reg` (RFC 3680): what is bound to an AOR."""
from agent import DOMAIN, Peer, accounts, check, equal, eventually, find, no_invariant_is_broken, restart, run, sql

number = 0


def phone():
    global number
    number += 1
    name = 'reg%d' % number
    return '%s@%s' % (name, DOMAIN), Peer(name)


def contact(peer, host='192.0.2.1', params=''):
    return '<sip:%s@%s>%s' % (peer.user, host, params)


class Registrar:
    """What a watcher knows of a registration (RFC 3680 section 5.2)."""

    def __init__(self, peer, aor):
        self.aor, self.version, self.ids = aor, -1, {}
        self.subscription = peer.subscribe(aor, 'reg')
        equal(self.subscription.status, 200)
        self.take()
        check(self.full and self.version == 0, 'the first one is full, of version 0')

    def take(self, again=False):
        notify = self.subscription.next()
        equal(notify.type, 'application/reginfo+xml')
        root = notify.root
        version, self.full = int(root.get('version')), root.get('state') == 'full'
        check(version == self.version + 1 or again and self.full and version > self.version, 'version', version)
        self.version = version
        registration, = find(root, 'r:registration')
        equal(registration.get('aor'), 'sip:' + self.aor)
        self.state = registration.get('state')
        self.contacts = {}
        for each in find(registration, 'r:contact'):
            uri = find(each, 'r:uri/text()')[0]
            equal(self.ids.setdefault(uri, each.get('id')), each.get('id'), 'the id stays')
            self.contacts[uri] = each
        return self

    def told(self, state, **events):
        """Of hosts: "h1='registered'" is the contact at 192.0.2.1."""
        equal(self.state, state)
        equal({'h' + uri[-1]: each.get('event') for uri, each in self.contacts.items()}, events)
        for each in self.contacts.values():
            equal(each.get('state'), 'terminated' if each.get('event') in ('expired', 'unregistered') else 'active')
        return self


def contacts_come_refresh_silently_and_go():
    aor, owner = phone()
    watcher = Registrar(owner, aor).told('init')
    equal(owner.register([contact(owner, params=';q=0.5;+sip.instance="<urn:uuid:1>";methods="INVITE"')]).status, 200)
    watcher.take().told('active', h1='registered')
    first, = watcher.contacts.values()
    equal(float(first.get('q')), 0.5)
    equal(sorted(find(first, 'r:unknown-param/@name')), ['+sip.instance', 'methods'])
    check(590 < int(first.get('expires')) <= 600, first.get('expires'))
    equal(owner.register([contact(owner, params=';q=0.5;+sip.instance="<urn:uuid:1>";methods="INVITE"')], cseq=3).status,
          200)
    watcher.subscription.silent()
    equal(owner.register([contact(owner, '192.0.2.2')], cseq=5).status, 200)
    watcher.take().told('active', h2='registered')
    check(not watcher.full, 'the other one has not changed')
    equal(owner.register([contact(owner, '192.0.2.1', ';expires=0')], cseq=7).status, 200)
    watcher.take().told('active', h1='unregistered')
    equal(owner.register(['*'], 0, cseq=9).status, 200)
    watcher.take().told('terminated', h2='unregistered')
    equal(watcher.subscription.ask(), 200)
    watcher.take().told('init')


def a_contact_expires():
    aor, owner = phone()
    watcher = Registrar(owner, aor)
    equal(owner.register([contact(owner)], 1).status, 200)
    watcher.take().told('active', h1='registered')
    watcher.take().told('terminated', h1='expired')


def a_refresh_moves_the_time_of_a_contact():
    aor, owner = phone()
    watcher = Registrar(owner, aor)
    equal(owner.register([contact(owner)], 2).status, 200)
    watcher.take().told('active', h1='registered')
    equal(owner.register([contact(owner)], 600, cseq=3).status, 200)
    watcher.subscription.silent(2.1)  # it would have expired by now
    equal(watcher.subscription.ask(), 200)
    watcher.take().told('active', h1='registered')
    check(590 < int(list(watcher.contacts.values())[0].get('expires')) <= 600, 'the new time is told')
    equal(owner.register([contact(owner)], 0, cseq=5).status, 200)
    watcher.take().told('terminated', h1='unregistered')


def several_contacts_in_one_request_are_one_notify():
    aor, owner = phone()
    watcher = Registrar(owner, aor)
    equal(owner.register([contact(owner), contact(owner, '192.0.2.2')]).status, 200)
    watcher.take().told('active', h1='registered', h2='registered')
    watcher.subscription.silent()


def sql_unregisters():
    aor, owner = phone()
    watcher = Registrar(owner, aor)
    equal(owner.register([contact(owner), contact(owner, '192.0.2.2')]).status, 200)
    watcher.take()
    sql("select presence.unregister('%s', 'sip:%s@192.0.2.1')" % (aor, owner.user))
    watcher.take().told('active', h1='unregistered')
    sql("delete from presence.binding where aor = '%s'" % aor)
    watcher.take().told('terminated', h2='unregistered')


def the_owner_alone_may_subscribe_unless_a_rule_names_reg():
    aor, owner = phone()
    bob = Peer('bob')
    equal(bob.subscribe(aor, 'reg').status, 403)
    sql("select presence.allow('%s', 'bob@%s')" % (aor, DOMAIN))
    equal(bob.subscribe(aor, 'reg').status, 403)
    sql("select presence.confirm('%s', 'bob@%s', event => 'reg')" % (aor, DOMAIN))
    eventually(lambda: bob.subscribe(aor, 'reg').status == 200)
    equal(owner.register([contact(owner)]).status, 200)
    pending = bob.subscribe(aor, 'reg')
    notify = pending.next()
    check(notify.state.startswith('pending') and b'192.0.2.1' not in notify.body, notify.state, notify.body)
    sql("select presence.allow('%s', 'bob@%s', event => 'reg')" % (aor, DOMAIN))
    notify = pending.next()
    check(notify.state.startswith('active') and b'192.0.2.1' in notify.body, notify.state, notify.body)
    sql("select presence.block('%s', 'bob@%s', event => 'reg')" % (aor, DOMAIN))
    check(pending.next().state.startswith('terminated;reason=rejected'))
    sql("select presence.remove_rule('%s', 'bob@%s', 'reg')" % (aor, DOMAIN))


def nothing_is_published():
    aor, owner = phone()
    response = owner.publish('reg', 'application/reginfo+xml', 'x')
    check(response.status == 489 and 'reg' in response['Allow-Events'], response.first)
    equal(owner.subscribe(aor, 'reg', ['Accept: application/pidf+xml']).status, 406)


def after_a_restart_it_goes_on():
    aor, owner = phone()
    watcher = Registrar(owner, aor)
    equal(owner.register([contact(owner), contact(owner, '192.0.2.2')]).status, 200)
    watcher.take().told('active', h1='registered', h2='registered')
    restart()
    equal(owner.register([contact(owner)], 0, cseq=3).status, 200)
    watcher.take(again=True)
    check('h2' in {'h' + uri[-1] for uri in watcher.contacts}, 'all of it is told')
    while 'sip:%s@192.0.2.1' % owner.user in watcher.contacts and \
            watcher.contacts['sip:%s@192.0.2.1' % owner.user].get('event') != 'unregistered':
        watcher.take()
    equal(owner.register(['*'], 0, cseq=5).status, 200)
    watcher.take().told('terminated', h2='unregistered')


accounts(*('reg%d' % each for each in range(1, 20)))
run(contacts_come_refresh_silently_and_go, a_contact_expires, a_refresh_moves_the_time_of_a_contact,
    several_contacts_in_one_request_are_one_notify, sql_unregisters,
    the_owner_alone_may_subscribe_unless_a_rule_names_reg, nothing_is_published, after_a_restart_it_goes_on,
    no_invariant_is_broken)
