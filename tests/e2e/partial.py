"""partial.py - partial presence (RFC 5262, 5263, 5264): what diffs make is what all others are told."""
import itertools

from lxml import etree

from agent import (DOMAIN, Peer, accounts, check, equal, find, no_invariant_is_broken, read, restart, run, sql)

from apply import apply  # noqa: E402: RFC 5261 with lxml, by tests/partial

PIDF, DIFF = 'application/pidf+xml', 'application/pidf-diff+xml'
ACCEPT = ['Accept: application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1']
SPACE, PATCH = '{urn:ietf:params:xml:ns:pidf}', '{urn:ietf:params:xml:ns:pidf-diff}'
ROOT = ('xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"')
number = itertools.count(1)


def someone():
    name = 'p%d' % next(number)
    return name, '%s@%s' % (name, DOMAIN), Peer(name)


def tuple_of(name, basic='open', note=None, more=''):
    return '<tuple id="%s"><status><basic>%s</basic></status>%s%s</tuple>' % (
        name, basic, more, '<note>%s</note>' % note if note else '')


def person(*activities):
    return '<dm:person id="me"><rpid:activities>%s</rpid:activities></dm:person>' % ''.join(
        '<rpid:%s/>' % each for each in activities)


def pidf(name, *parts):
    return '<?xml version="1.0"?><presence %s entity="sip:%s@%s">%s</presence>' % (ROOT, name, DOMAIN, ''.join(parts))


class Publisher:
    """A device: each document replaces the one before."""

    def __init__(self, name):
        self.name, self.peer, self.etag = name, Peer(name), None

    def say(self, *parts):
        response = self.peer.publish('presence', PIDF, pidf(self.name, *parts), self.etag)
        equal(response.status, 200, response.first)
        self.etag = response['SIP-ETag']

    def send(self, body, etag=None):
        response = self.peer.publish('presence', DIFF, body, etag)
        if response.status == 200:
            self.etag = response['SIP-ETag']
        return response.status


def as_presence(full):
    """The presence document that a <pidf-full> stands for (RFC 5262 section 3.1)."""
    root = etree.fromstring(full, etree.XMLParser(strip_cdata=True, resolve_entities=False))
    spaces = {prefix: uri for prefix, uri in root.nsmap.items() if '{%s}' % uri != PATCH}
    made = etree.Element(SPACE + 'presence', nsmap=spaces)
    made.text = root.text
    made.set('entity', root.get('entity'))
    made.extend(list(root))
    return etree.tostring(made)


class Watch:
    """A watcher that takes diffs, beside one that does not."""

    def __init__(self, aor, user='bob'):
        self.partial, self.plain = Peer(user).subscribe(aor, headers=ACCEPT), Peer(user).subscribe(aor)
        equal((self.partial.status, self.plain.status), (200, 200))
        self.version, self.document = 0, None

    def told(self, notify):
        equal(notify.type, DIFF)
        root = read(notify.body)
        self.kind, version = etree.QName(root).localname, int(root.get('version'))
        check(version == self.version + 1 or self.kind == 'pidf-full' and version > self.version, 'version', version)
        self.version = version
        self.document = as_presence(notify.body) if self.kind == 'pidf-full' else \
            etree.tostring(apply(self.document, notify.body))
        self.bytes = len(notify.body)
        return self

    def take(self):
        return self.told(self.partial.next())

    def same(self):
        """As what the other one was told now."""
        notify = self.plain.next()
        equal(notify.type, PIDF)
        have, want = (etree.tostring(etree.fromstring(each), method='c14n') for each in (self.document, notify.body))
        equal(have, want)
        return len(notify.body)

    def both(self, kind):
        self.take()
        equal(self.kind, kind)
        return self.same()


def full_first_and_then_diffs_that_make_the_same():
    name, aor, _ = someone()
    desk, phone = Publisher(name), Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    watch.both('pidf-full')
    equal(watch.version, 1, 'RFC 5263 section 4.4')
    steps = [(desk, many[:3] + [tuple_of('d3', 'closed', 'changed')] + many[4:]), (phone, [tuple_of('phone')]),
             (desk, many[1:]), (desk, many + [person('away')]), (phone, [tuple_of('phone'), person('busy', 'meeting')]),
             (desk, many[::-1] + [person('away')]), (desk, [*many, '<note xml:lang="de">Grüße &amp; &lt;mehr&gt;</note>']),
             (phone, [tuple_of('d1', 'closed', "its id's taken")]), (desk, many)]
    sizes = []
    for device, parts in steps:
        device.say(*parts)
        watch.take()
        sizes.append((watch.kind, watch.bytes, watch.same()))
    diffs = [(part, whole) for kind, part, whole in sizes if kind == 'pidf-diff']
    check(len(diffs) >= 7, 'few need full state', sizes)
    check(all(part < whole for part, whole in diffs), sizes)
    watch.partial.silent()


def who_prefers_full_state_gets_it():
    _, aor, _ = someone()
    for accept, kind in ((ACCEPT[0], DIFF), ('Accept: application/pidf-diff+xml', DIFF), ('Supported: x', PIDF),
                         ('Accept: application/pidf-diff+xml;q=0.2, application/pidf+xml', PIDF),
                         ('Accept: application/pidf+xml', PIDF)):
        subscription = Peer('bob').subscribe(aor, headers=[accept])
        equal((subscription.status, subscription.next().type), (200, kind), accept)


def after_one_that_got_lost_it_is_full_again():
    name, aor, _ = someone()
    desk = Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    watch.both('pidf-full')
    watch.partial.peer.answer = None
    desk.say(*many[1:])
    lost = watch.partial.next()
    equal(etree.QName(lost.root).localname, 'pidf-diff')
    watch.plain.next()
    watch.partial.peer.answer = 200
    equal(watch.partial.ask(ACCEPT), 200)
    watch.told(watch.partial.until(lambda notify: b'pidf-full' in notify.body))
    equal(watch.plain.ask(), 200)
    watch.same()
    check(watch.version > int(lost.root.get('version')), 'no version is used twice')
    desk.say(*many[2:])
    watch.both('pidf-diff')


def a_refusal_of_one_makes_the_next_full():
    name, aor, _ = someone()
    desk = Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    watch.both('pidf-full')
    watch.partial.peer.answer = 500
    desk.say(*many[1:])
    watch.partial.next()
    watch.plain.next()
    watch.partial.peer.answer = 200
    desk.say(*many[2:])
    watch.told(watch.partial.next(within=8))
    equal(watch.kind, 'pidf-full')
    watch.same()


def after_a_restart_it_is_full_again():
    name, aor, _ = someone()
    desk = Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    watch.both('pidf-full')
    desk.say(*many[1:])
    watch.both('pidf-diff')
    restart()
    desk.say(*many[2:])
    watch.take()
    equal(watch.kind, 'pidf-full')
    while b'"d1"' in watch.document:
        watch.take()
    watch.plain.until(lambda notify: b'"d1"' not in notify.body)
    desk.say(*many[3:])
    watch.both('pidf-diff')


def a_rule_that_changes_makes_it_full_again():
    name, aor, _ = someone()
    desk = Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    watch.both('pidf-full')
    sql("select presence.allow('%s', 'bob@%s', without => '{notes}')" % (aor, DOMAIN))
    watch.both('pidf-full')
    check(b'note' not in watch.document, watch.document)
    desk.say(*many[1:], tuple_of('new', note='secret'))
    watch.both('pidf-diff')
    check(b'secret' not in watch.document, watch.document)
    sql("select presence.remove_rule('%s', 'bob@%s')" % (aor, DOMAIN))
    watch.both('pidf-full')
    check(b'secret' in watch.document, watch.document)


def a_condition_that_holds_spends_no_version():
    name, aor, _ = someone()
    desk = Publisher(name)
    many = [tuple_of('d%d' % each, note='tuple number %d' % each) for each in range(8)]
    desk.say(*many)
    watch = Watch(aor)
    notify = watch.partial.next()
    watch.told(notify).same()
    equal(watch.partial.ask(ACCEPT + ['Suppress-If-Match: ' + notify['SIP-ETag']]), 204)
    watch.partial.silent()
    desk.say(*many[1:])
    watch.both('pidf-diff')


def full(name, *parts):
    return ('<?xml version="1.0"?><p:pidf-full %s xmlns:p="urn:ietf:params:xml:ns:pidf-diff" entity="sip:%s@%s"'
            ' version="1">%s</p:pidf-full>' % (ROOT, name, DOMAIN, ''.join(parts)))


def diff(name, *patches):
    return ('<?xml version="1.0"?><p:pidf-diff %s xmlns:p="urn:ietf:params:xml:ns:pidf-diff" entity="sip:%s@%s"'
            ' version="2">%s</p:pidf-diff>' % (ROOT, name, DOMAIN, ''.join(patches)))


def what_is_published_in_part_is_kept_whole():
    name, aor, _ = someone()
    device = Publisher(name)
    watch = Watch(aor)
    watch.both('pidf-full')
    equal(device.send(full(name, tuple_of('a', note='one'), tuple_of('b'))), 200)
    watch.take().same()
    equal(find(read(watch.document), 'p:tuple/p:note/text()'), ['one'])
    equal(device.send(diff(name, '<p:replace sel="*/tuple[@id=\'a\']/note/text()">two</p:replace>',
                           '<p:add sel="*">%s</p:add>' % tuple_of('c'), '<p:remove sel="*/tuple[@id=\'b\']"/>'),
                      device.etag), 200)
    watch.take().same()
    equal(find(read(watch.document), 'p:tuple/p:note/text()'), ['two'])
    equal(len(find(read(watch.document), 'p:tuple')), 2)
    restart()
    equal(device.send(diff(name, '<p:replace sel="*/tuple[@id=\'a\']/note/text()">three</p:replace>'), device.etag), 200)
    while b'three' not in watch.document:
        watch.take()
    watch.plain.until(lambda notify: b'three' in notify.body)
    device.say(tuple_of('a', note='whole again'))  # the old etag is its own
    watch.take().same()


def a_diff_that_is_sent_again_is_applied_once():
    name, aor, peer = someone()
    device = Publisher(name)
    equal(device.send(full(name, tuple_of('a', note='one'))), 200)
    headers = ['Event: presence', 'Expires: 600', 'Content-Type: ' + DIFF, 'SIP-If-Match: ' + device.etag]
    body = diff(name, '<p:add sel="*">%s</p:add>' % tuple_of('b', note='two'))
    tags = set()
    for _ in range(2):  # the same Call-ID, From tag and CSeq, in another transaction
        response = device.peer.ask('PUBLISH', 'sip:' + aor, headers, body, 'again-%s' % name, 5, 'again')
        equal(response.status, 200)
        tags.add(response['SIP-ETag'])
    equal(len(tags), 1)
    equal(find(read(Peer('bob').subscribe(aor).next().body), 'p:tuple/p:note/text()'), ['one', 'two'])


def bad_ones_are_refused_and_change_nothing():
    name, aor, _ = someone()
    device = Publisher(name)
    replace = '<p:replace sel="*/tuple[@id=\'%s\']/note/text()">two</p:replace>'
    equal(device.send(diff(name, replace % 'a')), 400, 'there is nothing that it could change')
    equal(device.send(full(name, tuple_of('a', note='one'))), 200)
    etag = device.etag
    for body, status in ((diff(name, replace % 'x'), 400), ('<p:pidf-diff', 400), (diff(name, '<p:move sel="*"/>'), 400),
                         (diff(name, '<p:remove sel="*"/>'), 400)):
        equal(device.send(body, etag), status, body)
    equal(device.send(diff(name, replace % 'a'), 'nonsense'), 412)
    equal(device.peer.publish('dialog', DIFF, full(name)).status, 415)
    equal(find(read(Peer('bob').subscribe(aor).next().body), 'p:tuple/p:note/text()'), ['one'])
    equal(device.send(diff(name, replace % 'a'), etag), 200, 'the publication is as it was')
    equal(device.send(diff(name, replace % 'a'), etag), 412, 'it has another entity-tag now')


accounts(*('p%d' % each for each in range(1, 20)))
run(full_first_and_then_diffs_that_make_the_same, who_prefers_full_state_gets_it,
    after_one_that_got_lost_it_is_full_again, a_refusal_of_one_makes_the_next_full, after_a_restart_it_is_full_again,
    a_rule_that_changes_makes_it_full_again, a_condition_that_holds_spends_no_version,
    what_is_published_in_part_is_kept_whole, a_diff_that_is_sent_again_is_applied_once,
    bad_ones_are_refused_and_change_nothing, no_invariant_is_broken)
