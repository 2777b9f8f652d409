"""filter.py - watchers that ask for less (RFC 4660, RFC 4661)."""
import itertools

from agent import (DOMAIN, Members, Peer, accounts, check, equal, eventually, find, no_invariant_is_broken, read, restart,
                   run, settled, sql)

FILTER = ['Content-Type: application/simple-filter+xml']
EVENTLIST = ['Supported: eventlist', 'Accept: application/pidf+xml, application/rlmi+xml, multipart/related']
NAMESPACES = ('<ns-bindings><ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/><ns-binding prefix="rpid"'
              ' urn="urn:ietf:params:xml:ns:pidf:rpid"/><ns-binding prefix="dm"'
              ' urn="urn:ietf:params:xml:ns:pidf:data-model"/></ns-bindings>')
number = itertools.count(1)


def uri(name):
    return 'sip:%s@%s' % (name, DOMAIN)


def person():
    name = 'f%d' % next(number)
    return name, '%s@%s' % (name, DOMAIN)


def filters(*each):
    return ('<?xml version="1.0"?><filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">%s%s</filter-set>' %
            (NAMESPACES, ''.join(each)))


def what(include='', exclude='', name='1', to='', more=''):
    inner = ''.join('<include%s</include>' % each for each in include.split('|') if each) + \
        ''.join('<exclude%s</exclude>' % each for each in exclude.split('|') if each)
    return '<filter id="%s"%s><what>%s</what>%s</filter>' % (name, to, inner, more)


def trigger(inner, name='1'):
    return '<filter id="%s"><trigger>%s</trigger></filter>' % (name, inner)


def pidf(name, basic='open', note='here', activity='away'):
    return ('<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:'
            'data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="%s"><tuple id="t"><status><basic>%s</basic>'
            '</status><contact>sip:c@192.0.2.1</contact><note>%s</note></tuple><dm:person id="p"><rpid:activities><rpid:%s/>'
            '</rpid:activities></dm:person></presence>' % (uri(name), basic, note, activity))


def say(name, **what):
    sql("select presence.publish('%s@%s', '%s')" % (name, DOMAIN, pidf(name, **what)))
    settled()


def has(notify):
    root = notify.root
    return {name for name, path in (('basic', '//p:basic'), ('note', '//p:note'), ('contact', '//p:contact'),
                                    ('activities', '//rpid:activities')) if find(root, path)}


def watch(aor, body, headers=(), user='bob'):
    subscription = Peer(user).subscribe(aor, headers=FILTER + list(headers), body=body)
    equal(subscription.status, 200, subscription.response.first)
    return subscription


ONLY_BASIC = what('>/pidf:presence/pidf:tuple/pidf:status/pidf:basic')
NO_NOTE = what(exclude='>/pidf:presence/pidf:tuple/pidf:note')


def what_is_included_is_all_that_is_told():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(ONLY_BASIC))
    equal(has(bob.next()), {'basic'})
    say(name, note='another', activity='busy')
    bob.silent()  # it shows nothing else
    say(name, basic='closed')
    equal(find(bob.next().root, '//p:basic/text()'), ['closed'])


def what_is_excluded_is_not_told():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(NO_NOTE))
    equal(has(bob.next()), {'basic', 'contact', 'activities'})
    say(name, note='another')
    bob.silent()
    bob = watch(aor, filters(what(exclude=' type="namespace">urn:ietf:params:xml:ns:pidf:rpid')))
    equal(has(bob.next()), {'basic', 'contact', 'note'})


def a_trigger_says_when():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(trigger('<changed from="open" to="closed">/pidf:presence/pidf:tuple/pidf:status/pidf:basic'
                                     '</changed>')))
    equal(has(bob.next()), {'basic', 'contact', 'note', 'activities'})
    say(name, note='another')
    bob.silent()
    say(name, note='another', basic='closed')
    check('closed' in find(bob.next().root, '//p:basic/text()'))
    say(name, note='third', basic='open')
    bob.silent()
    equal(bob.ask(), 200)
    equal(find(bob.next().root, '//p:tuple/p:note/text()'), ['third'], 'a refresh tells all the same')


def a_refresh_changes_and_removes_it():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(ONLY_BASIC))
    equal(has(bob.next()), {'basic'})
    equal(bob.ask(), 200)
    equal(has(bob.next()), {'basic'}, 'without a body it stays')
    equal(bob.ask(FILTER, filters(NO_NOTE)), 200)  # the same id: instead of it
    equal(has(bob.next()), {'basic', 'contact', 'activities'})
    equal(bob.ask(FILTER, filters('<filter id="1" remove="true"/>')), 200)
    equal(has(bob.next()), {'basic', 'contact', 'note', 'activities'})
    equal(bob.ask(FILTER, filters(ONLY_BASIC.replace('id="1"', 'id="1" enabled="false"'))), 200)
    equal(has(bob.next()), {'basic', 'contact', 'note', 'activities'}, 'disabled')
    equal(bob.ask(FILTER, filters('<filter id="1" enabled="true"/>')), 200)
    equal(has(bob.next()), {'basic'}, 'enabled')


def after_a_restart_it_stands():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(ONLY_BASIC))
    equal(has(bob.next()), {'basic'})
    restart()
    say(name, basic='closed', note='after')
    notify = bob.until(lambda notify: b'closed' in notify.body)
    equal(has(notify), {'basic'})


def what_rules_hide_no_filter_shows():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(what('>/pidf:presence/pidf:tuple/pidf:note|>//rpid:activities|>//pidf:basic')))
    equal(has(bob.next()), {'basic', 'note', 'activities'})
    sql("select presence.allow('%s', 'bob@%s', without => '{notes,activities}')" % (aor, DOMAIN))
    equal(has(bob.next()), {'basic'})
    say(name, note='secret')
    bob.silent()
    # nor does a trigger tell when it changes
    carol = watch(aor, filters(trigger('<changed>/pidf:presence/pidf:tuple/pidf:note</changed>')), user='carol')
    carol.next()
    sql("select presence.allow('%s', 'carol@%s', without => '{notes,activities}')" % (aor, DOMAIN))
    equal(has(carol.until(lambda notify: 'note' not in has(notify))), {'basic', 'contact'})
    say(name, note='secret again')
    carol.silent()


def one_of_another_resource_does_not_count():
    name, aor = person()
    say(name)
    bob = watch(aor, filters(ONLY_BASIC.replace('id="1"', 'id="1" uri="%s"' % uri(name))))
    equal(has(bob.next()), {'basic'})


def lists_are_filtered_by_member_and_by_domain():
    (one, _), (two, _), (three, _) = person(), person(), person()
    for name in (one, two):
        say(name)
    other = 'sip:far@far.example'
    sql("select presence.publish('far@far.example', '%s')" % pidf(three).replace(uri(three), other))
    settled()
    sql('begin', "select presence.add_list('flist@%s', 'bob@%s')" % (DOMAIN, DOMAIN),
        *("select presence.add_list_member('flist@%s', '%s')" % (DOMAIN, each) for each in (uri(one), uri(two), other)),
        'commit')
    body = filters(ONLY_BASIC.replace('id="1"', 'id="1" uri="%s"' % uri(one)),
                   NO_NOTE.replace('id="1"', 'id="2" domain="far.example"'))
    bob = Peer('bob')
    eventually(lambda: bob.subscribe('flist@' + DOMAIN, headers=EVENTLIST).status == 200)
    subscription = watch('flist@' + DOMAIN, body, EVENTLIST)

    def shown(notify):
        return {each: {name for name in ('basic', 'note', 'contact', 'activities') if
                       find(read(octets), '//*[local-name()="%s"]' % name)} for each, octets in
                Members(notify).body.items()}

    equal(shown(subscription.next()), {uri(one): {'basic'}, uri(two): {'basic', 'note', 'contact', 'activities'},
                                       other: {'basic', 'contact', 'activities'}})
    say(one, note='not told')
    subscription.silent()
    say(two, note='told')
    equal(list(shown(subscription.next())), [uri(two)])
    equal(subscription.ask(EVENTLIST + FILTER, filters('<filter id="2" remove="true"/>')), 200)
    equal(shown(subscription.next())[other], {'basic', 'note', 'contact', 'activities'})
    equal(subscription.ask(EVENTLIST + FILTER, filters(ONLY_BASIC.replace('id="1"', 'id="3"'))), 200)
    equal(set.union(*shown(subscription.next()).values()), {'basic'}, 'one without uri or domain is for all')
    own = ONLY_BASIC.replace('id="1"', 'id="3" uri="%s"' % uri('flist'))
    equal(subscription.ask(EVENTLIST + FILTER, filters(own)), 200)
    equal(set.union(*shown(subscription.next()).values()), {'basic'}, "and so is one for the list's own")
    restart()
    say(one, basic='closed')
    notify = subscription.until(lambda notify: b'closed' in notify.body)
    equal(shown(notify)[uri(one)], {'basic'})


def bad_filters_are_refused():
    _, aor = person()
    for body, status in (('<filter-set', 400), ('<presence/>', 488), (filters(), 488),
                         (filters('<filter id="1"><what><include type="nonsense">x</include></what></filter>'), 488),
                         (filters(what('>/pidf:presence[count(//*) > 3]/..//following::x')), 488),
                         (filters(ONLY_BASIC, ONLY_BASIC), 488),
                         (filters(*(what('>//pidf:basic', name=str(each)) for each in range(500))), 413)):
        response = Peer('bob').subscribe(aor, headers=FILTER, body=body).response
        equal(response.status, status, body[:300], response.first)
    response = Peer('bob').subscribe(aor, headers=['Content-Type: text/plain'], body='x').response
    equal(response.status, 415)
    check('application/simple-filter+xml' in response['Accept'], response['Accept'])
    equal(Peer('bob').subscribe(aor, headers=['Content-Type: text/plain', 'Content-Disposition: x;handling=optional'],
                                body='x').status, 200)
    equal(Peer('bob').subscribe(aor, 'dialog', FILTER, filters(ONLY_BASIC)).status, 415)


accounts(*('f%d' % each for each in range(1, 40)))
sql("select presence.add_domain('far.example')")
accounts('far', domain='far.example')
run(what_is_included_is_all_that_is_told, what_is_excluded_is_not_told, a_trigger_says_when,
    a_refresh_changes_and_removes_it, after_a_restart_it_stands, what_rules_hide_no_filter_shows,
    one_of_another_resource_does_not_count, lists_are_filtered_by_member_and_by_domain, bad_filters_are_refused,
    no_invariant_is_broken)
