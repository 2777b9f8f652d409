"""agent.py - a SIP user agent for end-to-end tests that read documents as others would.

Shares nothing with the server: messages with Python's own parsers, XML and its schemas with lxml,
multipart bodies with the email package. suite_python of tests/support/suite.sh starts a program that
imports this, and gives it SIP_PORT, DOMAIN, DIR and PostgreSQL's environment.
"""
import email
import email.policy
import hashlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from lxml import etree

PORT = int(os.environ['SIP_PORT'])
DOMAIN = os.environ['DOMAIN']
DIR = os.environ['DIR']
SCHEMAS = os.path.join(os.path.dirname(__file__), '../../../shared/reference/xsd')
SOON, QUIET = 3.0, 0.3

# ---- results ----

passed = failed = 0


class Wrong(Exception):
    """What a test says of what it did not like."""


def check(truth, *what):
    if not truth:
        raise Wrong(' '.join(str(each) for each in what) or 'it does not hold')


def equal(have, want, *what):
    check(have == want, *what, 'is %r, wanted %r' % (have, want))


def run(*tests):
    """Runs functions, each named for the sentence that it proves; the last line is as `check` has it."""
    global passed, failed
    for test in tests:
        sentence = test.__name__.replace('_', ' ')
        begun = time.monotonic()
        try:
            test()
            passed += 1
            print('ok: %s (%.1f s)' % (sentence, time.monotonic() - begun), flush=True)
        except Exception as fault:  # whatever it is, the others go on
            failed += 1
            line = fault.__traceback__
            while line.tb_next is not None and line.tb_next.tb_frame.f_code.co_filename != __file__:
                line = line.tb_next
            print('FAILED: %s: line %d: %s: %s' % (sentence, line.tb_lineno, type(fault).__name__, fault),
                  flush=True)
    print('%d%%: Checks: %d, Failures: %d, Errors: 0' %
          (100 * passed // max(1, passed + failed), passed + failed, failed), flush=True)
    sys.exit(failed > 0)


# ---- the server and its tables ----

psql = None


def sql(*statements):
    """The rows of all statements, fields parted by |."""
    global psql
    if psql is None:
        psql = subprocess.Popen(['psql', '-X', '-qAt'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    psql.stdin.write(''.join(statement + ';\n' for statement in statements) + '\\echo =done=\n')
    psql.stdin.flush()
    rows = []
    for row in psql.stdout:
        if row == '=done=\n':
            check(not any(row.startswith('ERROR') for row in rows), rows)
            return ''.join(rows).strip()
        rows.append(row)
    raise Wrong('psql has ended')


def settled():
    """Returns when the server has done what SQL asked it to do."""
    eventually(lambda: sql('select count(*) from presence.command') == '0', 'commands are done')


def restart():
    """The server is killed and started again: the script that runs this does so at SIGUSR1."""
    path = os.path.join(DIR, 'restarts')

    def count():
        return os.path.getsize(path) if os.path.exists(path) else 0

    before = count()
    os.kill(os.getppid(), signal.SIGUSR1)
    eventually(lambda: count() > before, within=20)


def eventually(holds, *what, within=SOON):
    end = time.monotonic() + within
    while not holds():
        check(time.monotonic() < end, 'not within %g s' % within, *what)
        time.sleep(0.02)


def no_invariant_is_broken():
    equal(sql('table presence.invariant'), '')


# ---- documents ----

ROOTS = {'urn:ietf:params:xml:ns:pidf': 'presence-all', 'urn:ietf:params:xml:ns:pidf-diff': 'pidf-diff',
         'urn:ietf:params:xml:ns:dialog-info': 'dialog-info', 'urn:ietf:params:xml:ns:reginfo': 'reginfo-all',
         'urn:ietf:params:xml:ns:rlmi': 'rlmi', 'urn:ietf:params:xml:ns:watcherinfo': 'watcherinfo'}
NAMES = {'p': 'urn:ietf:params:xml:ns:pidf', 'd': 'urn:ietf:params:xml:ns:dialog-info',
         'r': 'urn:ietf:params:xml:ns:reginfo', 'l': 'urn:ietf:params:xml:ns:rlmi',
         'm': 'urn:ietf:params:xml:ns:pidf:data-model', 'rpid': 'urn:ietf:params:xml:ns:pidf:rpid',
         'diff': 'urn:ietf:params:xml:ns:pidf-diff'}
schemas = {}


def read(octets, valid=True):
    """The root, valid by its schema where the schemas are at hand."""
    root = etree.fromstring(octets)
    name = ROOTS.get(etree.QName(root).namespace)
    path = os.path.join(SCHEMAS, '%s.xsd' % name)
    if name is None or not valid or not os.path.exists(path):
        return root
    if name not in schemas:
        schemas[name] = etree.XMLSchema(etree.parse(path))
    check(schemas[name].validate(root), schemas[name].error_log, octets.decode())
    return root


def find(root, path):
    return root.xpath(path, namespaces=NAMES)


def canonical(octets):
    return etree.tostring(etree.fromstring(octets), method='c14n')


# ---- messages ----

class Message:
    def __init__(self, octets):
        head, _, self.body = octets.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        self.first, self.headers = lines[0], []
        for line in lines[1:]:
            name, _, value = line.partition(':')
            self.headers.append((name.strip().lower(), value.strip()))
        self.status = int(self.first.split(' ')[1]) if self.first.startswith('SIP/2.0 ') else 0
        self.method = self.first.split(' ')[0]

    def all(self, name):
        return [value for found, value in self.headers if found == name.lower()]

    def __getitem__(self, name):
        return ', '.join(self.all(name))

    @property
    def state(self):
        return self['Subscription-State']

    @property
    def type(self):
        return self['Content-Type'].split(';')[0]

    @property
    def root(self):
        return read(self.body)

    def parts(self):
        """Of a multipart body: (root, {Content-ID: part})."""
        equal(self.type, 'multipart/related')
        whole = email.message_from_bytes(b'Content-Type: ' + self['Content-Type'].encode() + b'\r\n\r\n' + self.body,
                                         policy=email.policy.SMTP)
        check(whole.is_multipart() and not whole.defects, 'multipart', whole.defects)
        parts = {part['Content-ID'].strip('<> '): part for part in whole.iter_parts()}
        equal(whole.get_param('type'), 'application/rlmi+xml')
        root = parts.pop(whole.get_param('start').strip('<> '))
        equal(root.get_content_type(), 'application/rlmi+xml')
        return read(root.get_payload(decode=True)), parts


class Members:
    """What a NOTIFY says of a list: the RLMI document, and each member's state and document."""

    def __init__(self, notify):
        self.rlmi, parts = notify.parts()
        self.full = self.rlmi.get('fullState') == 'true'
        self.version = int(self.rlmi.get('version'))
        self.state, self.reason, self.name, self.body, self.order = {}, {}, {}, {}, []
        for resource in find(self.rlmi, 'l:resource'):
            uri = resource.get('uri')
            self.order.append(uri)
            self.name[uri] = (find(resource, 'l:name/text()') or [''])[0]
            for instance in find(resource, 'l:instance'):
                self.state[uri] = instance.get('state')
                self.reason[uri] = instance.get('reason')
                if instance.get('cid') is not None:
                    self.body[uri] = parts.pop(instance.get('cid')).get_payload(decode=True)
                    read(self.body[uri])
        equal(parts, {}, 'parts that no instance names')


# ---- the agent ----

def digest(challenge, method, uri, user, password):
    fields = dict(re.findall(r'(\w+)=(?:"([^"]*)"|[^,\s]+)', challenge))
    name = (re.search(r'algorithm=([\w-]+)', challenge) or [None, 'MD5'])[1]

    def of(text):
        return hashlib.new({'MD5': 'md5', 'SHA-256': 'sha256', 'SHA-512-256': 'sha512_256'}[name],
                           text.encode()).hexdigest()

    cnonce, secret, asked = '0a4f113b', of('%s:%s:%s' % (user, fields['realm'], password)), of('%s:%s' % (method, uri))
    proof = of('%s:%s:00000001:%s:auth:%s' % (secret, fields['nonce'], cnonce, asked))
    return ('Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s, qop=auth, nc=00000001,'
            ' cnonce="%s"' % (user, fields['realm'], fields['nonce'], uri, proof, name, cnonce))


class Peer:
    """A device of an account whose password is "secret", on a UDP socket of its own."""
    number = 0

    def __init__(self, user, agent=None, domain=DOMAIN):
        self.user, self.domain, self.agent = user, domain, agent
        self.aor = 'sip:%s@%s' % (user, domain)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.connect(('127.0.0.1', PORT))
        self.port = self.socket.getsockname()[1]
        self.responses, self.dialogs, self.requests = queue.Queue(), {}, queue.Queue()
        self.seen, self.answer = set(), 200  # the status for requests; None: they are not answered
        threading.Thread(target=self.listen, daemon=True).start()

    @classmethod
    def token(cls):
        Peer.number += 1
        return '%x%x' % (os.getpid(), Peer.number)

    def listen(self):
        while True:
            try:
                octets = self.socket.recv(65536)
            except ConnectionRefusedError:  # the server is being started again
                continue
            if octets.strip():
                self.receive(Message(octets))

    def receive(self, message):
        if message.status:
            self.responses.put(message)
            return
        if self.answer is not None:
            self.reply(message, self.answer)
        if message['Via'] in self.seen:
            return
        if self.answer is not None:
            self.seen.add(message['Via'])
        inbox = self.dialogs.get(message['Call-ID'], self.requests)
        inbox.put(message)

    def reply(self, message, status):
        lines = ['SIP/2.0 %d Whatever' % status] + ['Via: ' + via for via in message.all('Via')]
        to = message['To'] + ('' if 'tag=' in message['To'] else ';tag=' + self.token())
        lines += ['From: ' + message['From'], 'To: ' + to, 'Call-ID: ' + message['Call-ID'],
                  'CSeq: ' + message['CSeq'], 'Content-Length: 0', '', '']
        self.socket.send('\r\n'.join(lines).encode())

    def send(self, method, uri, headers, body, call_id, cseq, tag, to):
        lines = ['%s %s SIP/2.0' % (method, uri),
                 'Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s;rport' % (self.port, self.token()),
                 'Max-Forwards: 70', 'From: <%s>;tag=%s' % (self.aor, tag), 'To: ' + to, 'Call-ID: ' + call_id,
                 'CSeq: %d %s' % (cseq, method)]
        if self.agent is not None:
            lines.append('User-Agent: ' + self.agent)
        lines += headers + ['Content-Length: %d' % len(body), '', '']
        message = '\r\n'.join(lines).encode() + body
        for wait in (0.5, 1, 2, 4):
            self.socket.send(message)
            end = time.monotonic() + wait
            while True:
                try:
                    response = self.responses.get(timeout=max(0.001, end - time.monotonic()))
                except queue.Empty:
                    break
                if response['CSeq'] == '%d %s' % (cseq, method) and response['Call-ID'] == call_id and \
                        response.status >= 200:
                    return response
        raise Wrong('no answer to ' + method)

    def ask(self, method, uri, headers=(), body=b'', call_id=None, cseq=1, tag=None, to=None):
        """The final response, after one challenge."""
        if isinstance(body, str):
            body = body.encode()
        call_id, tag, to = call_id or self.token(), tag or self.token(), to or '<%s>' % uri
        headers = list(headers)
        response = self.send(method, uri, headers, body, call_id, cseq, tag, to)
        for field, name in (('WWW-Authenticate', 'Authorization'), ('Proxy-Authenticate', 'Proxy-Authorization')):
            if response.status in (401, 407) and response[field]:
                proof = digest(response.all(field)[0], method, uri, self.user, 'secret')
                return self.send(method, uri, headers + ['%s: %s' % (name, proof)], body, call_id, cseq + 1, tag, to)
        return response

    def publish(self, event, kind, body, etag=None, expires=600, aor=None):
        headers = ['Event: ' + event, 'Expires: %d' % expires]
        if etag is not None:
            headers.append('SIP-If-Match: ' + etag)
        if body:
            headers.append('Content-Type: ' + kind)
        return self.ask('PUBLISH', aor or self.aor, headers, body)

    def register(self, contacts, expires=600, call_id=None, cseq=1):
        headers = ['Contact: ' + contact for contact in contacts] + ['Expires: %d' % expires]
        return self.ask('REGISTER', 'sip:' + self.domain, headers, call_id=call_id or 'reg-%d' % self.port, cseq=cseq,
                        to='<%s>' % self.aor)

    def subscribe(self, aor, event='presence', headers=(), body=b'', expires=600):
        return Subscription(self, aor, event, headers, body, expires)


class Subscription:
    """One dialog of a watcher; `response` is the answer to its last SUBSCRIBE."""

    def __init__(self, peer, aor, event, headers, body, expires):
        self.peer, self.event, self.cseq = peer, event, 1
        self.uri = self.target = aor if aor.startswith('sip:') else 'sip:' + aor
        self.call_id, self.tag, self.to = peer.token(), peer.token(), '<%s>' % self.uri
        self.inbox = peer.dialogs[self.call_id] = queue.Queue()
        self.ask(headers, body, expires)

    @property
    def status(self):
        return self.response.status

    def ask(self, headers=(), body=b'', expires=600):
        lines = ['Event: ' + self.event, 'Expires: %d' % expires, 'Contact: <sip:%s@127.0.0.1:%d>' %
                 (self.peer.user, self.peer.port)] + list(headers)
        self.response = self.peer.ask('SUBSCRIBE', self.target, lines, body, self.call_id, self.cseq, self.tag, self.to)
        self.cseq += 2
        if self.response.status // 100 == 2:
            self.to = self.response['To']
            self.target = self.response['Contact'].strip('<>')
        return self.response.status

    def next(self, within=SOON, valid=True):
        """The next NOTIFY; what it carries is valid by its schema."""
        try:
            notify = self.inbox.get(timeout=within)
        except queue.Empty:
            raise Wrong('no NOTIFY of %s to %s' % (self.uri, self.peer.user)) from None
        if notify.body and notify.type.endswith('+xml'):
            read(notify.body, valid)
        return notify

    def silent(self, seconds=QUIET):
        try:
            notify = self.inbox.get(timeout=seconds)
        except queue.Empty:
            return
        raise Wrong('an unexpected NOTIFY: %s\n%s' % (notify.state, notify.body.decode()))

    def until(self, holds, within=SOON):
        """Notifies until one of which that holds; the last."""
        end = time.monotonic() + within
        while True:
            notify = self.next(max(0.01, end - time.monotonic()))
            if holds(notify):
                return notify

    def end(self):
        self.ask(expires=0)
        return self.until(lambda notify: notify.state.startswith('terminated'))


def accounts(*names, domain=DOMAIN):
    """Adds them, and returns when the server knows the last."""
    sql("select presence.add_account(name || '@%s', 'secret') from unnest(array['%s']) name" %
        (domain, "', '".join(names)))
    last = Peer(names[-1], domain=domain)
    eventually(lambda: last.register([]).status == 200, 'accounts are live')
