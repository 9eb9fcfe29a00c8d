#!/usr/bin/env python3
"""hsi run against a real RTSP server that asks for a password.

The cases tell one story in order: each builds on the state that the one before it left.
"""
import base64
import os
import re
import signal
import sqlite3
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from expected import VISITS, check_explained  # noqa: E402
from tap import SLOW, Skip, case, data, folder, patience, run, wait_for, write  # noqa: E402

USER = 'view er@home'
PASSWORD = 'p@ss:w/o%rd?#9'
STOP_S = 2  # Ctrl-C takes less
REST_S = 12  # long enough for several attempts, if they came at the pace of a lost camera


class Story:
    camera = basic_camera = watching = locked_out = None
    folder = store = None
    locked_out_at = 0


def write_config(name, camera, password, more=''):
    """A configuration with its own secrets beside it."""
    here = os.path.join(Story.folder, name)
    os.mkdir(here)
    quoted = password.replace("'", "''")
    write(os.path.join(here, 'secrets.yaml'), f"hall_password: '{quoted}'\n", 0o600)
    return write(os.path.join(here, 'hsi.yaml'),
                 f'cameras:\n  hall:\n    url: {camera.url()}\n    username: {USER}\n'
                 f'    password: !secret hall_password\n{more}')


def model():
    return f'detect:\n  model: {data("yolo26n-320.onnx")}\n'


def watch():
    return daemon.Daemon(os.path.join(Story.folder, 'good', 'hsi.yaml'), Story.store)


def open_event():
    """An event that is going on and has its reasons."""
    return next((e for e in Story.watching.events() if e['state'] == 'open' and e['reasons']), None)


def rows(query):
    """From the database as it lies on the disk."""
    with sqlite3.connect(f'file:{os.path.join(Story.store, "hsi.db")}?mode=ro', uri=True) as db:
        return db.execute(query).fetchall()


@case('the camera comes online', data=True)
def _():
    reason = daemon.available()
    if reason:
        raise Skip(reason)
    Story.folder = folder()
    Story.store = os.path.join(Story.folder, 'store')
    Story.camera = daemon.Camera(data('person-walk.mp4'), USER, PASSWORD, 'digest')
    Story.basic_camera = daemon.Camera(data('person-walk.mp4'), USER, PASSWORD, 'basic')
    write_config('good', Story.camera, PASSWORD, model())
    Story.watching = watch()
    Story.locked_out = daemon.Daemon(write_config('bad', Story.basic_camera, PASSWORD + 'x'),
                                     os.path.join(Story.folder, 'bad', 'store'))
    Story.locked_out_at = time.monotonic()
    camera = wait_for('camera online', lambda: Story.watching.camera()['state'] == 'online' and
                      Story.watching.camera(), 20)
    assert camera['reason'] is None, camera


def needs_story(function):
    def checked():
        if not Story.watching:
            raise Skip('there is no camera') if daemon.available() else AssertionError('no daemon to ask')
        function()
    return checked


@case('a person walks in: an open event with score and reasons', data=True)
@needs_story
def _():
    event = wait_for('open event', open_event, 30)
    assert event['camera'] == 'hall' and event['tracks'][0]['label'] == 'person', event
    check_explained(event)
    assert Story.watching.json(f'/api/events/{event["id"]}')['id'] == event['id']


@case('pictures: live, of the event, with and without boxes', data=True)
@needs_story
def _():
    def stored():
        return next((e for e in Story.watching.events() if e['snapshot']), None)
    event = wait_for('picture of the event', stored, 20)
    shots = ['/api/cameras/hall/snapshot', '/api/cameras/hall/snapshot?boxes=true', event['snapshot'],
             event['snapshot'] + '?boxes=true', event['tracks'][0]['snapshot']]
    for shot in shots:
        picture = Story.watching.get(shot)
        assert picture[:2] == b'\xff\xd8' and len(picture) > 5000, shot


@case('health and the page answer', data=True)
@needs_story
def _():
    assert Story.watching.json('/health')['status'] == 'ok'
    assert b'<html' in Story.watching.get('/').lower()
    assert Story.watching.status('/api/events/not-an-id') == 400
    assert Story.watching.status('/api/cameras/nobody') == 404


@case('a wrong password: the camera\'s state says so, in words', data=True)
@needs_story
def _():
    def refused():
        camera = Story.locked_out.camera()
        return camera if camera['state'] == 'retrying' else None
    camera = wait_for('refusal', refused, 20)
    assert 'password' in camera['reason'] and 'username' in camera['reason'], camera


@case('a wrong password is not tried again and again', data=True)
@needs_story
def _():
    left = Story.locked_out_at + REST_S - time.monotonic()
    if left > 0:
        time.sleep(left)
    assert Story.basic_camera.connections() <= 2, Story.basic_camera.out.text
    code, took_s = Story.locked_out.signal(signal.SIGTERM)
    assert code == 0 and took_s < STOP_S * patience(), (code, took_s)


@case('Basic authentication works as well', data=True)
@needs_story
def _():
    other = daemon.Daemon(write_config('basic', Story.basic_camera, PASSWORD), os.path.join(Story.folder, 'other'))
    try:
        wait_for('camera online', lambda: other.camera()['state'] == 'online', 20)
        check_silence(other)
    finally:
        other.kill()
        Story.basic_camera.stop()


@case('150 s: at least five visits, each in an explained event', data=True, slow=True)
@needs_story
def _():
    people = {}
    until = time.monotonic() + 150
    while time.monotonic() < until:
        for event in Story.watching.events():
            check_explained(event)
            for track in event['tracks']:
                if track['label'] == 'person' and track['end_s'] - track['start_s'] > 1:
                    people[track['id']] = track
        time.sleep(2)
    print(f'# {len(people)} visits')
    assert 5 <= len(people) <= len(VISITS) + 2, people


@case('the camera goes away: retrying, with the reason', data=True)
@needs_story
def _():
    Story.camera.stop()
    camera = wait_for('lost camera', lambda: Story.watching.camera()['state'] != 'online' and
                      Story.watching.camera(), 20)
    assert camera['state'] == 'retrying' and camera['reason'], camera


@case('it comes back: online again by itself', data=True)
@needs_story
def _():
    Story.camera.start()
    begun = time.monotonic()
    wait_for('camera back online', lambda: Story.watching.camera()['state'] == 'online', 20)
    print(f'# after {time.monotonic() - begun:.1f} s')
    assert 'hall' in Story.watching.err.text and 'online' in Story.watching.err.text


@case('Ctrl-C during an event: under 2 s, exit 0, the event is closed', data=True)
@needs_story
def _():
    event = wait_for('open event after the interruption', open_event, 40)
    code, took_s = Story.watching.signal(signal.SIGINT)
    print(f'# {took_s:.2f} s')
    assert code == 0, (code, Story.watching.err.text)
    assert took_s < STOP_S * patience(), f'{took_s:.2f} s'
    assert rows('SELECT count(*) FROM event WHERE closed = 0') == [(0,)]
    key = event['id'].replace('-', '').upper()
    assert rows(f"SELECT close_reason FROM event WHERE hex(id) = '{key}'") == [('shutdown',)]
    check_silence(Story.watching)


@case('killed during an event: the next start closes it', data=True)
@needs_story
def _():
    Story.watching = watch()
    event = wait_for('open event', open_event, 40)
    Story.watching.kill()
    check_silence(Story.watching)
    Story.camera.stop()
    Story.watching = watch()
    found = wait_for('the closed event', lambda: Story.watching.json(f'/api/events/{event["id"]}'), 10)
    assert found['state'] == 'closed' and found['close_reason'] == 'crash', found
    check_explained(found)
    assert not [e for e in Story.watching.events() if e['state'] == 'open']


@case('without the camera: Ctrl-C still ends it in time', data=True)
@needs_story
def _():
    code, took_s = Story.watching.signal(signal.SIGINT)
    assert code == 0 and took_s < STOP_S * patience(), (code, took_s)
    check_silence(Story.watching)


@case('only one hsi at a time keeps a folder', data=True)
@needs_story
def _():
    first = watch()
    try:
        watch()
    except AssertionError as complaint:
        assert 'another' in str(complaint), complaint
    else:
        raise AssertionError('both run')
    finally:
        first.kill()


def spellings(secret):
    """A credential as it may leak: plain, percent-encoded in either case, in JSON, as Basic authentication."""
    encoded = urllib.parse.quote(secret, safe='')
    lower = re.sub('%..', lambda m: m[0].lower(), encoded)
    return {secret, encoded, lower, secret.replace('/', '\\/'), base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f'{USER}:{secret}'.encode()).decode()}


def check_silence(program):
    for where, content in program.everything_said().items():
        for spelling in spellings(PASSWORD):
            assert spelling.encode() not in content, f'the password is in {where}'


@case('the password is in no output, no answer and no file', data=True)
@needs_story
def _():
    """The daemons that went before were searched when they ended; here the one that was locked out, and the folder."""
    check_silence(Story.locked_out)
    assert len(Story.locked_out.answers) >= 1 and Story.locked_out.err.text
    check_silence(Story.watching)


if __name__ == '__main__':
    if SLOW:
        print('# with the slow cases')
    sys.exit(run())
