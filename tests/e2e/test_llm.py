#!/usr/bin/env python3
"""The whole program with a real language model: windows of an evaluation set are judged by the daemon, looked at through
its API, scored again; a recording's events carry claims about real tracks."""
import collections
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import llama
from daemon import Daemon as CameraHouse
from tap import HSI, SLOW, Skip, case, clean_environment, data, end, folder, run, wait_for

FILL = os.environ.get('LLM_FILL', '')
SET = os.path.join(llama.ROOT, 'share', 'evaluate', 'home.jsonl')
WINDOWS = 200 if SLOW else 24
PATIENCE_S = 60 + 15 * WINDOWS  # a reply of the random model takes two seconds of a core
VERDICTS = ('confirmed', 'uncertain', 'rejected')


def output(*command):
    """What a command says, which must succeed."""
    result = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=PATIENCE_S)
    assert result.returncode == 0, (command, result.returncode, result.stdout[-2000:], result.stderr[-2000:])
    return result.stdout


def fill(store, windows):
    return json.loads(output(FILL, store, SET, str(windows)))


def model_server(name, **settings):
    why = llama.missing(name)
    if why:
        raise Skip(why)
    return llama.Llama(llama.model(name), **settings)


class Daemon:
    """hsi run with a store that is there already, no camera, and a model server."""

    def __init__(self, store, url, **options):
        self.dir = folder()
        self.store = store
        config = {'server': {'port': llama.free_port()}, 'storage': {'path': store},
                  'risk': {'llm': {'url': url, **options}},
                  'cameras': {'yard': {'url': '/nonexistent.mp4', 'enabled': False}}}
        self.port = config['server']['port']
        path = os.path.join(self.dir, 'hsi.yaml')
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(config, f)  # JSON is YAML
        self.log = open(os.path.join(self.dir, 'log'), 'w+', encoding='utf-8')
        self.process = subprocess.Popen([HSI, 'run', '--config', path], stdout=self.log, stderr=self.log,
                                        env=clean_environment())
        wait_for('the API', lambda: self.get('/health'), 30)

    def request(self, method, path, body=None):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method,
                                         data=json.dumps(body).encode() if body is not None else None,
                                         headers={'Content-Type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as refusal:
            return json.loads(refusal.read())
        except OSError:
            return None

    def get(self, path):
        return self.request('GET', path)

    def events(self):
        found, cursor = [], ''
        while True:
            page = self.get(f'/api/events?limit=100{cursor}')
            found += page['items']
            if not page['pagination']['has_more']:
                return found
            cursor = f'&cursor={page["pagination"]["next_cursor"]}'

    def all_judged(self):
        return all(e['model'] and e['model']['state'] != 'waiting' for e in self.events())

    def llm(self):
        return self.get('/api/system')['language_model']

    def said(self):
        self.log.seek(0)
        return self.log.read()[-3000:]

    def stop(self):
        end(self.process)


@contextlib.contextmanager
def judged_house(model, windows, **settings):
    """A store of windows, and the daemon that had them judged."""
    server = model_server(model, **settings)
    store = folder()
    assert fill(store, windows)['windows'] == windows
    daemon = Daemon(store, server.url)
    try:
        wait_for(f'{windows} verdicts\n{daemon.said()}', daemon.all_judged, PATIENCE_S, every=1)
        yield daemon, server, store
    finally:
        daemon.stop()
        server.stop()


def check_event(event):
    model = event['model']
    assert model['state'] == 'done', model
    assert model['verdict'] in VERDICTS and 0 <= model['score'] <= 100, model
    assert len(model['summary']) <= 256 and len(model['reasoning']) <= 1024 and len(model['claims']) <= 8, model
    tracks = {t['id'] for t in event['tracks']}
    for claim in model['claims']:
        assert claim['evidence'], claim
        for evidence in claim['evidence']:
            assert evidence['track_id'] is None or evidence['track_id'] in tracks, (claim, tracks)
    assert sum(r['points'] for r in event['reasons']) == event['risk_score'], event['reasons']
    assert abs(event['risk_score'] - event['rules_score']) <= 25 or model['verdict'] == 'rejected', event
    if model['verdict'] == 'rejected':
        assert event['risk_score'] <= 29, event


def check_runs(store, windows):
    with contextlib.closing(sqlite3.connect(f'file:{store}/hsi.db?mode=ro', uri=True)) as db:
        outcomes = collections.Counter(o for o, in db.execute('SELECT outcome FROM run'))
        stored = db.execute("SELECT count(DISTINCT event) FROM run WHERE outcome = 'ok' AND length(request) > 0 "
                            'AND length(reply) > 0').fetchone()[0]
    assert stored == windows, outcomes
    return outcomes


def rescore(store, *more):
    return json.loads(output(HSI, 'rescore', '--data', store, '--since', '2000-01-01T00:00:00Z', '--json', *more))


def judge_all(model):
    with judged_house(model, WINDOWS) as (daemon, server, store):
        events = daemon.events()
        assert len(events) == WINDOWS, len(events)
        for event in events:
            check_event(event)
        outcomes = check_runs(store, WINDOWS)
        system = daemon.llm()
        cached = sum(e['model']['cached_tokens'] for e in events)
        prompts = sum(e['model']['prompt_tokens'] for e in events)
        assert cached > 0.2 * prompts, (cached, prompts)
        print(f'# {model}: {WINDOWS} windows, {dict(outcomes)}, {sum(len(e["model"]["claims"]) for e in events)} claims, '
              f'{sum(e["model"]["dropped_claims"] for e in events)} dropped, {cached} of {prompts} prompt tokens cached',
              flush=True)
        assert system['server']['state'] == 'ready', system
        daemon.stop()
        found = rescore(store)
        assert found['events'] == WINDOWS and found['differ'] == 0, found


@case('windows are judged by a llama model, stored, and score the same again', data=True)
def llama_model():
    judge_all('tiny-llm.gguf')


@case('windows are judged by a Nemotron-H model, stored, and score the same again', data=True)
def nemotron_model():
    judge_all('tiny-nemotron-h.gguf')


@case('one slot without a cache gives the same scores again', data=True)
def same_scores():
    server = model_server('tiny-llm.gguf', slots=1, context=16384)
    store = folder()
    fill(store, WINDOWS)
    daemon = Daemon(store, server.url, cache=False)
    wait_for('verdicts', daemon.all_judged, PATIENCE_S, every=1)
    daemon.stop()
    config = os.path.join(folder(), 'hsi.yaml')
    with open(config, 'w', encoding='utf-8') as f:
        json.dump({'risk': {'llm': {'cache': False}}, 'cameras': {'yard': {'url': '/nonexistent.mp4'}}}, f)
    found = rescore(store, '--config', config, '--llm', server.url)
    server.stop()
    assert found['model_asked'] == WINDOWS and found['differ'] == 0 and found['model_differ'] == 0 and \
        found['model_unanswered'] == 0, found


@case('events have their score at once while no server is there, and a verdict once it is')
def late_server():
    why = llama.missing('tiny-llm.gguf')
    if why:
        raise Skip(why)
    port = llama.free_port()
    store = folder()
    fill(store, 6)
    daemon = Daemon(store, f'http://127.0.0.1:{port}')
    events = daemon.events()
    assert all(e['risk_score'] is not None and e['model']['state'] == 'waiting' for e in events), events
    wait_for('a server that is down', lambda: daemon.llm()['server']['state'] == 'down', 30)
    server = llama.Llama(llama.model('tiny-llm.gguf'), port=port)
    wait_for('verdicts', lambda: all(e['model']['state'] == 'done' for e in daemon.events()), 120, every=0.5)
    daemon.stop()
    server.stop()


@case('where no model is asked any more nothing waits for one, and it can be queued again')
def switched_off():
    store = folder()
    fill(store, 40)
    daemon = Daemon(store, 'OFF')
    wait_for('no event that waits', lambda: all(e['model']['state'] == 'failed' for e in daemon.events()), 30)
    assert {e['model']['reason'] for e in daemon.events()} == {'risk.llm.url is off'}
    daemon.stop()
    daemon = Daemon(store, f'http://127.0.0.1:{llama.free_port()}')
    wait_for('40 dead letters', lambda: daemon.llm()['queue']['dead'] == 40, 10)
    daemon.request('POST', '/api/llm/jobs/requeue', {})
    wait_for('all to wait', lambda: all(e['model']['state'] == 'waiting' for e in daemon.events()), 30)
    daemon.stop()


@case('a server that is configured no more, and not found, is not waited for')
def forgotten():
    for port in (8080, 11434, 8000):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                raise Skip(f'somebody listens at port {port}')

    def configure(url):
        with open(path, 'w', encoding='utf-8') as f:
            json.dump({'detect': {'model': 'demo'}, 'cameras': {'street': {'url': 'scene'}},
                       'risk': {'llm': {'url': url, 'urgent_labels': ['person', 'motion']}}}, f)

    def urgent():
        return {e['id']: e for e in house.events() if any(t['label'] in ('person', 'motion') for t in e['tracks'])}

    path = os.path.join(folder(), 'hsi.yaml')
    configure(f'http://127.0.0.1:{llama.free_port()}')
    house = CameraHouse(path, folder())
    wait_for('a question', lambda: any(e['model'] for e in urgent().values()), 90)
    configure('')
    house.process.send_signal(signal.SIGHUP)
    wait_for('the reload', lambda: 'configuration reloaded' in house.err.text, 30)
    before = set(urgent())
    wait_for('another event', lambda: set(urgent()) - before, 120)
    assert all(e['model'] is None for key, e in urgent().items() if key not in before), urgent()
    end(house.process)


@case('feedback is taken, shown, listed and taken back')
def feedback():
    store = folder()
    fill(store, 3)
    daemon = Daemon(store, 'off')
    event = daemon.events()[0]['id']
    said = daemon.request('PUT', f'/api/events/{event}/feedback', {'kind': 'too_hihg'})
    assert said['status'] == 400 and 'too_high' in said['hint'], said
    said = daemon.request('PUT', f'/api/events/{event}/feedback', {'kind': 'too_high', 'note': 'the postman'})
    assert said['feedback']['kind'] == 'too_high', said
    wait_for('feedback', lambda: daemon.get(f'/api/events/{event}')['feedback'], 10)
    shown = daemon.get(f'/api/events/{event}')['feedback']
    assert shown['kind'] == 'too_high' and shown['note'] == 'the postman', shown
    assert len(daemon.get('/api/feedback')['items']) == 1
    lines = [json.loads(line) for line in output(HSI, 'feedback', '--data', store).splitlines()]
    assert [(x['id'], x['note'], x['incident']) for x in lines] == [(event, 'the postman', False)], lines
    daemon.request('DELETE', f'/api/events/{event}/feedback')
    wait_for('no feedback', lambda: daemon.get(f'/api/events/{event}')['feedback'] is None, 10)
    daemon.stop()


@case('the events of a recording carry claims about its own tracks', data=True)
def recording():
    server = model_server('tiny-llm.gguf')
    found = json.loads(output(HSI, 'analyze', '--model', data('yolo26n-320.onnx'), '--llm', server.url, '--json',
                              data('person-walk.mp4')))
    server.stop()
    tracks = {t['id'] for t in found['tracks']}
    assert found['events'], found
    claims = 0
    for event in found['events']:
        check_event(event)
        for claim in event['model']['claims']:
            claims += 1
            assert all(e['track_id'] is None or e['track_id'] in tracks for e in claim['evidence']), claim
    assert claims > 0, found['events']


if __name__ == '__main__':
    sys.exit(run())
