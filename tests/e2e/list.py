"""list.py - resource lists (RFC 4662, RFC 5367): many watched as one."""
import itertools
import os
import subprocess

from agent import (DIR, DOMAIN, SOON, Members, Peer, accounts, check, equal, eventually, find, no_invariant_is_broken,
                   read, restart, run, settled, sql)

EVENTLIST = ['Supported: eventlist', 'Accept: application/pidf+xml, application/rlmi+xml, multipart/related']
DIALOGS = ['Supported: eventlist', 'Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related']
LIST_TYPE, PIDF, DIALOG = 'application/resource-lists+xml', 'application/pidf+xml', 'application/dialog-info+xml'
LIMIT = 12  # notify.list_members_max of test_list.sh
members, lists = (itertools.count(1) for _ in range(2))


def uri(name):
    return 'sip:%s@%s' % (name, DOMAIN)


def people(count):
    return ['m%d' % next(members) for _ in range(count)]


def pidf(name, note):
    return ('<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="%s"><tuple id="t"><status><basic>'
            'open</basic></status><note>%s</note></tuple></presence>' % (uri(name), note))


def say(name, note):
    return "select presence.publish('%s@%s', '%s')" % (name, DOMAIN, pidf(name, note))


def make_list(*uris, owner='bob', name=''):
    """Its AOR."""
    aor = 'list%d@%s' % (next(lists), DOMAIN)
    sql('begin', "select presence.add_list('%s', %s, '%s')" % (aor, "'%s@%s'" % (owner, DOMAIN) if owner else 'null', name),
        *("select presence.add_list_member('%s', '%s')" % (aor, each) for each in uris), 'commit')
    return aor


class Watch:
    """A subscription to a list, and what is known of its members by RFC 4662 section 5."""

    def __init__(self, aor, event='presence', headers=EVENTLIST, body=b'', user='bob', first=True):
        self.peer, self.known, self.version = Peer(user), {}, -1
        eventually(lambda: self.ask(aor, event, headers, body) != 404)  # the list is live
        equal(self.subscription.status, 200)
        equal(self.subscription.response['Require'], 'eventlist')
        if first:
            self.take()
            check(self.seen.full and self.version == 0, 'the first one is full, of version 0')

    def ask(self, *arguments):
        self.subscription = self.peer.subscribe(*arguments)
        return self.subscription.status

    def take(self, again=False):
        notify = self.subscription.next()
        equal(notify['Require'], 'eventlist')
        self.seen = Members(notify)
        check(self.seen.version == self.version + 1 or again and self.seen.version > self.version, 'version')
        self.version = self.seen.version
        if self.seen.full:
            self.known = {}
        for each in self.seen.order:
            self.known[each] = (self.seen.state.get(each), self.seen.reason.get(each), self.seen.body.get(each))
        return self

    def told(self, *names):
        """These alone."""
        equal(sorted(self.seen.order), sorted(uri(name) for name in names))
        return self

    def state(self, name):
        return self.known[uri(name)][:2]

    def note(self, name):
        return (find(read(self.known[uri(name)][2]), 'p:tuple/p:note/text()') or [None])[0]

    def until(self, holds, within=SOON):
        eventually(lambda: holds() or (self.take() and holds()), within=within)


def all_members_first_and_then_what_changed():
    names = people(5)
    sql(say(names[0], 'here'))
    settled()
    sql("select presence.block('%s@%s', 'bob@%s')" % (names[1], DOMAIN, DOMAIN),
        "select presence.confirm('%s@%s', 'bob@%s')" % (names[2], DOMAIN, DOMAIN),
        "select presence.polite_block('%s@%s', 'bob@%s')" % (names[3], DOMAIN, DOMAIN), say(names[3], 'secret'))
    nested = make_list(uri(names[4]))
    watch = Watch(make_list(*(uri(name) for name in names[:4]), uri('nobody'), 'sip:x@elsewhere.example', 'sip:' + nested,
                            'tel:+4930', name='friends & family'))
    equal(find(watch.seen.rlmi, 'l:name/text()'), ['friends & family'])
    equal(watch.seen.order, [uri(name) for name in names[:4]] + [uri('nobody'), 'sip:x@elsewhere.example', uri(names[4]),
                                                                 'tel:+4930'])
    equal(watch.state(names[0]), ('active', None))
    equal(watch.note(names[0]), 'here')
    equal(watch.state(names[1]), ('terminated', 'rejected'))
    equal(watch.known[uri(names[2])], ('pending', None, None))
    equal(watch.state(names[3]), ('active', None))
    equal(watch.note(names[3]), None, 'politely blocked')
    equal(watch.state('nobody'), ('terminated', 'noresource'))
    equal(watch.known['sip:x@elsewhere.example'][:2], ('terminated', 'noresource'))
    equal(watch.known['tel:+4930'][:2], ('terminated', 'noresource'))
    equal(watch.state(names[4]), ('active', None))
    sql(say(names[4], 'away'))
    watch.take().told(names[4])
    equal((watch.seen.full, watch.note(names[4])), (False, 'away'))
    sql(*(say(name, 'nothing of it shows') for name in names[1:4]))
    watch.subscription.silent()
    equal(watch.subscription.ask(EVENTLIST), 200)
    watch.take()
    check(watch.seen.full, 'a refresh tells of all')


def several_members_that_change_at_once_are_one_notify():
    names = people(6)
    watch = Watch(make_list(*(uri(name) for name in names)))
    sql('begin', *(say(name, 'meeting') for name in names[:4]), 'commit')
    watch.take().told(*names[:4])
    watch.subscription.silent()


def without_eventlist_it_is_421_and_without_the_types_406():
    aor = make_list(uri(people(1)[0]))
    bob = Peer('bob')
    eventually(lambda: bob.subscribe(aor).status == 421)
    equal(bob.subscribe(aor).response['Require'], 'eventlist')
    response = bob.subscribe(aor, headers=['Supported: eventlist', 'Accept: application/pidf+xml']).response
    equal(response.status, 406)
    check('application/rlmi+xml' in response['Accept'] and 'multipart/related' in response['Accept'], response['Accept'])
    equal(bob.subscribe(aor, headers=['Supported: eventlist', 'Accept: multipart/related, application/rlmi+xml']).status,
          406)
    Watch(aor, headers=['Supported: eventlist'])


def a_list_is_its_owners_or_its_domains():
    name, = people(1)
    mine, ours = make_list(uri(name)), make_list(uri(name), owner=None)
    Watch(mine)
    equal(Peer('carol').subscribe(mine, headers=EVENTLIST).status, 403)
    Watch(ours, user='carol')
    equal(Peer('stranger', domain='other.example').subscribe(ours, headers=EVENTLIST).status, 403)


def members_come_and_go_while_it_is_watched():
    names = people(3)
    aor = make_list(uri(names[0]), uri(names[1]))
    watch = Watch(aor)
    sql("select presence.add_list_member('%s', '%s', 'Third')" % (aor, uri(names[2])))
    watch.until(lambda: uri(names[2]) in watch.known)
    equal(watch.seen.name[uri(names[2])], 'Third')
    sql("select presence.remove_list_member('%s', '%s')" % (aor, uri(names[0])))
    watch.until(lambda: uri(names[0]) not in watch.known)
    equal(set(watch.known), {uri(names[1]), uri(names[2])})
    sql("update presence.list_member set name = 'Another' where uri = '%s'" % uri(names[2]))
    watch.until(lambda: watch.seen.name.get(uri(names[2])) == 'Another')
    sql("update presence.list set name = 'Renamed' where aor = '%s'" % aor)
    watch.until(lambda: find(watch.seen.rlmi, 'l:name/text()') == ['Renamed'])
    sql(say(names[1], 'still'))
    watch.until(lambda: watch.note(names[1]) == 'still')


def a_list_within_a_list_changes_it():
    names = people(2)
    inner = make_list(uri(names[0]))
    watch = Watch(make_list('sip:' + inner))
    sql("select presence.add_list_member('%s', '%s')" % (inner, uri(names[1])))
    watch.until(lambda: uri(names[1]) in watch.known)


def a_list_that_is_no_more_ends_its_subscriptions():
    names = people(1)
    for change in ("update presence.list set enabled = false where aor = '%s'", "select presence.remove_list('%s')",
                   "update presence.list set aor = 'x' || aor where aor = '%s'"):
        aor = make_list(uri(names[0]))
        watch = Watch(aor)
        sql(change % aor)
        notify = watch.subscription.next()
        check(notify.state.startswith('terminated;reason=noresource'), notify.state)
        watch.subscription.silent()
        eventually(lambda: Peer('bob').subscribe(aor, headers=EVENTLIST).status == 404)
        eventually(lambda: sql("select count(*) from presence.subscription where aor = '%s'" % aor) == '0')


def a_member_who_gets_an_account_is_seen():
    aor = make_list(uri('late'))
    watch = Watch(aor)
    equal(watch.state('late'), ('terminated', 'noresource'))
    sql("select presence.add_account('late@%s', 'secret')" % DOMAIN)
    watch.until(lambda: watch.state('late')[0] == 'active')
    sql(say('late', 'new'))
    watch.until(lambda: watch.note('late') == 'new')
    sql("select presence.remove_account('late@%s')" % DOMAIN)
    watch.until(lambda: watch.state('late') == ('terminated', 'noresource'))


def a_member_over_the_limit_shows_as_terminated():
    names = people(LIMIT + 2)
    watch = Watch(make_list(*(uri(name) for name in names)))
    equal(len(watch.known), LIMIT + 2)
    equal([watch.state(name) for name in names], [('active', None)] * LIMIT + [('terminated', 'giveup')] * 2)
    sql(say(names[-1], 'unseen'))
    watch.subscription.silent()
    sql(say(names[LIMIT - 1], 'seen'))
    watch.take().told(names[LIMIT - 1])


def what_has_no_room_is_named_and_comes_later():
    names = people(LIMIT)
    sql(*(say(name, name + 'x' * 7000) for name in names))
    settled()
    watch = Watch(make_list(*(uri(name) for name in names)), first=False)
    watch.take()
    check(watch.seen.full)
    equal(sorted(watch.known), sorted(uri(name) for name in names), 'full state has every member')
    check(1 < len(watch.seen.state) < LIMIT, 'but not its state')
    watch.take()
    equal(watch.seen.full, False)
    equal([watch.note(name)[:-7000] for name in names], names)
    watch.subscription.silent()


def a_list_in_the_body():
    names = people(3)
    sql(say(names[1], 'there'))
    settled()
    body = ('<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>'
            '<entry uri="%s"/><entry uri="%s"><display-name>Two</display-name></entry><entry uri="sip:nobody@%s"/></list>'
            '</resource-lists>' % (uri(names[0]), uri(names[1]), DOMAIN))
    headers = EVENTLIST + ['Content-Type: ' + LIST_TYPE, 'Content-Disposition: recipient-list',
                           'Require: recipient-list-subscribe']
    watch = Watch('bob@' + DOMAIN, headers=headers, body=body)
    equal(watch.seen.order, [uri(names[0]), uri(names[1]), uri('nobody')])
    equal((watch.note(names[1]), watch.seen.name[uri(names[1])]), ('there', 'Two'))
    sql(say(names[0], 'here'))
    watch.take().told(names[0])
    equal(watch.subscription.ask(EVENTLIST), 200)  # the list stays (RFC 5367 section 4.3)
    watch.take()
    equal(len(watch.known), 3)
    bob = Peer('bob')
    equal(bob.subscribe('bob@' + DOMAIN, headers=headers, body=body.replace('</list>', '')).status, 400)
    equal(bob.subscribe('bob@' + DOMAIN, headers=headers[2:], body=body).status, 421)
    response = watch.subscription.ask(headers, body)  # section 5.1
    equal(response, 415)
    equal(watch.subscription.ask(EVENTLIST + ['Content-Type: application/simple-filter+xml'], '<filter-set/>'), 415)
    restart()
    sql(say(names[1], 'after'))
    watch.take(again=True)
    watch.until(lambda: watch.note(names[1]) == 'after')
    watch.subscription.end()


def another_limit_counts_without_a_restart():
    names, path = people(LIMIT + 1), os.path.join(DIR, 'presenced.conf')
    aor = make_list(*(uri(name) for name in names))
    equal(Watch(aor).state(names[-1]), ('terminated', 'giveup'))
    with open(path, encoding='utf-8') as file:
        text = file.read()

    def limit(number):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('members_max = %d' % LIMIT, 'members_max = %d' % number))
        subprocess.run(['pkill', '-HUP', '-x', '-P', str(os.getppid()), 'presenced'], check=True)

    limit(LIMIT + 1)
    eventually(lambda: Watch(aor).state(names[-1]) == ('active', None))
    limit(LIMIT)
    eventually(lambda: Watch(aor).state(names[-1]) == ('terminated', 'giveup'))


def a_body_that_is_no_list_is_refused_in_words():
    headers = EVENTLIST + ['Content-Type: ' + LIST_TYPE, 'Content-Disposition: recipient-list']
    for inside, phrase in (('<list><entry-ref ref="x"/></list>', 'Entry Reference Not Supported'),
                           ('<list/>', 'Empty Resource List'), ('<list>', 'Malformed XML')):
        body = '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">%s</resource-lists>' % inside
        equal(Peer('bob').subscribe('bob@' + DOMAIN, headers=headers, body=body).response.first,
              'SIP/2.0 400 ' + phrase)


def nobody_reads_a_list_of_someone_else_by_naming_it():
    name, = people(1)
    hers = make_list(uri(name), owner='carol')
    body = ('<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>'
            '<entry uri="sip:%s"/></list></resource-lists>' % hers)
    headers = EVENTLIST + ['Content-Type: ' + LIST_TYPE, 'Content-Disposition: recipient-list']
    eventually(lambda: Peer('carol').subscribe(hers, headers=EVENTLIST).status == 200)
    equal(list(Watch('carol@' + DOMAIN, headers=headers, body=body, user='carol').known), [uri(name)])
    watch = Watch('bob@' + DOMAIN, headers=headers, body=body)
    equal(watch.known, {'sip:' + hers: ('terminated', 'noresource', None)})
    sql("update presence.list set owner = 'bob@%s' where aor = '%s'" % (DOMAIN, hers))
    watch.until(lambda: list(watch.known) == [uri(name)])


def each_members_rules_act_at_once():
    names = people(2)
    sql(*(say(name, 'note of ' + name) for name in names))
    settled()
    watch = Watch(make_list(*(uri(name) for name in names)))
    rule = "select presence.%%s('%s@%s', 'bob@%s')" % (names[0], DOMAIN, DOMAIN)
    equal(watch.note(names[0]), 'note of ' + names[0])
    for action, state in (('confirm', ('pending', None)), ('block', ('terminated', 'rejected'))):
        sql("select presence.remove_rule('%s@%s', 'bob@%s')" % (names[0], DOMAIN, DOMAIN), rule % action)
        watch.until(lambda: watch.state(names[0]) == state)
        equal(watch.known[uri(names[0])][2], None, 'no document')
    sql("select presence.remove_rule('%s@%s', 'bob@%s')" % (names[0], DOMAIN, DOMAIN),
        "select presence.allow('%s@%s', 'bob@%s', without => '{notes}')" % (names[0], DOMAIN, DOMAIN))
    watch.until(lambda: watch.state(names[0]) == ('active', None) and watch.note(names[0]) is None)
    sql("select presence.remove_rule('%s@%s', 'bob@%s')" % (names[0], DOMAIN, DOMAIN))
    watch.until(lambda: watch.note(names[0]) == 'note of ' + names[0])
    equal(watch.note(names[1]), 'note of ' + names[1])


def after_a_restart_it_goes_on():
    names = people(2)
    watch = Watch(make_list(*(uri(name) for name in names)))
    sql(say(names[0], 'before'))
    watch.take().told(names[0])
    restart()
    sql(say(names[1], 'after'))
    watch.take(again=True)
    check(watch.seen.full, 'full state')
    watch.until(lambda: watch.note(names[0]) == 'before' and watch.note(names[1]) == 'after')


def busy_lamps_by_list():
    names = people(2)
    watch = Watch(make_list(*(uri(name) for name in names)), 'dialog', DIALOGS)
    equal([find(read(watch.known[uri(name)][2]), 'd:dialog') for name in names], [[], []])
    body = ('<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="%s"><dialog id="a">'
            '<state>confirmed</state></dialog></dialog-info>' % uri(names[0]))
    pbx = Peer(names[0])
    etag = pbx.publish('dialog', DIALOG, body)['SIP-ETag']
    watch.take().told(names[0])
    root = read(watch.known[uri(names[0])][2])
    equal((find(root, 'd:dialog/d:state/text()'), root.get('version'), root.get('entity')),
          (['confirmed'], '1', uri(names[0])))
    pbx.publish('dialog', DIALOG, '', etag, 0)
    watch.take().told(names[0])
    equal(find(read(watch.known[uri(names[0])][2]), "d:dialog[d:state!='terminated']"), [])


def a_list_is_subscribed_to_on_a_condition():
    names = people(2)
    sql(say(names[0], 'one'))
    settled()
    aor = make_list(*(uri(name) for name in names))
    watch = Watch(aor, first=False)
    etag = watch.subscription.next()['SIP-ETag']
    check(etag, 'it has an entity-tag')
    equal(watch.subscription.ask(EVENTLIST + ['Suppress-If-Match: ' + etag]), 204)
    watch.subscription.silent()
    sql(say(names[1], 'two'))
    notify = watch.subscription.next()
    check(notify['SIP-ETag'] not in ('', etag))
    equal(Members(notify).order, [uri(names[1])], 'what changed alone')
    equal(watch.subscription.ask(EVENTLIST + ['Suppress-If-Match: ' + etag]), 200)
    notify2 = watch.subscription.next()
    check(Members(notify2).full, 'the old tag gets it all')
    equal(notify2['SIP-ETag'], notify['SIP-ETag'], 'the same for the same')
    restart()
    eventually(lambda: watch.subscription.ask(EVENTLIST + ['Suppress-If-Match: ' + notify['SIP-ETag']]) // 100 == 2)
    # what was on its way at the crash may be told once more, but the same is known by its tag
    equal(watch.subscription.ask(EVENTLIST + ['Suppress-If-Match: ' + notify['SIP-ETag']]), 204)


accounts(*('m%d' % each for each in range(1, 120)))
sql("select presence.add_domain('other.example')")
accounts('stranger', domain='other.example')
run(all_members_first_and_then_what_changed, several_members_that_change_at_once_are_one_notify,
    without_eventlist_it_is_421_and_without_the_types_406, a_list_is_its_owners_or_its_domains,
    members_come_and_go_while_it_is_watched, a_list_within_a_list_changes_it,
    a_list_that_is_no_more_ends_its_subscriptions, a_member_who_gets_an_account_is_seen,
    a_member_over_the_limit_shows_as_terminated, what_has_no_room_is_named_and_comes_later, a_list_in_the_body,
    another_limit_counts_without_a_restart, a_body_that_is_no_list_is_refused_in_words,
    nobody_reads_a_list_of_someone_else_by_naming_it, each_members_rules_act_at_once,
    after_a_restart_it_goes_on, busy_lamps_by_list, a_list_is_subscribed_to_on_a_condition, no_invariant_is_broken)
