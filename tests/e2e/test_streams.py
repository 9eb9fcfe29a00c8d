#!/usr/bin/env python3
"""What cameras send: codecs, sound, several tracks, clocks, slow ones, key frames that never come."""
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import flaky_rtsp  # noqa: E402
from tap import Skip, analyze, case, cases_of, folder, run, wait_for, write  # noqa: E402

USER, PASSWORD = 'viewer', 'secret'
AHEAD_S = 90
VIDEO = 'testsrc2=size=160x120:rate=5'
PCMU = 'audiotestsrc is-live=true ! audioconvert ! audioresample ! mulawenc ! rtppcmupay name=pay1 pt=0'
AAC = 'demux.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97'
SECOND = 'demux.video_1 ! queue ! h264parse config-interval=-1 ! rtph264pay name=pay1 pt=97 config-interval=-1'


class Story:
    folder = program = None
    cameras = {}


def encode(name, codec, *more, seconds=8):
    """A clip with a sound beside the video, five pictures a second."""
    path = os.path.join(Story.folder or folder(), name)
    subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-y', '-f', 'lavfi', '-i', VIDEO, '-f', 'lavfi', '-i',
                    'sine=frequency=440', '-t', str(seconds), '-c:v', codec, '-g', '5', '-bf', '0', '-pix_fmt',
                    'yuvj420p' if codec == 'mjpeg' else 'yuv420p', *more, path], check=True, stdin=subprocess.DEVNULL)
    return path


def needs_ffmpeg():
    if not shutil.which('ffmpeg'):
        raise Skip('ffmpeg is not installed')


@cases_of([('a.mp4', 'libx264', ['-c:a', 'aac']), ('b.mp4', 'libx265', ['-c:a', 'aac', '-x265-params', 'log-level=0']),
           ('c.mkv', 'libx264', ['-c:a', 'pcm_mulaw', '-ar', '8000']),
           ('d.ts', 'libx265', ['-x265-params', 'log-level=0']),
           ('e.mkv', 'libx264', ['-map', '1:a', '-map', '0:v', '-map', '0:v', '-c:a', 'aac']),
           ('f.avi', 'mjpeg', ['-c:a', 'pcm_s16le']), ('g.mp4', 'libx264', ['-bf', '3', '-c:a', 'aac'])],
          'a recording with sound is analysed: {0}')
def _(name, codec, more):
    needs_ffmpeg()
    found = analyze(encode(name, codec, *more))
    assert found, found
    text = json.dumps(found)
    assert '"frames": 40' in text, text[:2000]


def config_text(urls):
    lines = ['storage:', '  snapshots: false', 'cameras:']
    for name, (url, more) in urls.items():
        lines += [f'  {name}:', f'    url: {url}', f'    username: {USER}', f'    password: {PASSWORD}', *more]
    return '\n'.join(lines) + '\n'


def camera(name):
    return next(c for c in Story.program.json('/api/cameras')['items'] if c['name'] == name)


def clip(name, codec, *more):
    """Long enough that no server has to begin it again."""
    return encode(name, codec, *more, seconds=60)


@case('codecs, sound and several tracks over RTSP')
def _():
    needs_ffmpeg()
    if daemon.available():
        raise Skip(daemon.available())
    Story.folder = folder()
    h264 = clip('h264.mp4', 'libx264', '-c:a', 'aac')
    kinds = {'udp': (h264, 'h264', ''),
             'h265': (clip('h265.mp4', 'libx265', '-c:a', 'aac', '-x265-params', 'log-level=0'), 'h265', ''),
             'b_frames': (clip('b.mp4', 'libx264', '-bf', '3'), 'h264', ''),
             'aac': (h264, 'h264', AAC), 'pcmu': (h264, 'h264', PCMU),
             'two': (clip('two.mp4', 'libx264', '-map', '0:v', '-map', '0:v'), 'h264', SECOND),
             'mjpeg': (clip('mjpeg.mp4', 'mjpeg'), 'jpeg', '')}
    servers = {name: daemon.Camera(clip, USER, PASSWORD, 'digest', ['--codec', codec, '--more', more])
               for name, (clip, codec, more) in kinds.items()}
    urls = {name: (server.url(), ['    transport: udp'] if name == 'udp' else [])
            for name, server in servers.items()}
    config = write(os.path.join(Story.folder, 'hsi.yaml'), config_text(urls))
    Story.program = daemon.Daemon(config, os.path.join(Story.folder, 'codecs'))
    try:
        wait_for('pictures of all', lambda: all(camera(n)['frames'] >= 30 for n in urls), 30)
        for name in urls:
            found = camera(name)
            assert found['state'] == 'online' and found['width'] == 160, found
            assert found['damaged_frames'] == 0 and found['losses'] == 0, found
    except AssertionError:
        print('#', [(n, camera(n)['state'], camera(n)['reason'], camera(n)['frames']) for n in urls])
        raise
    finally:
        Story.program.kill()
        for server in servers.values():
            server.stop()


@case('clocks ahead, stamps that wrap, slow cameras, sessions to be kept alive, no key frames: all online')
def _():
    needs_ffmpeg()
    here = folder()
    units, sets = flaky_rtsp.read_units(flaky_rtsp.make_clip(os.path.join(here, 'clip.h264')))
    server = flaky_rtsp.Server()
    Story.cameras = {name: server.add(flaky_rtsp.Camera(units, sets, rate, reports)) for name, rate, reports in
                     [('ahead', 5, 5), ('wraps', 5, 0), ('slow', .5, 0), ('kept', 5, 0), ('keyless', 5, 0)]}
    Story.cameras['ahead'].clock_s = AHEAD_S
    Story.cameras['wraps'].first_stamp = 2**32 - 2 * flaky_rtsp.RTP_HZ
    Story.cameras['kept'].session_s = 4
    Story.cameras['keyless'].keyless = True
    urls = {name: (c.url(), []) for name, c in Story.cameras.items()}
    Story.program = daemon.Daemon(write(os.path.join(here, 'hsi.yaml'), config_text(urls)), os.path.join(here, 'data'))
    wait_for('cameras online', lambda: all(camera(n)['state'] == 'online' for n in urls), 15)
    wait_for('word of the missing key frames', lambda: camera('keyless')['cause'] == 'no_key_frame', 20)
    assert camera('keyless')['state'] == 'online' and 'key frame' in camera('keyless')['reason']
    for name in urls:
        assert camera(name)['losses'] == 0, camera(name)


@case('the camera\'s clock beside ours')
def _():
    needs_ffmpeg()
    offset_s = camera('ahead')['clock_offset_s']
    assert abs(offset_s - AHEAD_S) < 1, offset_s
    assert 'clock_offset_s' not in camera('wraps'), camera('wraps')


@case('a key frame at last: nothing is the matter any more')
def _():
    needs_ffmpeg()
    Story.cameras['keyless'].keyless = False
    wait_for('cause gone', lambda: camera('keyless')['cause'] is None and camera('keyless')['frames'] > 0, 10)


@case('a slow camera is not lost, the session is kept alive, wrapping stamps jump nowhere')
def _():
    needs_ffmpeg()
    assert camera('slow')['losses'] == 0 and camera('slow')['frames'] >= 4, camera('slow')
    assert Story.cameras['kept'].kept_alive >= 3, Story.cameras['kept'].kept_alive
    assert camera('wraps')['frames'] >= 40 and camera('wraps')['losses'] == 0, camera('wraps')
    code, _ = Story.program.signal(2)
    assert code == 0, code


if __name__ == '__main__':
    sys.exit(run())
