#!/usr/bin/env python3
"""kill -9 at any instant: what was told is there, and all that is there agrees.

A round starts the house (house.c), kills it after 50 to 1500 ms of its life or of its work, or right when it then
tells something, and looks: hsi fsck
finds nothing that the next start does not mend; after a start and a stop nothing is wrong at all, no event is open,
and everything the house has told is in the database. In a quarter of the rounds that start is killed too, and the
next round begins where it left off. Ids and numbers of later rounds come after those of earlier ones.

    crash.py --rounds 100 --state FILE    100 rounds more; the state says where to go on, and what was seen
    crash.py --tap                        a few rounds, as a test

HOUSE and HSI name the programs. A process that is killed loses nothing the kernel has taken: this says nothing of a
loss of power, against which the store syncs every commit.
"""
import argparse
import json
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import tap  # noqa: E402

HSI, HOUSE = os.environ.get('HSI', ''), os.environ.get('HOUSE', '')
ROUNDS_OF_TEST = 16
OUTBOX_KEEP = 10000  # of older changes only each event's last is kept
PATIENCE_S = 5  # until it says a certain word
START_S = 60  # until the house says something, on a machine that does much else
REASONS = {'window', 'quiet', 'tracks', 'end', 'shutdown', 'crash'}
MENDED_BY_START = 'the next start of hsi too'


class Broken(AssertionError):
    """A promise that was not kept."""


def must(true, text):
    if not true:
        raise Broken(text)


# --- one life of the house ---

class Life:
    """Starts the house, kills it; lines: what it told."""

    def __init__(self, folder, wait_for_work, delay_s, at_word):
        self.said = b''
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([HOUSE, folder, 'watch'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.errors)
        try:
            if wait_for_work:
                self.listen(START_S * tap.patience(), b'\n')
                must(b'\n' in self.said, f'the house did nothing: {self.complaints()}')
            self.listen(delay_s)
            if at_word:
                self.listen(PATIENCE_S, at_word)
            must(self.process.poll() is None, f'the house ended by itself: {self.complaints()}')
        finally:
            self.process.send_signal(signal.SIGKILL)
            while True:
                more = os.read(self.process.stdout.fileno(), 65536)
                if not more:
                    break
                self.said += more
            self.process.stdout.close()
            self.process.wait()
        self.lines = [line.split() for line in self.said.decode().split('\n')[:-1]]

    def listen(self, seconds, until=None):
        """For so long, or until it has said that from now on."""
        end = time.monotonic() + seconds
        start = len(self.said)
        out = self.process.stdout.fileno()
        while (left := end - time.monotonic()) > 0 and not (until and until in self.said[start:]):
            if select.select([out], [], [], left)[0]:
                more = os.read(out, 65536)
                if not more:
                    return
                self.said += more

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors='replace')[-2000:]


# --- what is in the database ---

def id_bytes(text):
    return bytes.fromhex(text.replace('-', ''))


class Database:
    def __init__(self, store):
        self.db = sqlite3.connect(f'file:{os.path.join(store, "hsi.db")}?mode=ro', uri=True, timeout=30)

    def one(self, sql, *values):
        return self.db.execute(sql, values).fetchone()

    def check_change(self, seq, event, revision, state, model):
        row = self.one('SELECT event, revision FROM outbox WHERE seq = ?', seq)
        newest = self.one('SELECT revision, closed FROM event WHERE id = ?', event)
        what = f'change {seq}, revision {revision} of {event.hex()}'
        must(newest, f'{what}: the event is not there')
        must(newest[0] >= revision, f'{what}: the event is at revision {newest[0]}')
        must(newest[1] or state == 'open', f'{what}: was closed, and is open')
        must(model != '{state:done' or self.one('SELECT 1 FROM judgement WHERE event = ? AND done', event),
             f'{what}: was judged, and is not')
        if row:
            must(row == (event, revision), f'{what}: the number belongs to revision {row[1]} of {row[0].hex()}')
        else:
            must(seq <= self.one('SELECT max(seq) FROM outbox')[0] - OUTBOX_KEEP, f'{what} is not there')

    def check(self, lines):
        for kind, *rest in lines:
            if kind == 'E':
                self.check_change(int(rest[0]), id_bytes(rest[1]), int(rest[2]), *rest[3:5])
            elif kind == 'C':
                must(self.one('SELECT 1 FROM camera_event WHERE id = ?', id_bytes(rest[0])), f'no camera event {rest}')
            elif kind == 'U':
                must(self.one('SELECT 1 FROM upload WHERE sha256 = ?', bytes.fromhex(rest[0])), f'no upload {rest}')
            else:
                raise Broken(f'the witness lost count: {kind} {rest}')

    def check_ended(self):
        must(self.one('SELECT count(*) FROM event WHERE closed = 0')[0] == 0, 'events are still open')
        reasons = {row[0] for row in self.db.execute('SELECT DISTINCT close_reason FROM event')}
        must(reasons <= REASONS, f'reasons {reasons - REASONS}')
        twice = self.one('SELECT count(*) FROM (SELECT json, lag(json) OVER (PARTITION BY event ORDER BY seq) AS before'
                         ' FROM outbox) WHERE json = before')[0]
        must(twice == 0, f'{twice} changes are there twice')
        lost = self.one('SELECT count(*) FROM window WHERE event NOT IN (SELECT event FROM job)'
                        ' AND event NOT IN (SELECT event FROM judgement)')[0]
        must(lost == 0, f'{lost} events were to be judged, and are neither judged nor in the queue')


# --- rounds ---

class Crash:
    def __init__(self, state_path, fresh):
        self.path, self.fresh = state_path, fresh
        self.folder = state_path + '.data'
        self.state = {'rounds': 0, 'seed': 20260, 'max_id': '', 'max_seq': 0, 'pending': [], 'databases': 0,
                      'changes_told': 0, 'camera_events_told': 0, 'uploads_told': 0, 'verdicts_told': 0,
                      'killed_before_work': 0, 'killed_at_work': 0, 'starts_killed': 0, 'closed_by_crash': 0, 'events': 0,
                      'found_before_start': {}, 'seconds': 0.0}
        if os.path.exists(state_path):
            with open(state_path, encoding='utf-8') as file:
                self.state.update(json.load(file))

    def save(self):
        with open(self.path + '.new', 'w', encoding='utf-8') as file:
            json.dump(self.state, file, indent=1)
        os.replace(self.path + '.new', self.path)

    @property
    def store(self):
        return os.path.join(self.folder, 'store')

    def fsck(self):
        done = subprocess.run([HSI, 'fsck', '--data', self.store], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def look_before_start(self):
        """Only what the next start mends; a store that was not finished yet is no store."""
        code, out, err = self.fsck()
        if code != 0 and re.search('no store at|has version [0-9]', err):
            return
        must(code in (0, 1) and not err, f'fsck: exit {code}\n{err}')
        found = [line for line in out.splitlines()[:-1] if not line.startswith('note: ')]
        for line in found:
            kind = line.split(':')[0]
            self.state['found_before_start'][kind] = self.state['found_before_start'].get(kind, 0) + 1
            must(MENDED_BY_START in line, f'the next start does not mend:\n{line}')
        must((code == 0) == (not found), f'exit {code} with {len(found)} findings')

    def start_and_stop(self):
        done = subprocess.run([HOUSE, self.folder, 'once'], capture_output=True, text=True, timeout=300,
                              stdin=subprocess.DEVNULL)
        must(done.returncode == 0, f'a start after the kill failed:\n{done.stderr}')
        code, out, err = self.fsck()
        must(code == 0 and 'nothing is wrong' in out, f'after the next start:\n{out}{err}')

    def kill_start(self, delay_s):
        """While it closes events, sweeps pictures, or copies the log of changes back at its end; or it was faster."""
        process = subprocess.Popen([HOUSE, self.folder, 'once'], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(delay_s)
        except subprocess.TimeoutExpired:
            self.state['starts_killed'] += 1
        process.kill()
        process.wait()

    def note_life(self, life):
        s = self.state
        seqs = [int(line[1]) for line in life.lines if line[0] == 'E']
        must(all(a < b for a, b in zip([s['max_seq']] + seqs, seqs)), 'numbers do not increase')
        revisions = {}  # the model's changes, and people's, have the revision of the one before
        for line in life.lines:
            if line[0] == 'E':
                revisions.setdefault(line[2], []).append(int(line[3]))
        opened = [event for event, seen in revisions.items() if seen[0] == 0]
        must(all(seen == sorted(seen) for seen in revisions.values()), 'a revision comes after a later one')
        must(all(event > s['max_id'] for event in opened), f'ids before {s["max_id"]}: {min(opened, default="")}')
        s['max_seq'] = max([s['max_seq']] + seqs)
        s['changes_told'] += len(seqs)
        s['camera_events_told'] += sum(line[0] == 'C' for line in life.lines)
        s['uploads_told'] += sum(line[0] == 'U' for line in life.lines)
        s['verdicts_told'] += sum(line[0] == 'E' and line[5] == '{state:done' for line in life.lines)
        s['killed_at_work' if life.lines else 'killed_before_work'] += 1
        s['pending'] += life.lines

    def verify(self):
        s = self.state
        database = Database(self.store)
        database.check(s['pending'])
        database.check_ended()
        s['pending'] = []
        newest, s['events_here'], s['crashed_here'] = database.one(
            "SELECT max(hex(id)), count(*), total(close_reason = 'crash') FROM event")
        if newest:
            n = newest.lower()
            s['max_id'] = max(s['max_id'], f'{n[:8]}-{n[8:12]}-{n[12:16]}-{n[16:20]}-{n[20:]}')
        s['max_seq'] = max(s['max_seq'], database.one('SELECT coalesce(max(seq), 0) FROM outbox')[0])
        database.db.close()

    def begin_database(self):
        s = self.state
        s['events'] += s.pop('events_here', 0)
        s['closed_by_crash'] += int(s.pop('crashed_here', 0))
        s['databases'] += 1
        s['max_seq'] = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def round(self):
        s = self.state
        began = time.monotonic()
        if s['rounds'] % self.fresh == 0:
            self.begin_database()
        dice = random.Random(s['seed'] * 1000003 + s['rounds'])
        wait_for_work, delay_s = dice.random() < 0.7, dice.uniform(0.05, 1.5)
        look, go_on = dice.random() < 0.5, dice.random() < 0.25
        self.note_life(Life(self.folder, wait_for_work, delay_s, dice.choice([None, None, b'E ', b'U '])))
        if look:
            self.look_before_start()
        if go_on and (s['rounds'] + 1) % self.fresh:
            self.kill_start(dice.uniform(0, 0.1))
        else:
            self.start_and_stop()
            self.verify()
        s['rounds'] += 1
        s['seconds'] = round(s['seconds'] + time.monotonic() - began, 1)
        self.save()

    def run(self, rounds, say):
        for i in range(rounds):
            self.round()
            if say and (i + 1) % 10 == 0:
                print(json.dumps({k: v for k, v in self.state.items() if k != 'pending'}), flush=True)
        if self.state['pending']:
            self.start_and_stop()
            self.verify()
            self.save()


@tap.case(f'kill -9 {ROUNDS_OF_TEST} times: nothing that was told is lost, and all that is there agrees')
def _():
    crash = Crash(os.path.join(tap.folder(), 'state.json'), fresh=ROUNDS_OF_TEST)
    crash.run(ROUNDS_OF_TEST, say=False)
    assert crash.state['changes_told'] > 5 * ROUNDS_OF_TEST, crash.state
    assert crash.state['verdicts_told'] > ROUNDS_OF_TEST, crash.state
    assert crash.state['uploads_told'] > 0 and crash.state['camera_events_told'] > 0, crash.state
    assert crash.state['crashed_here'] > 0, crash.state


def main():
    parser = argparse.ArgumentParser(description='kill -9 at any instant')
    parser.add_argument('--tap', action='store_true', help='a few rounds, as a test')
    parser.add_argument('--rounds', type=int, default=100)
    parser.add_argument('--state', default='crash-state.json')
    parser.add_argument('--fresh', type=int, default=500, help='rounds of one database')
    args = parser.parse_args()
    if args.tap:
        return tap.run()
    try:
        Crash(os.path.abspath(args.state), args.fresh).run(args.rounds, say=True)
    except Broken as broken:
        print(f'broken: {broken}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
