#!/usr/bin/env python3
"""A parked car in the rendered street, through the real gate, detector and tracker: dusk, lamps, headlights and
whoever walks in front of it are no event of the car."""
import functools
import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import HSI, analyze, case, folder, run, write  # noqa: E402

SCENE_DUMP = os.path.join(os.path.dirname(HSI), 'tools', 'scene_dump')
SEED, FPS = 1, 5
HOUR_S = 3640  # of the scene, in which its light goes round once
CARS = {'car', 'truck', 'bus'}  # which the one in the drive may be taken for
CLASSES = ['person', 'bicycle', 'car', 'truck', 'cat', 'dog']  # of scene_dump
DRIVE = 'zones:\n  drive: {kind: driveway, polygon: [[0.625, 0.55], [0.74, 0.55], [0.80, 0.675], [0.615, 0.675]]}\n'
# The demonstration model knows the whole view only.
CONFIG = 'cameras:\n  street:\n    url: scene\ndetect:\n  model: demo\n  regions: off\n'
SLACK_S = 2


@functools.cache
def passing(start_s, seconds):
    """The seconds in which cars are on the road, by the scene itself."""
    dump = subprocess.run([SCENE_DUMP, 'street', str(SEED), '1', str(seconds), '1000', str(start_s * 1000)],
                          capture_output=True, check=True).stdout
    seen, at = set(), 20
    while at < len(dump):
        time_ms, _, count = struct.unpack_from('<ifi', dump, at + 4)
        at += 16
        for row in range(count):
            kind, _, _, _, foot = struct.unpack_from('<iffff', dump, at + 20 * row)
            if CLASSES[kind] in CARS and foot > 130:  # of 180 rows: on the road
                seen.add(time_ms // 1000 - start_s)
        at += 20 * count + 3 * 320 * 180
    return seen


@functools.cache
def places():
    here = folder()
    return ['--config', write(os.path.join(here, 'hsi.yaml'), CONFIG), '--model', 'demo',
            '--zones', write(os.path.join(here, 'zones.yaml'), DRIVE)]


def clip(start_s, seconds):
    """That part of the scene as a recording."""
    path = os.path.join(folder(), 'street.mp4')
    with subprocess.Popen([SCENE_DUMP, 'clip', str(SEED), str(seconds * FPS), str(1000 // FPS), str(start_s * 1000)],
                          stdout=subprocess.PIPE) as scene:
        subprocess.run(['ffmpeg', '-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', '640x360', '-r',
                        str(FPS), '-i', '-', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '14', '-g', '10', path],
                       stdin=scene.stdout, check=True)
    return path


def check(doc, start_s, seconds):
    in_events = [t for e in doc['events'] for t in e['tracks'] if t['label'] in CARS]
    stirred = [t for t in in_events if any(z['name'] == 'drive' for z in t['zones'])]
    assert not stirred, f'events of the parked car: {stirred}'
    real = passing(start_s, seconds)
    assert real, 'nothing drives by: a test of nothing'
    for track in in_events:
        assert any(track['start_s'] - SLACK_S <= second <= track['end_s'] + SLACK_S for second in real), track
    # It was seen nearly all the time, or its silence would prove little.
    seen = set()
    for t in doc['tracks']:
        if t['label'] in CARS and not t['moved']:
            seen.update(range(int(t['start_s']), int(t['end_s']) + 1))
    assert len(seen) >= 0.9 * seconds, f'seen at rest for {len(seen)} of {seconds} s'
    people = [e for e in doc['events'] if any(t['label'] not in CARS for t in e['tracks'])]
    assert people and in_events, 'who comes by is told of all the same'


@case('five minutes from dusk to night: the parked car stays quiet')
def _():
    check(analyze(*places(), clip(1500, 300)), 1500, 300)


@case('a whole hour of day, dusk, night and dawn: the parked car stays quiet', slow=True)
def _():
    check(analyze(*places(), f'scene:{SEED}'), 0, HOUR_S)


if __name__ == '__main__':
    sys.exit(run())
