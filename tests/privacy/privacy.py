#!/usr/bin/python3
"""privacy.py - a hidden element is never on the wire.

    privacy.py --seconds 15 [--seed N] [--sabotage deaf|amnesia [--until FAULT]]

Random rules, publications, refreshes, re-subscriptions, lists and kills of the server, real
sockets and a real PostgreSQL; every NOTIFY is held against a slow reference evaluator, and so is
what all watchers believe whenever it has been quiet. A sabotage breaks the promise on purpose: it
must be found. Needs PRESENCED, DIR/presenced.conf, SIP_PORT, HTTP_PORT, DOMAIN and PostgreSQL's
variables, as tests/support/server.sh gives them, and no server that runs yet.
"""
import argparse
import os
import random
import sys
import time

from judge import Judge
from outside import Database, Server
from world import World

# Deaf: it does not hear of changed rules. Amnesia: it does not learn what changed while it was away.
SABOTAGE = {
    'deaf': ('alter table presence.watcher_rule disable trigger user',
             'alter table presence.watcher_rule enable trigger user'),
    'amnesia': ("create function public.forget() returns trigger language plpgsql as 'begin return null; end';"
                ' create trigger forget before insert on presence.command for each row'
                " when (new.kind = 'review') execute function public.forget()",
                'drop function public.forget() cascade'),
}


def step(world, chooser):
    """Something happens."""
    actions = [(world.publish, 30), (world.change_rules, 20), (world.subscribe, 14), (world.subscribe_again, 12),
               (world.publish_hard, 4), (world.change_list, 5), (world.change_default, 2), (world.change_policy, 2)]
    chooser.choices([action for action, _ in actions], [weight for _, weight in actions])[0]()


def restart(world, chooser):
    """Killed at once; rules, lists and hard states change meanwhile, and nobody hears of it."""
    world.server.kill()
    world.count('kills')
    before = world.judged()
    for _ in range(8):  # until somebody is to see something else
        chooser.choice([world.change_rules, world.change_rules, world.change_default, world.change_list,
                        world.publish_hard])()
        if world.judged() != before:
            break
    world.run(0.5)
    world.server.start()


def round_of(world, judge, chooser, given):
    """What happens, and then quiet; a sabotage that is looked for is looked for at once."""
    for _ in range(20 if given.until else chooser.randrange(25, 70)):
        step(world, chooser)
        world.run(chooser.choice([0, 0.002, 0.01, 0.03, 0.1]))
        if is_found(world, given.until):
            return
    if chooser.random() < given.kills or given.kills and not world.server.killed_at:
        if chooser.random() < max(0.5, given.kills):
            judge.settle()
            world.run(2.5)  # until it is written down that all were told
        restart(world, chooser)
    judge.settle()


def is_found(world, name):
    return name != '' and any(fault.startswith(name) for fault in world.faults)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument('--seconds', type=float, default=15)
    parser.add_argument('--sabotage', choices=sorted(SABOTAGE))
    parser.add_argument('--kills', type=float, default=0.5, help='how likely a round ends with one')
    parser.add_argument('--patience', type=float, default=6, help='seconds until all must have been told')
    parser.add_argument('--until', default='', help='end with the first fault of that name')
    given = parser.parse_args()
    env, chooser = os.environ, random.Random(given.seed)
    print('seed %d' % given.seed, flush=True)
    database = Database(env['DIR'] + '/psql.log')
    server = Server(env['PRESENCED'], env['DIR'] + '/presenced.conf', env['DIR'] + '/log', int(env['HTTP_PORT']))
    world = World(chooser, database, server, int(env['SIP_PORT']), ['%s.%s.%s' % (name, given.sabotage or 'good', env['DOMAIN']) for name in ('one', 'two')],
                  lambda *arrival: judge.on_notify(*arrival))
    judge = Judge(world, random.Random(given.seed), given.patience)
    if given.sabotage:
        database.run(SABOTAGE[given.sabotage][0])
    server.start()
    end = time.time() + given.seconds
    try:
        for _ in range(25):
            world.subscribe()
            world.run(0.01)
        while time.time() < end and len(world.faults) < 20 and not is_found(world, given.until):
            round_of(world, judge, chooser, given)
        world.run(1)
        judge.look_back(0)
    finally:
        status = 0 if given.sabotage else server.stop()
        if given.sabotage:
            server.kill()
            database.run(SABOTAGE[given.sabotage][1])
        database.close()
    if status != 0:
        world.fault('the server ended with %d' % status)
    world.counts.update({'NOTIFYs': judge.notifies, 'secrets in them': judge.secrets})
    print(', '.join('%d %s' % (number, what) for what, number in sorted(world.counts.items())))
    print('slowest to be told: %.1f s; %d faults' % (judge.slowest, len(world.faults)))
    if given.until and not is_found(world, given.until):
        print('not found: %s' % given.until)
        return 2
    return 0 if not world.faults and judge.secrets > 0 else 1


if __name__ == '__main__':
    sys.exit(main())
