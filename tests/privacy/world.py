"""world.py - presentities, watchers, rules and lists, and what may happen to them at random. Keeps
what is true: who published what, which rules were committed when."""
import select
import time
from random import Random

from documents import Author
from phone import Phone, Subscription, parameter  # noqa: F401
from reference import ACTIONS, PARTS, History, Rule, domain_of

FOREVER = float('inf')
GRACE = 0.3    # DESIGN section 6: what is committed takes effect within 100 ms
OUTAGE = 65    # what expired while the server was away lives on for 60 s
FILTERS = [
    ('<include type="namespace">urn:ietf:params:xml:ns:pidf</include>'),
    ('<include type="xpath">/pidf:presence/pidf:tuple/pidf:note</include>'),
    ('<include type="xpath">/pidf:presence/pidf:tuple</include>'
     '<exclude type="xpath">/pidf:presence/pidf:tuple/pidf:note</exclude>'),
]


def filter_body(random):
    return ('<?xml version="1.0" encoding="UTF-8"?><filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">'
            '<ns-bindings><ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings>'
            '<filter id="f"><what>%s</what></filter></filter-set>' % random.choice(FILTERS))


def list_body(members):
    return ('<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
            '<list>%s</list></resource-lists>' % ''.join('<entry uri="sip:%s"/>' % aor for aor in members))


class Fact:
    """A secret: whose, and how long it stood in a publication."""

    def __init__(self, presentity, event, born):
        self.presentity, self.event, self.born, self.dead = presentity, event, born, FOREVER


class Publication:
    def __init__(self, presentity, event):
        self.presentity, self.event, self.tag, self.secrets = presentity, event, None, frozenset()
        self.busy, self.expires_at, self.cseq = True, FOREVER, 0


class World:
    def __init__(self, random, database, server, sip_port, domains, on_notify):
        self.random, self.database, self.server, self.on_notify = random, database, server, on_notify
        self.author, self.history = Author(Random(random.random())), History({domain: 'allow' for domain in domains})
        self.presentities = ['p%d@%s' % (i, domains[i % 3 // 2]) for i in range(5)]
        self.watchers = ['w%d@%s' % (i, domains[i % 2]) for i in range(5)]
        self.domains, self.union = domains, {domains[0]}
        self.lists = {'friends@' + domain: [] for domain in domains}
        self.flights, self.facts, self.hard, self.publications = [(0, 0)], {}, {}, []
        self.subscriptions, self.faults, self.counts = [], [], {}
        self.phones = {aor: [Phone(Random(random.random()), sip_port, aor, self.on_flight) for _ in range(2)]
                       for aor in self.watchers + self.presentities}
        self.prober, self.probed_at = Phone(Random(0), sip_port, '', self.on_flight), 0
        self.while_running = lambda: None
        self.set_up()

    def set_up(self):
        for statement in (
                'begin', *("select presence.add_domain('%s')" % domain for domain in self.domains),
                "update presence.domain set authentication = false",
                *("select presence.add_account('%s', 'secret')" % aor for aor in self.watchers + self.presentities),
                *("select presence.add_account('own@%s', 'secret')" % domain for domain in self.domains),
                *("select presence.add_list('%s')" % aor for aor in self.lists),
                "insert into presence.dialect (user_agent, plain) values ('Plain', true)",
                "insert into presence.dialect (user_agent, one_tuple) values ('One', true)",
                "insert into presence.dialect (user_agent, note_in_tuple) values ('Noted', true)",
                'commit'):
            self.database.run(statement)

    # ---- time ----

    def on_flight(self, moment, seconds):
        self.flights.append((moment, seconds))

    def flight(self, moment):
        """How long a question to the server took around then, on a machine that has more to do."""
        return max([0] + [seconds for at, seconds in self.flights if moment - 2 < at < moment + 2])

    def probe(self, now):
        """One question after the other, so that it is known when the server was kept waiting."""
        if now < self.probed_at + 0.05 or self.prober.outstanding:
            return
        self.probed_at, self.flights = now, self.flights[-2000:]
        headers = ['From: <sip:probe@127.0.0.1>;tag=p', 'To: <sip:127.0.0.1>', 'CSeq: 1 OPTIONS',
                   'Call-ID: %016x' % self.prober.random.getrandbits(64)]
        self.prober.request('OPTIONS', 'sip:127.0.0.1', headers, '', lambda message, arrived: None)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, text):
        self.faults.append(text)
        print('FAULT %s' % text, flush=True)

    def run(self, seconds):
        """Lets the phones work."""
        end = time.time() + seconds
        phones = {phone.socket: phone for each in self.phones.values() for phone in each}
        phones[self.prober.socket] = self.prober
        while True:
            before = time.time()
            if before >= end:
                return
            ready, _, _ = select.select(list(phones), [], [], max(0, min(end - before, 0.05)))
            for each in ready:
                phones[each].receive(self.on_notify)
            for phone in phones.values():
                phone.repeat(time.time())
            self.probe(time.time())
            self.while_running()

    def outstanding(self):
        return any(phone.outstanding for each in self.phones.values() for phone in each)

    # ---- rules ----

    def random_rule(self):
        pick, domain = self.random.choice, self.random.choice(self.domains)
        of_domain = [aor for aor in self.presentities if domain_of(aor) == domain]
        watcher = pick([None, '@' + pick(self.domains)] + [pick(self.watchers) for _ in range(4)])
        action = pick(ACTIONS + ['allow'] * 4)
        parts = [part for part in PARTS if self.random.random() < 0.4] if action == 'allow' else []
        basic = action == 'allow' and self.random.random() < 0.15
        now, since, until = time.time(), None, None
        if self.random.random() < 0.25:
            since = round(now + self.random.uniform(-1, 2), 3) if self.random.random() < 0.6 else None
            until = round((since or now) + self.random.uniform(0.3, 3), 3)
        return Rule(domain, pick([None] + of_domain * 2), watcher, pick([None, None, 'presence', 'dialog']),
                    action, basic, parts, since, until), basic, parts

    def rule_values(self, rule, basic, parts):
        def text(value):
            return 'null' if value is None else "'%s'" % value

        def moment(value):
            return 'null' if value is None else "to_timestamp(%.3f)" % value
        return [text(rule.presentity), text(rule.watcher), text(rule.event), "'%s'" % rule.action, str(basic),
                "'{%s}'" % ','.join(parts), moment(rule.since), moment(rule.until)]

    COLUMNS = ['presentity', 'watcher', 'event', 'action', 'basic_only', 'without', 'valid_from', 'valid_until']

    def change_rule(self, rules):
        """One statement; what it makes of the rules is in `rules` afterwards."""
        chance = self.random.random()
        if rules and (chance < 0.3 or len(rules) > 25):
            gone = self.random.choice(sorted(rules))
            del rules[gone]
            return 'delete from presence.watcher_rule where id = %d' % gone, None
        rule, basic, parts = self.random_rule()
        values = self.rule_values(rule, basic, parts)
        if rules and chance < 0.55:
            changed = self.random.choice(sorted(rules))
            rule.domain, rule.presentity = rules[changed].domain, rules[changed].presentity
            pairs = ['%s = %s' % pair for pair in list(zip(self.COLUMNS, values))[1:]]
            return 'update presence.watcher_rule set %s where id = %d returning id' % (', '.join(pairs), changed), rule
        return ("insert into presence.watcher_rule (domain, %s) values ('%s', %s) returning id"
                % (', '.join(self.COLUMNS), rule.domain, ', '.join(values)), rule)

    def change_rules(self):
        """A transaction of some statements; one in eight is rolled back and counts for nothing."""
        began, rules, failed = time.time(), dict(self.history.now.rules), False
        self.database.run('begin')
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            statement, rule = self.change_rule(rules)
            rows, _, _ = self.database.run(statement)
            if rule is not None and not rows:
                failed = True  # there is one for the same identity
            if rule is not None and rows:
                rules[int(rows[0][0])] = rule
        if failed or self.random.random() < 0.12:
            self.database.run('rollback')
            return
        _, began, ended = self.database.run('commit')
        self.on_flight(ended, ended - began)
        self.history.change(rules, self.history.now.defaults, began, ended)
        self.count('rule changes')

    def change_default(self):
        defaults, domain = dict(self.history.now.defaults), self.random.choice(self.domains)
        defaults[domain] = self.random.choice(ACTIONS + ['allow'] * 3)
        _, began, ended = self.database.run("update presence.domain set default_watcher_rule = '%s' where name = '%s'"
                                            % (defaults[domain], domain))
        self.history.change(self.history.now.rules, defaults, began, ended)
        self.count('default changes')

    def change_policy(self):
        self.database.run("update presence.domain set presence_policy = '%s' where name = '%s'" % (
            self.random.choice(['union', 'latest', 'priority', 'single']), self.domains[1]))

    def change_list(self):
        aor = self.random.choice(sorted(self.lists))
        members, member = self.lists[aor], self.random.choice(self.presentities)
        if member in members:
            members.remove(member)
            self.database.run("select presence.remove_list_member('%s', 'sip:%s')" % (aor, member))
        else:
            members.append(member)
            self.database.run("select presence.add_list_member('%s', 'sip:%s')" % (aor, member))
        self.count('list changes')

    # ---- publications ----

    def learn(self, presentity, event, secrets):
        for secret in secrets:
            self.facts[secret] = Fact(presentity, event, time.time())

    def forget(self, secrets, moment):
        for secret in secrets:
            self.facts[secret].dead = min(self.facts[secret].dead, moment)

    def publish(self):
        now = time.time()
        free = [each for each in self.publications if not each.busy and each.expires_at > now + 1]
        if free and self.random.random() < 0.6 or len(self.publications) > 12:
            if free:
                self.publish_again(self.random.choice(free))
            return
        each = Publication(self.random.choice(self.presentities), self.random.choice(['presence'] * 4 + ['dialog']))
        self.publications.append(each)
        self.send_publish(each, self.author.document(each.event, each.presentity), self.random_expires())

    def random_expires(self):
        return self.random.choice([3600, 3600, 3600, 2])

    def publish_again(self, each):
        kind = self.random.choice(['modify', 'modify', 'modify', 'refresh', 'remove'])
        document = self.author.document(each.event, each.presentity) if kind == 'modify' else ('', None)
        self.send_publish(each, document, 0 if kind == 'remove' else self.random_expires())

    def send_publish(self, each, document, expires):
        body, secrets = document
        if secrets:
            self.learn(each.presentity, each.event, secrets)
        each.busy, each.cseq = True, each.cseq + 1
        headers = ['From: <sip:%s>;tag=%08x' % (each.presentity, self.random.getrandbits(32)),
                   'To: <sip:%s>' % each.presentity, 'Call-ID: %016x' % self.random.getrandbits(64),
                   'CSeq: %d PUBLISH' % each.cseq, 'Event: ' + each.event, 'Expires: %d' % expires]
        if each.tag:
            headers.append('SIP-If-Match: ' + each.tag)
        if body:
            headers.append('Content-Type: application/%s+xml' % ('dialog-info' if each.event == 'dialog' else 'pidf'))
        self.phones[each.presentity][0].request(
            'PUBLISH', 'sip:' + each.presentity, headers, body,
            lambda message, arrived: self.on_published(each, secrets, expires, message, arrived))

    def on_published(self, each, secrets, expires, message, arrived):
        each.busy = False
        self.count('publications')
        if message.status == 412 and (expires == 0 or each.expires_at < arrived + 1):
            self.publications.remove(each)  # it has expired, or was removed before a kill
            self.forget(each.secrets, arrived)
        elif message.status != 200:
            self.fault('PUBLISH for %s: %s' % (each.presentity, message.first))
        else:
            each.tag = message.get('sip-etag')
            if secrets is not None or expires == 0:
                self.forget(each.secrets, arrived)
                each.secrets = secrets or frozenset()
            each.expires_at = arrived + expires
            if expires == 0:
                self.publications.remove(each)

    def tidy(self, now):
        """What has expired is dead, at the latest when no outage gives it a grace any more."""
        for each in list(self.publications):
            if not each.busy and now > each.expires_at + self.grace_of(each):
                self.publications.remove(each)
                self.forget(each.secrets, now)

    def grace_of(self, each):
        return OUTAGE if self.server.started_at > each.expires_at - OUTAGE and self.server.killed_at else 1.5

    def publish_hard(self):
        presentity = self.random.choice(self.presentities)
        before = self.hard.get(presentity, frozenset())
        if before and self.random.random() < 0.5:
            self.database.run("select presence.unpublish('%s')" % presentity)
            self.hard[presentity] = frozenset()
        else:
            body, secrets = self.author.document('presence', presentity)
            self.learn(presentity, 'presence', secrets)
            self.database.run("select presence.publish('%s', $doc$%s$doc$)" % (presentity, body))
            self.hard[presentity] = secrets
        # Not in force before the server has carried it out, and it may be away.
        self.forget(before, time.time() + 5)
        self.count('hard states')

    # ---- watchers ----

    def random_options(self, presentity):
        if presentity in self.lists:
            return {'eventlist': True}
        options = {}
        if self.random.random() < 0.25:
            options['accept'] = 'application/pidf-diff+xml, application/pidf+xml;q=0.5'
        elif self.random.random() < 0.15:
            options.update(body=filter_body(self.random), body_type='application/simple-filter+xml')
        if self.random.random() < 0.2:
            options['id'] = 'i%d' % self.random.randrange(3)
        options['user_agent'] = self.random.choice(['Phone', 'Phone', 'Phone', 'Plain', 'One', 'Noted'])
        return options

    def choose_watched(self, watcher):
        """Somebody, or the list of the watcher's domain, or a list of its own."""
        if self.random.random() < 0.15:
            members = self.random.sample(self.presentities, 3)
            return 'own@' + domain_of(watcher), 'presence', {
                'eventlist': True, 'body': list_body(members), 'members': members,
                'body_type': 'application/resource-lists+xml', 'disposition': 'recipient-list'}
        if self.random.random() < 0.2:
            return 'friends@' + domain_of(watcher), 'presence', {'eventlist': True}
        presentity = self.random.choice(self.presentities)
        if self.random.random() < 0.2:
            return presentity, 'dialog', {'user_agent': 'Phone'}
        return presentity, 'presence', self.random_options(presentity)

    def live(self):
        return [each for each in self.subscriptions if each.status // 100 == 2 and not each.forgotten
                and not each.ended_by_us and each.state != 'terminated' and not each.busy]

    def judged(self):
        """What the rules say now of everyone who watches."""
        return [self.history.now.judge(each.presentity, each.phone.aor, each.event, time.time())
                for each in self.live() if not each.options.get('eventlist')]

    def subscribe(self):
        watcher = self.random.choice(self.watchers + self.presentities[:1])
        if len(self.live()) > 40:
            return
        presentity, event, options = self.choose_watched(watcher)
        expires = self.random.choice([3600, 3600, 3600, 3600, 0, 3])
        made = Subscription(self.random.choice(self.phones[watcher]), presentity, event, options)
        self.begin(made, expires)

    def begin(self, made, expires):
        for each in self.subscriptions:
            if each.device() == made.device() and 'user_agent' in made.options:
                each.forgotten = True  # the same device has begun anew
        made.phone.dialogs[made.call_id] = made
        self.subscriptions.append(made)
        made.asked_at = time.time()
        made.subscribe(expires, self.on_subscribed)
        self.count('subscriptions')

    def on_subscribed(self, made, message, arrived):
        """A refusal must be by the rules, and so must be what is accepted."""
        if 'members' in made.options or made.presentity in self.lists:
            if message.status != 200:
                self.fault('list %s refused to %s: %s' % (made.presentity, made.phone.aor, message.first))
            return
        actions = {action for action, _ in self.history.judgements(
            made.presentity, made.phone.aor, made.event, made.asked_at - GRACE - self.flight(arrived), arrived)}
        if message.status == 200 and actions == {'block'} or message.status == 403 and 'block' not in actions:
            self.fault('%s to %s (%s) was answered %s, rules say %s' % (
                made.phone.aor, made.presentity, made.event, message.first, actions))
        elif message.status not in (200, 403):
            self.fault('SUBSCRIBE to %s: %s' % (made.presentity, message.first))

    def subscribe_again(self):
        """A refresh, the end, or a phone that has forgotten its dialog."""
        live = [each for each in self.live() if each.to and each.expires_at > time.time() + 1]
        if not live:
            return
        each, chance = self.random.choice(live), self.random.random()
        if chance < 0.55:
            each.subscribe(3600, self.on_refreshed, body='disposition' not in each.options)
        elif chance < 0.8 or 'user_agent' not in each.options:
            each.subscribe(0, self.on_refreshed, body=False)
        else:
            self.begin(Subscription(each.phone, each.presentity, each.event, each.options), 3600)

    def on_refreshed(self, each, message, arrived):
        if message.status == 481 and (each.state == 'terminated' or each.expires_at < arrived + 1):
            each.status = 481
        elif message.status == 481:
            each.told_gone = arrived  # its NOTIFY must be on its way
        elif message.status != 200:
            self.fault('refresh of %s: %s' % (each.presentity, message.first))
