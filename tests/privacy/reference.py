"""reference.py - who may see what, slowly: straight from DESIGN section 7 and the comments of
presence.watcher_rule, sharing nothing with the server. Remembers every version of the rules and
when it was committed, so that it can say what somebody might see at any moment of the past."""

ACTIONS = ['block', 'confirm', 'polite-block', 'allow']  # the later lets through more
PARTS = ['notes', 'activities', 'location', 'devices']
EVERYTHING = frozenset(PARTS + ['unknown', 'basic'])


def domain_of(aor):
    return aor.split('@')[1]


class Rule:
    """A row of presence.watcher_rule; times as time.time() has them, None for ever."""

    def __init__(self, domain, presentity, watcher, event, action, basic_only, without, since, until):
        self.domain, self.presentity, self.watcher, self.event = domain, presentity, watcher, event
        self.action, self.since, self.until = action, since, until
        self.hidden = EVERYTHING if basic_only else frozenset(without) | {'unknown'} if without else frozenset()

    def counts(self, moment):
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    def place(self, presentity, watcher, event):
        """How specific the rule is for that question, the least first; None: it says nothing."""
        identities = {watcher: 1, '@' + domain_of(watcher): 2, None: 3}
        if (self.domain != domain_of(presentity) or self.presentity not in (None, presentity)
                or self.watcher not in identities):
            return None
        if self.event != event and not (self.event is None and event in ('presence', 'dialog')):
            return None
        return identities[self.watcher], self.presentity is None, self.event is None


class Version:
    """The rules from one commit to the next."""

    def __init__(self, rules, defaults, since):
        self.rules, self.defaults, self.since, self.until = rules, defaults, since, float('inf')

    def judge(self, presentity, watcher, event, moment):
        """The action, and what is hidden."""
        if presentity == watcher:
            return 'allow', frozenset()
        fitting = [(place, rule) for rule in self.rules.values() if rule.counts(moment)
                   and (place := rule.place(presentity, watcher, event)) is not None]
        if not fitting:
            return self.defaults[domain_of(presentity)], frozenset()
        first = min(place for place, _ in fitting)
        equal = [rule for place, rule in fitting if place == first]
        action = max((rule.action for rule in equal), key=ACTIONS.index)
        return action, frozenset.intersection(*(rule.hidden for rule in equal if rule.action == action))


class History:
    """All versions. A change counts from when its transaction began, and what was before it until
    its transaction had ended: in between nobody can tell."""

    def __init__(self, defaults):
        self.versions = [Version({}, dict(defaults), 0)]

    @property
    def now(self):
        return self.versions[-1]

    def change(self, rules, defaults, began, ended):
        self.now.until = ended
        self.versions.append(Version(rules, defaults, began))

    def judgements(self, presentity, watcher, event, begin, end):
        """Every judgement that held at some moment between the two."""
        found = set()
        for version in reversed(self.versions):
            if version.since <= end and version.until >= begin:
                first, last = max(begin, version.since), min(end, version.until)
                edges = [edge for rule in version.rules.values() for edge in (rule.since, rule.until)
                         if edge is not None and first <= edge <= last]
                for moment in [first, last] + edges:
                    found.add(version.judge(presentity, watcher, event, moment))
            if version.until < begin:
                break
        return found


def shows(judgement, hiding):
    """Whether somebody so judged sees what the parts `hiding` would hide."""
    action, hidden = judgement
    return action == 'allow' and not hidden & hiding
