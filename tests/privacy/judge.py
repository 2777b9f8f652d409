"""judge.py - what must hold: of each NOTIFY when it comes, and of all watchers when it is quiet."""
import time

from lxml import etree

from documents import SURE, hiding, kind_of, secrets_of
from phone import Subscription
from reference import shows
from world import GRACE


class Judge:
    def __init__(self, world, random, patience):
        self.patience = patience  # with retransmissions and a busy machine
        self.world, self.random, self.notifies, self.secrets = world, random, 0, 0
        self.waiting, self.slowest = [], 0
        world.while_running = self.look_back

    # ---- each NOTIFY ----

    def on_notify(self, phone, message, arrived):
        each = phone.dialogs.get(message.get('call-id'))
        if each is None:
            self.world.fault('a NOTIFY of no dialog: %s' % message.get('call-id'))
            return
        first = message.cseq not in each.seen and message.cseq not in each.dropped
        if first:
            self.waiting.append((each, message, arrived))
            if self.random.random() < 0.06:  # lost: it comes again
                each.dropped.add(message.cseq)
                return
        phone.answer(message, 200)
        if message.cseq in each.seen:
            return
        try:
            each.take(message, arrived)
        except Exception as error:  # whatever it is, the watcher is lost
            self.world.fault('%s cannot read its NOTIFY: %r\n%s' % (phone.aor, error, message.octets.decode()))

    def look_back(self, delay=2.5):
        """Judges what has come, when it is known how long everything took at that time."""
        while self.waiting and self.waiting[0][2] < time.time() - delay:
            self.look(*self.waiting.pop(0))

    def look(self, each, message, arrived):
        """No secret in it, head or body, that its watcher might not have seen a moment ago."""
        self.notifies += 1
        slack = GRACE + self.world.flight(arrived)
        for secret in secrets_of(message.octets):
            self.secrets += 1
            fact = self.world.facts.get(secret)
            if fact is None:
                self.world.fault('%s was never published' % secret)
                continue
            judgements = self.world.history.judgements(fact.presentity, each.phone.aor, fact.event,
                                                       arrived - slack, arrived)
            if not any(self.may_show(judgement, secret) for judgement in judgements):
                self.world.fault('LEAK: %s of %s to %s (%s) %.3f: %s' % (
                    secret, fact.presentity, each.phone.aor, each.event, arrived, judgements))
            if arrived > fact.dead + slack:
                self.world.fault('STALE: %s of %s to %s, %.3f s after its end' % (
                    secret, fact.presentity, each.phone.aor, arrived - fact.dead))
        self.look_at_state(each, message, arrived, slack)

    def may_show(self, judgement, secret):
        return shows(judgement, hiding(secret))

    def look_at_state(self, each, message, arrived, slack):
        """Ended by the rules alone, when they said so."""
        value = message.get('subscription-state')
        wanted = 'block' if 'reason=rejected' in value else 'confirm' if 'reason=deactivated' in value else None
        if not value.startswith('terminated') or wanted is None:
            return
        server = self.world.server  # a restart tells what the one before it left untold
        since = min(arrived, server.killed_at if arrived < server.started_at + 5 else arrived) - slack - 2
        actions = {action for action, _ in self.world.history.judgements(
            each.presentity, each.phone.aor, each.event, since, arrived)}
        if wanted not in actions:
            self.world.fault('%s to %s was ended: %s, but the rules say %s' % (
                each.phone.aor, each.presentity, value, actions))

    # ---- when it is quiet ----

    def settle(self):
        """Waits until every watcher knows what is true; what is still wrong then is a fault."""
        world, begin = self.world, time.time()
        world.run(0.4)
        while True:
            now = time.time()
            world.tidy(now)
            wrong = ['requests are unanswered'] if world.outstanding() else self.wrongs(now)
            if not wrong or now > begin + self.patience + 4 * world.flight(now):
                break
            world.run(0.1)
        for text in wrong:
            world.fault('UNTOLD: ' + text)
        self.slowest = max(self.slowest, time.time() - begin)
        if not wrong:
            self.compare_partial()

    def wrongs(self, now):
        found = []
        for each in self.world.subscriptions:
            if each.status // 100 != 2 or each.forgotten or each.ended_by_us or each.state == 'terminated':
                continue
            if each.expires_at < now + 1:
                continue  # it is ending
            wrong = self.list_wrongs(each, now) if each.options.get('eventlist') else self.wrong(
                each, each.presentity, each.state, each.reason, each.belief.document, now)
            if wrong:
                found.append('%s of %s (%s): %s' % (each.phone.aor, each.presentity, each.options, wrong))
        return found

    def judgements(self, presentity, watcher, event, now):
        return self.world.history.judgements(presentity, watcher, event, now - 0.2, now)

    def list_wrongs(self, each, now):
        members = each.options.get('members') or self.world.lists[each.presentity]
        believed = each.belief.members
        if each.state != 'active':
            return 'a list that is ' + str(each.state)
        if set(believed) != set(members):
            return 'members %s, not %s' % (sorted(believed), sorted(members))
        wrongs = [self.wrong(each, aor, *believed[aor], now) for aor in members]
        return '; '.join(filter(None, wrongs))

    def wrong(self, each, presentity, state, reason, document, now):
        judgements = self.judgements(presentity, each.phone.aor, each.event, now)
        if len(judgements) > 1:
            return 'a rule has just changed'
        [(action, hidden)] = judgements
        wanted = {'block': 'terminated', 'confirm': 'pending'}.get(action, 'active')
        if state != wanted or wanted == 'terminated' and reason != 'rejected':
            return '%s is %s %s, the rules say %s' % (presentity, state, reason, action)
        if wanted != 'active':
            return ''
        return self.wrong_content(each, presentity, (action, hidden), document)

    def standing(self, presentity, event, now):
        """The secrets of what is published, and of that what may be gone already."""
        live, ending = set(), set()
        for each in self.world.publications:
            if (each.presentity, each.event) == (presentity, event):
                (ending if each.expires_at < now + 1 else live).update(each.secrets)
        if event == 'presence':
            live.update(self.world.hard.get(presentity, ()))
        return live, ending

    def must_show(self, each, presentity, secret):
        """False where policy, dialect or filter may leave it out for another reason."""
        if presentity.split('@')[1] not in self.world.union and each.event == 'presence':
            return False
        if kind_of(secret) not in SURE or each.options.get('body_type', '').endswith('filter+xml'):
            return False
        return each.options.get('user_agent', 'Phone') in ('Phone', 'Noted')

    def wrong_content(self, each, presentity, judgement, document):
        seen = secrets_of(document)
        live, ending = self.standing(presentity, each.event, time.time())
        may = {secret for secret in live | ending if self.may_show(judgement, secret)}
        must = {secret for secret in may & live if self.must_show(each, presentity, secret)}
        text = ''
        if seen - may:
            text += '%s still shows %s; ' % (presentity, sorted(seen - may))
        if must - seen:
            text += '%s does not show %s' % (presentity, sorted(must - seen))
        return text and text + ' %s' % (judgement,)

    # ---- partial documents say the same as full ones ----

    def compare_partial(self):
        pairs = []
        for each in list(self.world.subscriptions):
            if 'accept' in each.options and each.state == 'active' and each in self.world.live():
                options = {'user_agent': each.options['user_agent'], 'id': 'full'}
                pairs.append((each, Subscription(each.phone, each.presentity, each.event, options)))
        for _, fetch in pairs:
            self.world.begin(fetch, 0)
        self.world.run(0.1)
        end = time.time() + self.patience
        while any(not fetch.belief.document for _, fetch in pairs) and time.time() < end:
            self.world.run(0.05)
        for each, fetch in pairs:
            ending = any(one.presentity == each.presentity and one.expires_at < time.time() + 2
                         for one in self.world.publications)
            judged = self.judgements(each.presentity, each.phone.aor, each.event, time.time() - 1)
            if ending or len(judged) > 1:
                continue
            self.world.count('partial states compared')
            if outline(each.belief.document) != outline(fetch.belief.document):
                self.world.fault('%s of %s: partial\n%s\nfull\n%s' % (
                    each.phone.aor, each.presentity, each.belief.document, fetch.belief.document))


def outline(document):
    if not document:
        return None
    return [(element.tag, sorted(element.attrib.items()), (element.text or '').strip())
            for element in etree.fromstring(document).iter('*')]
