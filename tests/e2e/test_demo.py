#!/usr/bin/env python3
"""The demonstration as a stranger meets it, and a reload; needs no data from outside.

The cases tell one story in order: each builds on the state that the one before it left.
"""
import os
import signal
import sqlite3
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from expected import check_explained  # noqa: E402
from tap import case, folder, patience, run, wait_for, write  # noqa: E402

PATIENCE_S = 60  # from the program's start to an explained event
STOP_S = 2

ONE = 'cameras:\n  street:\n    url: scene\n{more}detect:\n  model: demo\n'


class Story:
    config = watching = None


def configure(more='', below=''):
    return write(Story.config, ONE.format(more=more) + below)


def names():
    return [c['name'] for c in Story.watching.json('/api/cameras')['items']]


def errors_said():
    return Story.watching.err.text.count('the configuration is refused')


@case('within a minute the demonstration shows a camera and an explained event')
def _():
    Story.config = os.path.join(folder(), 'hsi.yaml')
    configure()
    Story.watching = daemon.Daemon(Story.config, folder())
    wait_for('camera online', lambda: Story.watching.camera()['state'] == 'online', 10)
    event = wait_for('event of a person', lambda: next(
        (e for e in Story.watching.events() if e['tracks'] and e['tracks'][0]['label'] == 'person'), None), PATIENCE_S)
    check_explained(event)
    assert Story.watching.get('/api/cameras/street/snapshot?boxes=true')[:2] == b'\xff\xd8'
    note = Story.watching.json('/api/system')['detector']['note']
    assert 'only the built-in' in note, note


@case('SIGHUP takes a new camera into use beside the same page')
def _():
    configure(more='  back:\n    url: "scene:7"\n')
    Story.watching.process.send_signal(signal.SIGHUP)
    wait_for('second camera online', lambda: [c['state'] for c in Story.watching.json('/api/cameras')['items']] ==
             ['online', 'online'], 20)
    assert names() == ['street', 'back']


@case('a configuration with a mistake is told with its place, and changes nothing')
def _():
    configure(below='  fsp: 5\n')
    Story.watching.process.send_signal(signal.SIGHUP)
    wait_for('refusal', lambda: errors_said() == 1, 10)
    assert 'hsi.yaml:6:3:' in Story.watching.err.text and "did you mean 'fps'" in Story.watching.err.text
    assert names() == ['street', 'back']


@case('a model that is not there changes nothing either')
def _():
    write(Story.config, ONE.format(more='').replace('model: demo', 'model: yolo26z'))
    Story.watching.process.send_signal(signal.SIGHUP)
    wait_for('refusal', lambda: errors_said() == 2, 10)
    assert names() == ['street', 'back']
    assert Story.watching.json('/health')['status'] == 'ok'


@case('while nothing can be stored it says so, and catches up afterwards')
def _():
    stored = len(Story.watching.events())
    lock = sqlite3.connect(os.path.join(Story.watching.store, 'hsi.db'), timeout=30, isolation_level=None)
    lock.execute('BEGIN IMMEDIATE')
    wait_for('complaint', lambda: Story.watching.json('/health')['status'] == 'degraded', PATIENCE_S)
    assert Story.watching.json('/health')['reason']
    lock.execute('ROLLBACK')
    lock.close()
    wait_for('recovery', lambda: Story.watching.json('/health')['status'] == 'ok', 20)
    wait_for('what had to wait', lambda: len(Story.watching.events()) >= stored, 20)


@case('Ctrl-C ends it in under two seconds, with nothing left open')
def _():
    Story.watching.get('/api/events')
    code, took_s = Story.watching.signal(signal.SIGINT)
    assert code == 0, Story.watching.err.text
    assert took_s < STOP_S * patience(), took_s


if __name__ == '__main__':
    try:
        status = run()
    finally:
        if Story.watching:
            Story.watching.kill()
    sys.exit(status)
