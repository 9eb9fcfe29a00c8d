#!/usr/bin/env python3
"""The queue's worker against every way in which a model server can fail: each has its name in the store, nothing grows,
and when it is over every event has its verdict. Then against a real server: whoever gives up frees its slot."""
import collections
import contextlib
import json
import os
import socket
import sqlite3
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

    def all_judged(self, count):
        """Moves time on until every event has its verdict."""
        def done():
            self.tell('pass', 30)
            return self.ask('SELECT count(*) FROM judgement WHERE done = 1') == [(count,)]
        wait_for(f'{count} verdicts\n{self.said()}', done, 60, every=0.2)
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


if __name__ == '__main__':
    sys.exit(run())
