"""phone.py - a small SIP user agent over UDP: sends requests until they are answered, answers
NOTIFYs, and keeps for each subscription what its watcher now believes."""
import os
import re
import socket
import struct
import sys
import time

from lxml import etree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'partial'))
import apply as partial  # noqa: E402

PIDF = '{urn:ietf:params:xml:ns:pidf}'
DIFF = '{urn:ietf:params:xml:ns:pidf-diff}'
RLMI = '{urn:ietf:params:xml:ns:rlmi}'
DIALOG = '{urn:ietf:params:xml:ns:dialog-info}'
SO_TIMESTAMPNS = 35
T1 = 0.5


class Message:
    def __init__(self, octets):
        head, _, self.body = octets.partition(b'\r\n\r\n')
        lines = head.decode('utf-8').split('\r\n')
        self.first, self.octets, self.headers = lines[0], octets, {}
        for line in lines[1:]:
            name, _, value = line.partition(':')
            self.headers.setdefault(name.strip().lower(), []).append(value.strip())

    def get(self, name, default=''):
        return self.headers.get(name, [default])[0]

    @property
    def status(self):
        return int(self.first.split()[1]) if self.first.startswith('SIP/2.0') else 0

    @property
    def cseq(self):
        return int(self.get('cseq').split()[0])


def parameter(value, name):
    found = re.search(r';\s*%s="?([^;"\s]*)' % name, value)
    return found.group(1) if found else ''


class Socket:
    """One address of its own; what arrives carries the kernel's time of arrival."""

    def __init__(self, server_port):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.udp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.udp.bind(('127.0.0.1', 0))
        self.udp.setblocking(False)
        self.port, self.server = self.udp.getsockname()[1], ('127.0.0.1', server_port)

    def fileno(self):
        return self.udp.fileno()

    def send(self, octets):
        try:
            self.udp.sendto(octets, self.server)
        except OSError:
            pass  # nobody listens while the server is down

    def receive(self):
        """Message and time, or None."""
        while True:
            try:
                octets, ancillary, _, _ = self.udp.recvmsg(65536, 256)
            except BlockingIOError:
                return None
            except OSError:
                continue  # the server's port was closed
            seconds, nanoseconds = struct.unpack('qq', ancillary[0][2][:16])
            return Message(octets), seconds + nanoseconds / 1e9


class Request:
    """One that waits for its answer."""

    def __init__(self, octets, on_answer):
        self.octets, self.on_answer = octets, on_answer
        self.interval, self.began = T1, time.time()
        self.due = self.began + T1


class Phone:
    """A user agent: one socket and the requests that are on their way."""

    def __init__(self, random, server_port, aor, on_flight):
        self.random, self.aor, self.socket = random, aor, Socket(server_port)
        self.host, self.on_flight = '127.0.0.1:%d' % self.socket.port, on_flight
        self.outstanding, self.dialogs = {}, {}

    def request(self, method, uri, headers, body, on_answer):
        branch = 'z9hG4bK%016x' % self.random.getrandbits(64)
        lines = ['%s %s SIP/2.0' % (method, uri), 'Via: SIP/2.0/UDP %s;branch=%s' % (self.host, branch),
                 'Max-Forwards: 70'] + headers + ['Content-Length: %d' % len(body.encode()), '', body]
        octets = '\r\n'.join(lines).encode()
        self.outstanding[branch] = Request(octets, on_answer)
        self.socket.send(octets)

    def repeat(self, now):
        for request in list(self.outstanding.values()):
            if request.due <= now:
                request.interval = min(request.interval * 2, 1)
                request.due = now + request.interval
                self.socket.send(request.octets)

    def receive(self, on_notify):
        while (received := self.socket.receive()) is not None:
            message, arrived = received
            if message.status >= 200:
                request = self.outstanding.pop(parameter(message.get('via'), 'branch'), None)
                if request is not None:
                    if request.interval == T1:
                        self.on_flight(arrived, arrived - request.began)
                    request.on_answer(message, arrived)
            elif message.first.startswith('NOTIFY '):
                on_notify(self, message, arrived)

    def answer(self, message, status):
        lines = ['SIP/2.0 %d Whatever' % status]
        for name in ('via', 'from', 'to', 'call-id', 'cseq'):
            lines += ['%s: %s' % (name.title(), value) for value in message.headers.get(name, [])]
        self.socket.send('\r\n'.join(lines + ['Content-Length: 0', '', '']).encode())


def strip_full(root):
    """RFC 5262 section 4: a pidf-full is the presence document that diffs are applied to."""
    made = etree.Element(PIDF + 'presence', nsmap=root.nsmap)
    made.text = root.text
    if root.get('entity'):
        made.set('entity', root.get('entity'))
    made.extend(list(root))
    return etree.tostring(made)


class Belief:
    """What a watcher knows after the NOTIFYs so far: for itself, or for each member of a list."""

    def __init__(self):
        self.document, self.version, self.members, self.dialogs = b'', None, {}, {}

    def take(self, content_type, body):
        kind = content_type.split(';')[0].strip().lower()
        if kind == 'multipart/related':
            self.take_list(content_type, body)
        elif kind == 'application/pidf-diff+xml':
            self.take_partial(body)
        elif kind == 'application/dialog-info+xml':
            self.take_dialogs(body)
        else:
            self.document = body

    def take_partial(self, body):
        root = etree.fromstring(body)
        version = int(root.get('version'))
        if root.tag == DIFF + 'pidf-full':
            self.document = strip_full(root)
        else:
            if version != self.version + 1:
                raise ValueError('document %d after %d' % (version, self.version))
            self.document = etree.tostring(partial.apply(self.document, body))
        self.version = version

    def take_dialogs(self, body):
        root = etree.fromstring(body)
        if root.get('state') == 'full':
            self.dialogs = {}
        for dialog in root.iter(DIALOG + 'dialog'):
            self.dialogs[dialog.get('id')] = etree.tostring(dialog)
            if dialog.findtext(DIALOG + 'state') == 'terminated':
                del self.dialogs[dialog.get('id')]
        self.document = b''.join(self.dialogs.values())

    def take_list(self, content_type, body):
        boundary = b'--' + re.search(r'boundary="?([^";]+)', content_type).group(1).encode()
        parts = {}
        for part in body.split(boundary)[1:-1]:
            head, _, content = part.partition(b'\r\n\r\n')
            cid = re.search(rb'content-id:\s*<([^>]*)>', head, re.I)
            parts[cid.group(1).decode()] = content
        start = re.search(r'start="?<([^>]*)>', content_type)
        root = etree.fromstring(parts[start.group(1)] if start else next(iter(parts.values())))
        version = int(root.get('version'))
        if root.get('fullState') == 'true':
            self.members = {}
        elif self.version is None or version != self.version + 1:
            raise ValueError('list document %d after %s' % (version, self.version))
        self.version = version
        for resource in root.iter(RLMI + 'resource'):
            instance = resource.find(RLMI + 'instance')
            state, reason, cid = (None, None, None) if instance is None else (
                instance.get('state'), instance.get('reason'), instance.get('cid'))
            self.members[resource.get('uri')[4:]] = state, reason, parts[cid] if cid else b''


class Subscription:
    """A dialog of a watcher, as the watcher has it."""

    def __init__(self, phone, presentity, event, options):
        self.phone, self.presentity, self.event, self.options = phone, presentity, event, options
        self.call_id, self.tag = '%016x' % phone.random.getrandbits(64), '%08x' % phone.random.getrandbits(32)
        self.cseq, self.to, self.target = 0, None, None
        self.state, self.reason, self.belief, self.last_cseq = None, '', Belief(), 0
        self.forgotten, self.ended_by_us, self.busy = False, False, False
        self.expires_at, self.status, self.told_at = 0, 0, 0
        self.seen, self.dropped, self.asked_at = set(), set(), 0

    def device(self):
        """What tells the server that a dialog takes another one's place."""
        return (self.phone, self.presentity, self.event, self.options.get('id'), self.options.get('user_agent'))

    def subscribe(self, expires, on_answer=None, body=True):
        content, content_type = self.options.get('body', ''), self.options.get('body_type', '')
        self.cseq += 1
        self.busy = True
        headers = ['From: <sip:%s>;tag=%s' % (self.phone.aor, self.tag),
                   'To: <sip:%s>%s' % (self.presentity, ';tag=' + self.to if self.to else ''),
                   'Call-ID: ' + self.call_id, 'CSeq: %d SUBSCRIBE' % self.cseq,
                   'Contact: <sip:w@%s>' % self.phone.host,
                   'Event: %s%s' % (self.event, ';id=' + self.options['id'] if 'id' in self.options else ''),
                   'Expires: %d' % expires]
        if 'accept' in self.options:
            headers.append('Accept: ' + self.options['accept'])
        if 'user_agent' in self.options:
            headers.append('User-Agent: ' + self.options['user_agent'])
        if self.options.get('eventlist'):
            headers.append('Supported: eventlist')
        if content and body:
            headers += ['Content-Type: ' + content_type]
            if 'disposition' in self.options:
                headers += ['Content-Disposition: ' + self.options['disposition'], 'Require: recipient-list-subscribe']
        else:
            content = ''
        self.phone.request('SUBSCRIBE', self.target or 'sip:' + self.presentity, headers, content,
                           lambda message, arrived: self.on_answer(message, arrived, expires, on_answer))

    def on_answer(self, message, arrived, expires, then):
        self.busy = False
        self.status = message.status
        if 200 <= message.status < 300:
            self.to = parameter(message.get('to'), 'tag')
            self.target = re.search('<([^>]*)>', message.get('contact')).group(1)
            self.expires_at = arrived + int(message.get('expires', '0'))
            self.ended_by_us = expires == 0
        if then is not None:
            then(self, message, arrived)

    def take(self, message, arrived):
        """True when it is a NOTIFY that counts: none from before the last one."""
        self.seen.add(message.cseq)
        if message.cseq < self.last_cseq:
            return False
        self.last_cseq, self.told_at = message.cseq, arrived
        value = message.get('subscription-state')
        self.state, self.reason = value.split(';')[0].strip(), parameter(value, 'reason')
        if message.body:
            self.belief.take(message.get('content-type'), message.body)
        elif 'filter' in self.options.get('body_type', ''):
            self.belief.document = b''  # RFC 4660 section 5.3: the filter leaves nothing
        return True
