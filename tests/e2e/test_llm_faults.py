#!/usr/bin/env python3
"""The queue's worker against every way in which a model server can fail: each has its name in the store, nothing grows,
and when it is over every event has its verdict. Then against a real server: whoever gives up frees its slot."""
import collections
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'double'))

import llama
from llm_server import Double
from tap import Skip, case, cases_of, clean_environment, end, folder, patience, run, wait_for

HOUSE = os.environ.get('LLM_HOUSE', '')
QUICK = ('deadline=6s', 'silence=1500ms', 'connect_timeout=1s')


class House:
    def __init__(self, url, *options):
        self.dir = folder()
        self.url = url
        self.log = open(os.path.join(self.dir, 'log'), 'w+', encoding='utf-8')
        self.process = subprocess.Popen(
            [HOUSE, self.dir, f'url={url}', *(options or QUICK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env=clean_environment())

    def tell(self, *words):
        self.process.stdin.write(' '.join(str(w) for w in words) + '\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f'the house has fallen: {self.process.wait(10)}\n{self.said()}'
        return json.loads(line)

    def said(self):
        self.log.seek(0)
        return self.log.read()[-3000:]

    def stats(self):
        return self.tell('stats')

    def ready(self):
        return self.stats()['judge']['server']['state'] == 'ready'

    def ask(self, sql):
        with contextlib.closing(sqlite3.connect(f'file:{self.dir}/hsi.db?mode=ro', uri=True)) as db:
            return db.execute(sql).fetchall()

    def outcomes(self):
        return collections.Counter(o for o, in self.ask('SELECT outcome FROM run'))

    def all_judged(self, count, seconds=60):
        """Moves time on until every event has its verdict."""
        def done():
            self.tell('pass', 30)
            return self.ask('SELECT count(*) FROM judgement WHERE done = 1') == [(count,)]
        wait_for(f'{count} verdicts\n{self.said()}', done, seconds, every=0.2)
        assert self.ask('SELECT count(*) FROM job') == [(0,)], self.ask('SELECT dead, tries, reason FROM job')
        assert self.ask('SELECT count(*) FROM event WHERE score IS NULL') == [(0,)]

    def quit(self):
        self.process.stdin.close()
        code = self.process.wait(30)
        assert code == 0, f'exit {code}\n{self.said()}'
        self.log.close()


@contextlib.contextmanager
def home(*options, **settings):
    """A server that behaves, and a house that has found it."""
    double = Double(**settings)
    house = House(double.url, *options)
    try:
        wait_for('server', house.ready, 20)
        yield double, house
        house.quit()
    finally:
        end(house.process)
        double.stop()


# What a mode of the double is called in the store; two names: the two attempts. A kept connection that turns out to be
# gone is replaced by libcurl on its own, so that it takes two of these in a row to be noticed.
UNNOTICED = ('drop', 'reset')
FAULTS = [
    ('die', ['broken']), ('drop', ['broken']), ('reset', ['broken']), ('hang', ['silent']), ('stall', ['silent']),
    ('500', ['server-error', 'server-error']), ('utf8-500', ['server-error', 'server-error']), ('503', ['busy']),
    ('429', ['busy']), ('400', ['bad-request']), ('401', ['denied']), ('404', ['server-error']),
    ('redirect', ['server-error']), ('context', ['context']), ('garbage', ['invalid', 'invalid']),
    ('html', ['invalid', 'invalid']), ('no-stream', ['invalid', 'invalid']), ('half', ['invalid', 'invalid']),
    ('wrong-schema', ['invalid', 'invalid']), ('ignore-schema', ['invalid', 'invalid']),
    ('huge', ['too-long', 'too-long']), ('huge-line', ['too-long', 'too-long']), ('huge-headers', ['too-long', 'too-long']),
    ('length', ['length', 'length']), ('broken-utf8', ['invalid', 'invalid']),
    ('error-inside', ['server-error', 'server-error']), ('empty', ['invalid', 'invalid']), ('slowloris', ['late']),
]


@cases_of(FAULTS, 'a server that fails with {}: it has its name, and nothing is lost')
def faults_have_names(mode, names):
    with home() as (double, house):
        double.mode(*[mode] * (2 if mode in UNNOTICED else len(names)))
        house.tell('put', 1)
        wait_for(f'an end of the question\n{house.said()}', lambda: len(house.ask('SELECT 1 FROM run')) >= len(names), 20)
        rows = house.ask('SELECT outcome, attempt, temperature FROM run ORDER BY id')[:len(names)]
        assert [r[0] for r in rows] == names, (rows, house.said())
        assert [r[1] for r in rows] == list(range(1, len(names) + 1)), rows
        assert [r[2] for r in rows] == [0, 0.3][:len(names)], rows
        house.all_judged(1)


@cases_of([(mode, names) for mode, names in FAULTS], 'a server that goes on with {}: every event waits and gets its verdict')
def faults_that_last(mode, names):
    with home() as (double, house):
        double.mode(always=mode)
        house.tell('put', 5)
        wait_for(f'a run\n{house.said()}', lambda: house.ask('SELECT 1 FROM run'), 20)
        for _ in range(6):
            house.tell('pass', 20)
            time.sleep(0.3)
        assert house.ask('SELECT count(*) FROM judgement WHERE done = 1') == [(0,)]
        assert house.ask('SELECT count(*) FROM event WHERE score IS NULL') == [(0,)]
        dead = house.stats()['dead']
        assert dead == 0, (house.ask('SELECT tries, reason FROM job WHERE dead = 1'), house.said())
        double.mode(always='ok')
        house.all_judged(5)


def ask_directly(url, seconds):
    """As somebody else's client would."""
    body = json.dumps({'messages': [{'role': 'user', 'content': 'hello'}], 'stream': True, 'max_tokens': 4000}).encode()
    with contextlib.suppress(OSError):
        urllib.request.urlopen(urllib.request.Request(f'{url}/v1/chat/completions', body), timeout=seconds).read()


@case('a server whose slots are full: the question waits, is asked again, and is answered when there is room')
def full_slots():
    with home(slots=1) as (double, house):
        double.mode('hang')
        other = threading.Thread(target=ask_directly, args=(double.url, 4))
        other.start()
        wait_for('the other request', lambda: double.state()['active'] == 1, 5)
        house.tell('put', 3)
        wait_for(f'silence\n{house.said()}', lambda: house.outcomes()['silent'], 20)
        other.join()
        house.all_judged(3)
        assert double.state()['most_active'] == 1


@case('a server that is away for an hour: every event has its score at once, and its verdict when it is back')
def away_for_an_hour():
    double = Double()
    house = House(double.url)
    back = None
    try:
        wait_for('server', house.ready, 20)
        double.mode(always='hang')  # one that stalls would end its reply as the server stops
        house.tell('put', 4)
        wait_for('a question', lambda: double.state()['active'], 10)
        double.stop()
        wait_for('its absence', lambda: not house.ready(), 10)
        for _ in range(30):
            house.tell('put', 1)
            house.tell('pass', 120)
        assert house.ask('SELECT count(*) FROM event WHERE score IS NOT NULL') == [(34,)]
        assert house.ask('SELECT count(*) FROM judgement WHERE done = 1') == [(0,)]
        assert house.ask('SELECT max(tries) FROM job')[0][0] <= 2
        back = Double(port=double.port)
        house.all_judged(34)
        house.quit()
    finally:
        end(house.process)
        if back:
            back.stop()


@case('the severe first, urgent ones before all')
def in_order():
    with home('max_parallel=1', *QUICK) as (double, house):
        double.mode('slow', always='ok')
        double.set(ms=15)
        house.tell('put', 1)
        wait_for('a question', lambda: double.state()['active'], 10)
        house.tell('put', 9)
        house.tell('put', 1, 'now')
        house.all_judged(11)
        order = [r[0] for r in house.ask('SELECT event FROM run GROUP BY event ORDER BY min(wall_us)')][1:]
        urgent = house.ask('SELECT id FROM event ORDER BY id DESC LIMIT 1')[0][0]
        assert order[0] == urgent
        scores = dict(house.ask("SELECT event, sum(points) FROM reason WHERE rule = 'at-entry' GROUP BY event"))
        got = [scores[e] for e in order[1:]]
        assert got == sorted(got, reverse=True), got


@contextlib.contextmanager
def black_hole():
    """An address where nobody answers, not even the kernel: the queue of the listening socket is full."""
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(('127.0.0.1', 0))
        hole.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(hole.getsockname())
        yield 'http://127.0.0.1:%d' % hole.getsockname()[1]


@case('stopping takes less than a second, whatever the server does')
def stops_quickly():
    for mode in ('hang', 'stall', 'slow', 'slowloris', 'huge-line'):
        with home() as (double, house):
            double.mode(always=mode)
            house.tell('put', 5)
            wait_for('a question', lambda: double.state()['asked'][-1]['mode'] == mode, 10)
            took = house.tell('stop')['took_s']
            assert took < 1 * patience(), f'{mode}: {took} s'
            wait_for('free slots', lambda: double.state()['active'] == 0, 5)
            house.tell('start')
    with black_hole() as url:
        house = House(url)
        time.sleep(0.3)
        took = house.tell('stop')['took_s']
        house.quit()
        assert took < 1 * patience(), f'black hole: {took} s'


@case('a restart in the middle of a question asks it again, and nothing is lost')
def restarts():
    with home() as (double, house):
        double.mode(always='slow')
        double.set(ms=30)
        house.tell('put', 12)
        for _ in range(4):
            wait_for('a question', lambda: double.state()['active'] > 0, 10)
            house.tell('reopen')
        assert house.ask('SELECT max(tries) FROM job') == [(0,)]
        double.mode(always='ok')
        house.all_judged(12)


@case('a window that fails while others are judged is a dead letter, and comes back when it is queued again')
def dead_letters():
    with home('max_parallel=1', *QUICK) as (double, house):
        double.mode('half', 'half')
        house.tell('put', 1)
        wait_for('its first failure', lambda: house.stats()['judge']['failed'] == 1, 10)
        house.tell('put', 1, 'now')
        wait_for('a verdict', lambda: house.stats()['judge']['judged'] == 1, 10)
        double.mode('half', 'half')
        house.tell('pass', 6)
        wait_for('a dead letter', lambda: house.stats()['dead'] == 1, 10)
        (reason, tries), = house.ask('SELECT reason, tries FROM job WHERE dead = 1')
        assert reason.startswith('invalid: '), reason
        house.tell('pass', 4000)
        time.sleep(1.5)
        assert house.stats()['dead'] == 1
        house.tell('requeue')
        house.all_judged(2)


@case('an hour of faults, one after the other: no threads, descriptors or memory are left behind')
def nothing_grows():
    with home('deadline=1200ms', 'silence=400ms', 'connect_timeout=1s') as (double, house):
        levels, put = [], 0
        for _ in range(4):  # until the database's caches are full
            house.tell('put', 200)
            put += 200
            house.all_judged(put)
        for round_number in range(3):
            for mode, names in FAULTS:
                double.mode(*[mode] * 2 * len(names))
                house.tell('put', 2)
                put += 2
                # Time passes for those that rest, and for the circuit to be tried.
                wait_for(f'an answer to {mode}\n{house.said()}', lambda: house.tell('pass', 31) and not double.next, 30)
            house.tell('requeue')  # some have failed while others were judged
            house.all_judged(put)
            levels.append(house.stats())
            print(f'# round {round_number}: ' + ', '.join(f'{levels[-1][k]} {k}' for k in
                                                        ('threads', 'descriptors', 'bytes')), flush=True)
        first, last = levels[0], levels[-1]
        assert last['threads'] == first['threads'], levels
        assert last['descriptors'] <= first['descriptors'] + 2, levels
        assert last['bytes'] < first['bytes'] + 2e6 * patience(), levels
        assert last['dead'] == 0


# --- one question, without a queue ---

@case('asked once: waits for a server that loads or is full, and says honestly when there is none')
def once():
    double = Double(health='loading')
    house = House(double.url)
    try:
        threading.Timer(1.5, lambda: double.set(health='ok')).start()
        double.mode('503', '503', 'half')
        assert house.tell('once') == {'end': 'judged', 'state': 'done', 'reason': '', 'runs': 2}
        double.mode('half', 'half')
        reply = house.tell('once')
        assert reply['end'] == 'hopeless' and reply['state'] == 'failed' and reply['reason'].startswith('invalid: '), reply
        double.mode(always='hang')
        began = time.monotonic()
        reply = house.tell('once')
        assert reply['end'] == 'unreachable' and reply['state'] == 'failed' and reply['reason'], reply
        assert time.monotonic() - began < 20 * patience()
        double.stop()
        began = time.monotonic()
        reply = house.tell('once')
        assert 'no language model' in reply['error'], reply
        assert time.monotonic() - began < 3 * patience()
        house.quit()
    finally:
        end(house.process)
    house = House('off')
    reply = house.tell('once')
    assert reply['error'] == 'no language model: off: risk.llm.url is off', reply
    house.quit()


# --- a real server ---

@contextlib.contextmanager
def real_home(*options, **settings):
    why = llama.missing()
    if why:
        raise Skip(why)
    server = llama.Llama(llama.model('tiny-llm.gguf'), **settings)
    house = House(server.url, *(options or ('deadline=10m', 'silence=2m')))
    try:
        wait_for('server', house.ready, 300)
        yield server, house
        house.quit()
    finally:
        end(house.process)
        server.stop()


def decoded(slot):
    """How many tokens of its reply a slot has; the server's versions tell it in different places."""
    following = slot.get('next_token') or {}
    return (following[0] if isinstance(following, list) else following).get('n_decoded', 0)


@case('a real server: who stops frees its slots at once', data=True)
def frees_slots():
    """While it reads the question a server looks up only between two batches; while it writes, after every token."""
    took = {'reading': [], 'writing': []}
    with real_home() as (server, house):
        for i in range(20):
            phase = 'writing' if i % 2 else 'reading'
            house.tell('put', 2)
            wait_for('busy slots', lambda: any(s['is_processing'] and (phase == 'reading' or decoded(s) > 0)
                                               for s in server.get('/slots')), 60, every=0.001)
            began = time.monotonic()
            house.tell('stop')
            wait_for('free slots', lambda: server.busy_slots() == 0, 30, every=0.001)
            took[phase].append(time.monotonic() - began)
            house.tell('start')
        for phase, times in took.items():
            print(f'# while {phase}, slots are free {statistics.median(times) * 1000:.0f} ms after the word to stop, '
                  f'at most {max(times) * 1000:.0f}', flush=True)
        assert statistics.median(took['writing']) < 0.25 * patience(), took
        assert max(took['reading']) < 5 * patience(), took


@case('a real server: who is out of time frees its slot', data=True)
def frees_late_slots():
    with real_home('deadline=2s', 'silence=2m') as (server, house):
        server.freeze()
        house.tell('put', 2)
        wait_for(f'a late one\n{house.said()}', lambda: house.outcomes()['late'] >= 2, 20)
        server.thaw()
        wait_for('free slots', lambda: server.busy_slots() == 0, 30)
        assert house.stats()['dead'] == 0


@case('a real server, killed in the middle of replies and started again: all are judged', data=True)
def killed():
    with real_home() as (server, house):
        house.tell('put', 20)
        for _ in range(3):
            wait_for('busy slots', lambda: server.busy_slots() > 0, 60, every=0.002)
            server.kill()
            wait_for('its absence', lambda: not house.ready(), 30)
            server = llama.Llama(llama.model('tiny-llm.gguf'), port=server.port)
            wait_for('server', lambda: house.tell('pass', 5) and house.ready(), 300)
        house.all_judged(20, 600)
        print(f'# {dict(house.outcomes())}', flush=True)


@case('a real server that hangs: the questions are asked again when it moves', data=True)
def frozen():
    with real_home('deadline=10m', 'silence=20s', 'connect_timeout=1s') as (server, house):
        server.freeze()
        house.tell('put', 4)
        wait_for(f'silence\n{house.said()}', lambda: house.outcomes()['silent'] >= 2, 60)
        assert house.ask('SELECT count(*) FROM judgement WHERE done = 1') == [(0,)]
        server.thaw()
        house.all_judged(4, 300)


@case('a real server: verdicts with claims, and most of the prompt from its cache', data=True)
def real_verdicts():
    with real_home() as (server, house):
        house.tell('put', 60)
        house.all_judged(60, 600)
        stats = house.stats()['judge']
        print(f'# {stats["tokens"]}, {dict(house.outcomes())}', flush=True)
        assert stats['tokens']['cached_share'] > 0.5, stats
        with_claims = sum(bool(json.loads(text)['claims']) for text, in house.ask('SELECT json FROM judgement'))
        assert with_claims > 0


if __name__ == '__main__':
    sys.exit(run())
