"""message_summary.py - message waiting (RFC 3842): published, set in SQL, and counted from kept messages."""
import re

from agent import DOMAIN, Peer, accounts, check, equal, eventually, no_invariant_is_broken, restart, run, sql

TYPE = 'application/simple-message-summary'
VOICE = 'Messages-Waiting: yes\r\nMessage-Account: sip:vm@%s\r\nVoice-Message: %s\r\n'
number = 0


def mailbox():
    global number
    number += 1
    name = 'box%d' % number
    return '%s@%s' % (name, DOMAIN), Peer(name)


def summary(notify):
    """{field: value} of a body, judged by the grammar of RFC 3842 section 5.2."""
    equal(notify.type, TYPE)
    lines = notify.body.decode().split('\r\n')
    equal(lines[-1], '', 'the last line ends')
    fields = {}
    for line in lines[:-1]:
        name, _, value = line.partition(': ')
        check(name not in fields, 'twice', line)
        fields[name.lower()] = value
        if name.lower() not in ('messages-waiting', 'message-account'):
            check(re.fullmatch(r'\d+/\d+( \(\d+/\d+\))?', value), line)
    check(lines[0] in ('Messages-Waiting: yes', 'Messages-Waiting: no'), lines[0])
    return fields


class Light:
    def __init__(self, peer, aor, *headers):
        self.subscription = peer.subscribe(aor, 'message-summary', headers)
        equal(self.subscription.status, 200)

    def shows(self, waiting, **counts):
        self.fields = summary(self.subscription.next())
        equal(self.fields['messages-waiting'], waiting)
        for kind, want in counts.items():
            equal(self.fields.get(kind + '-message'), want, kind)
        return self


def who_has_nothing_is_told_no():
    aor, owner = mailbox()
    light = Light(owner, aor).shows('no', voice=None)
    light.subscription.silent()


def a_voicemail_server_lights_the_lamp_and_puts_it_out():
    aor, owner = mailbox()
    light = Light(owner, aor, 'Accept: ' + TYPE).shows('no')
    response = owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '2/8 (0/2)'))
    equal(response.status, 200)
    light.shows('yes', voice='2/8 (0/2)')
    equal(light.fields['message-account'], 'sip:vm@' + DOMAIN)
    response = owner.publish('message-summary', TYPE, (VOICE % (DOMAIN, '0/10')).replace('yes', 'no'),
                             response['SIP-ETag'])
    light.shows('no', voice='0/10')
    owner.publish('message-summary', TYPE, (VOICE % (DOMAIN, '0/10')).replace('yes', 'no'), response['SIP-ETag'])
    light.subscription.silent()  # nothing else is shown
    equal(owner.publish('message-summary', TYPE, '', response['SIP-ETag']).status, 412)


def it_goes_out_when_the_publication_expires():
    aor, owner = mailbox()
    light = Light(owner, aor).shows('no')
    equal(owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '1/0'), expires=1).status, 200)
    light.shows('yes', voice='1/0')
    light.shows('no', voice=None)


def what_sql_publishes_is_told_and_added_up():
    aor, owner = mailbox()
    light = Light(owner, aor).shows('no')
    publish = "select presence.publish('%s', E'%s', event => 'message-summary', content_type => '%s')"
    sql(publish % (aor, 'Messages-Waiting: yes\\r\\nMessage-Account: sip:fax@%s\\r\\nFax-Message: 3/0\\r\\n' % DOMAIN,
                   TYPE))
    light.shows('yes', fax='3/0')
    equal(owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '1/2')).status, 200)
    light.shows('yes', fax='3/0', voice='1/2')
    sql(publish % (aor, 'Messages-Waiting: no\\r\\n', TYPE))
    eventually(lambda: summary(light.subscription.next()).get('fax-message') is None)
    sql("delete from presence.publication where aor = '%s'" % aor)
    light.shows('no', fax=None, voice=None)


def nonsense_by_sql_shows_nothing():
    aor, owner = mailbox()
    light = Light(owner, aor).shows('no')
    sql("select presence.publish('%s', 'nonsense', event => 'message-summary', content_type => '%s')" % (aor, TYPE))
    light.subscription.silent()


def kept_messages_count_where_the_domain_says_so():
    aor, owner = mailbox()
    bob = Peer('bob')
    light = Light(owner, aor).shows('no', text=None)
    equal(bob.ask('MESSAGE', 'sip:' + aor, ['Content-Type: text/plain'], 'one').status, 202)
    light.subscription.silent()  # the domain does not say so
    sql("update presence.domain set message_summary_from_kept = true where name = '%s'" % DOMAIN)
    light.shows('yes', text='1/0')
    equal(bob.ask('MESSAGE', 'sip:' + aor, ['Content-Type: text/plain'], 'two').status, 202)
    light.shows('yes', text='2/0')
    sql("select presence.send_message('bob@%s', '%s', 'three')" % (DOMAIN, aor))
    light.shows('yes', text='3/0')
    sql("delete from presence.message where aor = '%s' and body = 'two'" % aor)
    light.shows('yes', text='2/0')
    equal(owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '4/0')).status, 200)
    light.shows('yes', text='2/0', voice='4/0')
    equal(owner.register(['<sip:box@127.0.0.1:%d>' % owner.port]).status, 200)
    got = [owner.requests.get(timeout=3).body.decode() for _ in range(2)]
    equal(got, ['one', 'three'])
    eventually(lambda: summary(light.subscription.next()).get('text-message') == '0/0')
    sql("update presence.domain set message_summary_from_kept = false where name = '%s'" % DOMAIN)
    light.shows('yes', text=None, voice='4/0')


def nobody_but_the_owner_may_subscribe_unless_a_rule_names_it():
    aor, owner = mailbox()
    bob = Peer('bob')
    equal(bob.subscribe(aor, 'message-summary').status, 403)
    sql("select presence.allow('%s', 'bob@%s')" % (aor, DOMAIN))  # presence and dialog alone
    equal(bob.subscribe(aor, 'message-summary').status, 403)
    sql("select presence.allow('%s', 'bob@%s', event => 'message-summary')" % (aor, DOMAIN))
    eventually(lambda: bob.subscribe(aor, 'message-summary').status == 200)
    light = Light(bob, aor).shows('no')
    equal(owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '4/0')).status, 200)
    light.shows('yes', voice='4/0')
    sql("select presence.remove_rule('%s', 'bob@%s', 'message-summary')" % (aor, DOMAIN))
    notify = light.subscription.next()
    check(notify.state.startswith('terminated;reason=rejected'), notify.state)
    equal(bob.publish('message-summary', TYPE, VOICE % (DOMAIN, '9/9'), aor='sip:' + aor).status, 403)


def after_a_restart_the_lamp_is_what_it_was():
    aor, owner = mailbox()
    light = Light(owner, aor).shows('no')
    etag = owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '1/1'))['SIP-ETag']
    light.shows('yes')
    sql("update presence.domain set message_summary_from_kept = true where name = '%s'" % DOMAIN)
    light.shows('yes', text='0/0')
    equal(Peer('bob').ask('MESSAGE', 'sip:' + aor, ['Content-Type: text/plain'], 'one').status, 202)
    light.shows('yes', text='1/0')
    restart()
    equal(owner.publish('message-summary', TYPE, VOICE % (DOMAIN, '2/1'), etag).status, 200)
    light.subscription.until(lambda notify: summary(notify).get('voice-message') == '2/1' and
                             summary(notify).get('text-message') == '1/0')
    sql("update presence.domain set message_summary_from_kept = false where name = '%s'" % DOMAIN)
    light.subscription.until(lambda notify: 'text-message' not in summary(notify))
    light.subscription.end()


def bad_publications_are_refused():
    aor, owner = mailbox()
    for body in ('nonsense', 'Messages-Waiting: perhaps\r\n', 'Voice-Message: 1/2\r\n',
                 'Messages-Waiting: yes\r\nVoice-Message: many\r\n'):
        equal(owner.publish('message-summary', TYPE, body).status, 400, body)
    response = owner.publish('message-summary', 'application/pidf+xml', 'x')
    equal((response.status, response['Accept']), (415, TYPE))
    equal(owner.subscribe(aor, 'message-summary', ['Accept: application/pidf+xml']).status, 406)
    equal(sql("select count(*) from presence.publication where aor = '%s'" % aor), '0')


accounts(*('box%d' % each for each in range(1, 20)))
run(who_has_nothing_is_told_no, a_voicemail_server_lights_the_lamp_and_puts_it_out,
    it_goes_out_when_the_publication_expires, what_sql_publishes_is_told_and_added_up, nonsense_by_sql_shows_nothing,
    kept_messages_count_where_the_domain_says_so, nobody_but_the_owner_may_subscribe_unless_a_rule_names_it,
    after_a_restart_the_lamp_is_what_it_was, bad_publications_are_refused, no_invariant_is_broken)
