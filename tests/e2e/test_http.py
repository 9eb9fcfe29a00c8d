#!/usr/bin/env python3
"""hsi run with cameras over HTTP: MJPEG, single pictures, logging in, and what is refused."""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import http_camera  # noqa: E402
from tap import Skip, case, folder, patience, run, wait_for, write  # noqa: E402

USER, PASSWORD = 'view er', 'p@ss:w/o%rd?#9'
GOOD = ['mjpeg', 'bare', 'still.jpg', 'unclear', 'basic.jpg', 'digest.jpg', 'digest-mjpeg', 'wrong-length', 'to-still']
# Path, the cause, and what the camera's reason says.
BAD = [('html', 'garbage', 'text/html'), ('playlist.m3u8', 'garbage', 'mpegurl'), ('none.jpg', 'missing', '404'),
       ('truncated.jpg', 'ended', 'closed the connection'), ('huge.jpg', 'garbage', '16777216'),
       ('huge-part', 'garbage', '16777216'), ('to-file', 'ended', 'cannot connect'),
       ('to-host', 'garbage', 'localhost'), ('loop', 'ended', 'cannot connect'), ('hang', 'timeout', 'no answer'),
       ('endless-header', 'timeout', 'no answer')]


class Story:
    camera = program = wrong = None


def name_of(path):
    return path.replace('.', '_').replace('-', '_')


def config_text(paths, password, more=''):
    lines = ['storage:', '  snapshots: false', 'cameras:']
    for path in paths:
        lines += [f'  {name_of(path)}:', f'    url: {Story.camera.url("/" + path)}', f'    username: {USER}',
                  f"    password: '{password}'", '    interval: 0.2s', '    timeout: 2s']
    return '\n'.join(lines) + '\n' + more


def start(name, text):
    here = folder()
    return daemon.Daemon(write(os.path.join(here, 'hsi.yaml'), text), os.path.join(here, name))


def cameras(program=None):
    return {c['name']: c for c in (program or Story.program).json('/api/cameras')['items']}


def needs_story(function):
    def checked():
        if not Story.program:
            raise Skip(http_camera.available()) if http_camera.available() else AssertionError('no daemon to ask')
        function()
    return checked


@case('all kinds of good cameras show pictures')
def _():
    if http_camera.available():
        raise Skip(http_camera.available())
    Story.camera = http_camera.Camera(USER, PASSWORD)
    Story.program = start('good', config_text(GOOD + ['stall'] + [path for path, _, _ in BAD], PASSWORD))
    def missing():
        return [p for p in GOOD if cameras()[name_of(p)]['frames'] < 8]
    wait_for('pictures', lambda: not missing(), 20)
    for path in GOOD:
        camera = cameras()[name_of(path)]
        assert camera['state'] == 'online' and camera['width'] == 160, camera
        assert camera['damaged_frames'] == 0, camera


@case('what is no camera is refused and says why')
@needs_story
def _():
    wait_for('refusals', lambda: all(cameras()[name_of(p)]['state'] == 'retrying' for p, _, _ in BAD), 20)
    for path, cause, said in BAD:
        camera = cameras()[name_of(path)]
        assert said in camera['reason'] and camera['cause'] == cause, camera
        assert camera['frames'] == 0, camera


@case('nothing in an answer makes it ask for anything else')
@needs_story
def _():
    assert '/secret' not in Story.camera.requests, Story.camera.requests


@case('a stream that stalls is noticed, and tried again')
@needs_story
def _():
    wait_for('another try', lambda: Story.camera.requests['/stall'] >= 2, 15)


@case('one picture is fetched as often as it says')
@needs_story
def _():
    before, begun = Story.camera.requests['/still.jpg'], time.monotonic()
    time.sleep(4)
    rate = (Story.camera.requests['/still.jpg'] - before) / (time.monotonic() - begun)
    assert 5 <= rate <= 10.5, rate  # two cameras, /to-still is the other


@case('a camera that fails for a second is not lost, one that fails for longer is')
@needs_story
def _():
    Story.camera.away = True
    time.sleep(1)
    assert cameras()['still_jpg']['state'] == 'online', cameras()['still_jpg']
    wait_for('loss', lambda: cameras()['still_jpg']['state'] == 'retrying', 6)
    assert cameras()['still_jpg']['reason'], cameras()['still_jpg']
    Story.camera.away = False
    wait_for('camera back', lambda: cameras()['still_jpg']['state'] == 'online', 4)


@case('a wrong password is not tried again and again')
@needs_story
def _():
    before = dict(Story.camera.requests)
    Story.wrong = start('wrong', config_text(['basic.jpg', 'digest-mjpeg'], PASSWORD + 'x'))
    wait_for('refusal', lambda: all(c['state'] == 'retrying' for c in cameras(Story.wrong).values()), 10)
    time.sleep(4)
    assert Story.camera.requests['/digest-mjpeg'] <= before['/digest-mjpeg'] + 2, (before, Story.camera.requests)
    assert all('password' in c['reason'] for c in cameras(Story.wrong).values())


@case('it ends at once, and the password is nowhere')
@needs_story
def _():
    for program in (Story.program, Story.wrong):
        code, took_s = program.signal(2)
        assert code == 0 and took_s < 2 * patience(), (code, took_s)
        for where, content in program.everything_said().items():
            for spelling in (PASSWORD, 'p%40ss', 'p@ss'):
                assert spelling.encode() not in content, f'the password is in {where}'
    Story.camera.stop()


if __name__ == '__main__':
    sys.exit(run())
