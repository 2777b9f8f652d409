"""documents.py - random documents in which everything has a secret of its own; a secret's name
tells its kind, and the kind what would hide it."""
import re

SECRET = re.compile(rb'q([a-z]+)0x([0-9a-f]{10})q')

# What hides each kind, beside a rule that shows open or closed alone.
HIDING = {
    'contact': set(),
    'gruu': {'devices'},
    'tuple': {'devices'},
    'tuplenote': {'notes'}, 'topnote': {'notes'}, 'personnote': {'notes'},
    'devicenote': {'notes', 'devices'}, 'actnote': {'notes', 'activities'}, 'timednote': {'notes'},
    'activity': {'activities', 'notes'}, 'mood': {'activities', 'notes'},
    'place': {'location', 'notes'}, 'geopriv': {'location'}, 'map': {'location'},
    'device': {'devices'}, 'input': {'devices'}, 'caps': {'devices'},
    'homepage': set(),
    'unknown': {'unknown'}, 'attribute': {'unknown'}, 'prefix': {'unknown'}, 'comment': {'unknown'},
    'dialog': {'unknown'},
}
HIDING = {kind: frozenset(parts | {'basic'}) for kind, parts in HIDING.items()}

# What no composition drops where nothing hides it, and no phone's dialect or filter is in the way.
SURE = {'contact', 'gruu', 'tuplenote', 'topnote', 'personnote', 'devicenote', 'actnote', 'activity',
        'mood', 'geopriv', 'device', 'unknown', 'dialog'}

ROOT = ('<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:ts="urn:ietf:params:xml:ns:pidf:timed-status"'
        ' xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid" xmlns:ca="urn:ietf:params:xml:ns:pidf:caps"'
        ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"'
        ' xmlns:x="urn:example:%s" entity="sip:%s">')


class Author:
    """Writes documents, and remembers which secrets each holds."""

    def __init__(self, random):
        self.random = random

    def secret(self, kind):
        made = 'q%s0x%010xq' % (kind, self.random.getrandbits(40))
        self.made.add(made)
        return made

    def maybe(self, text, chance=0.5):
        """`text` with a secret for each {kind}, or nothing."""
        if self.random.random() >= chance:
            return ''
        return re.sub(r'\{(\w+)\}', lambda found: self.secret(found.group(1)), text)

    def tuple(self):
        device = self.maybe('mac:{device}', 0.4)
        gruu = device and self.random.random() < 0.3
        contact = ('sip:%s@127.0.0.1;gr=%s' % (self.secret('gruu'), device) if gruu
                   else 'sip:%s@127.0.0.1' % self.secret('contact'))
        return ''.join([
            '<tuple id="%s"' % self.secret('tuple'), self.maybe(' x:tag="{attribute}"', 0.2), '>',
            '<status><basic>%s</basic>' % self.random.choice(['open', 'closed']),
            self.maybe('<gp:geopriv><gp:location-info><cl:civicAddress><cl:country>AT</cl:country><cl:A1>{geopriv}'
                       '</cl:A1></cl:civicAddress></gp:location-info><gp:usage-rules/></gp:geopriv>', 0.4),
            '</status>',
            self.maybe('<x:extra><x:deep>{unknown}</x:deep></x:extra>', 0.4),
            self.maybe('<ts:timed-status from="2031-01-01T00:00:00Z" until="2031-01-02T00:00:00Z">'
                       '<ts:basic>open</ts:basic><ts:note>{timednote}</ts:note></ts:timed-status>', 0.2),
            self.maybe('<!-- {comment} -->', 0.2),
            '<dm:deviceID>%s</dm:deviceID>' % device if device else '',
            self.maybe('<r:user-input idle-threshold="60" id="{input}">idle</r:user-input>', 0.2),
            '<contact priority="0.%d">%s</contact>' % (self.random.randrange(10), contact),
            self.maybe('<note>{tuplenote}</note>'), '</tuple>'])

    def person(self):
        return ''.join([
            '<dm:person id="p%d">' % self.random.randrange(1000),
            self.maybe('<r:activities><r:note>{actnote}</r:note><r:away/><r:other>{activity}</r:other></r:activities>'),
            self.maybe('<r:mood><r:other>{mood}</r:other></r:mood>', 0.4),
            self.maybe('<r:place-type><r:other>{place}</r:other></r:place-type>', 0.3),
            self.maybe('<ci:map>http://{map}.example.org/</ci:map>', 0.2),
            self.maybe('<ci:homepage>http://{homepage}.example.org/</ci:homepage>', 0.2),
            self.maybe('<x:soul>{unknown}</x:soul>', 0.3),
            self.maybe('<dm:note>{personnote}</dm:note>'), '</dm:person>'])

    def device(self):
        return ''.join(['<dm:device id="d%d">' % self.random.randrange(1000),
                        self.maybe('<ca:devcaps><ca:description>{caps}</ca:description></ca:devcaps>', 0.3),
                        '<dm:deviceID>mac:%s</dm:deviceID>' % self.secret('device'),
                        self.maybe('<dm:note>{devicenote}</dm:note>'), '</dm:device>'])

    def presence(self, aor):
        """A document, and the secrets in it."""
        self.made = set()
        parts = [self.tuple() for _ in range(self.random.choice([1, 1, 2]))]
        parts += [self.maybe('<note>{topnote}</note>', 0.4)]
        if self.random.random() < 0.7:
            parts.append(self.person())
        if self.random.random() < 0.5:
            parts.append(self.device())
        space = self.secret('prefix') if self.random.random() < 0.1 else 'things'
        return ROOT % (space, aor) + ''.join(parts) + '</presence>', frozenset(self.made)

    def dialog(self, aor):
        self.made = set()
        return ('<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:%s">'
                '<dialog id="a%d" call-id="c%d" direction="initiator"><state>confirmed</state><remote>'
                '<identity display="%s">sip:someone@example.org</identity></remote></dialog></dialog-info>'
                % (aor, self.random.getrandbits(30), self.random.getrandbits(30), self.secret('dialog')),
                frozenset(self.made))

    def document(self, event, aor):
        return self.dialog(aor) if event == 'dialog' else self.presence(aor)


def secrets_of(octets):
    return {match.group(0).decode() for match in SECRET.finditer(octets)}


def kind_of(secret):
    return SECRET.match(secret.encode()).group(1).decode()


def hiding(secret):
    return HIDING[kind_of(secret)]
