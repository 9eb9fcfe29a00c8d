#!/usr/bin/env python3
"""hsi analyze on a real clip: an indoor camera, six visits of one person each, an empty room between them."""
import functools
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from expected import VISIT_TOLERANCE_S, VISITS, check_explained  # noqa: E402
from tap import analyze, case, data, expect, folder, hsi, run, write  # noqa: E402

DEFAULT_LABELS = {'person', 'bicycle', 'car', 'motorcycle', 'bus', 'truck', 'bird', 'cat', 'dog', 'horse', 'sheep',
                  'cow', 'bear'}


@functools.cache
def result(model, attempt):
    """attempt tells apart runs of the same command."""
    del attempt
    return analyze('--model', data(f'yolo26n-{model}.onnx'), data('person-walk.mp4'))


@functools.cache
def first_seconds(seconds):
    """The beginning of the clip, without the tag that says when it was recorded."""
    path = os.path.join(folder(), f'start-{seconds}.mp4')
    subprocess.run(['ffmpeg', '-v', 'error', '-t', str(seconds), '-i', data('person-walk.mp4'), '-c', 'copy',
                    '-map_metadata', '-1', path], check=True)
    return path


@functools.cache
def first_visit(*args):
    """The only event of the first twelve seconds."""
    doc = analyze('--model', data('yolo26n-320.onnx'), *args, first_seconds(12))
    assert len(doc['events']) == 1, doc['events']
    return doc['events'][0]


def check_visits(doc):
    people = sorted((t for t in doc['tracks'] if t['label'] == 'person' and t['end_s'] - t['start_s'] > 1),
                    key=lambda t: t['start_s'])
    spans = [(t['start_s'], t['end_s']) for t in people]
    assert len(spans) == len(VISITS), f'{len(spans)} tracks of people: {spans}'
    for got, want in zip(spans, VISITS):
        assert all(abs(g - w) <= VISIT_TOLERANCE_S for g, w in zip(got, want)), f'{got} is not the visit {want}'
    for t in people:
        assert 0.4 <= t['confidence'] <= 1, t


def check_nothing_else(doc):
    others = [t for t in doc['tracks'] if t['label'] != 'person' and t['end_s'] - t['start_s'] > 1]
    assert not [t for t in others if t['label'] in DEFAULT_LABELS], others
    assert {t['label'] for t in doc['tracks']} <= DEFAULT_LABELS, 'labels that nobody asked for'


def check_windows(doc):
    first, second = doc['events']
    assert abs(first['start_s'] - 6) < 2.5 and abs(first['end_s'] - 96) < 2.5, (first['start_s'], first['end_s'])
    assert abs(second['start_s'] - 96) < 2.5 and abs(second['end_s'] - 136) < 2.5, (second['start_s'], second['end_s'])
    assert first['end_s'] - first['start_s'] <= 90 and second['start_s'] >= first['end_s']
    assert first['continues'] is None and second['continues'] == first['id']
    assert first['state'] == second['state'] == 'closed'
    assert (first['close_reason'], second['close_reason']) == ('window', 'end_of_input')
    assert len(first['track_ids']) == 5 and len(second['track_ids']) == 2
    assert first['track_ids'][-1] == second['track_ids'][0], 'the fifth visitor goes on in the second event'


def comparable(doc):
    """The document with ids replaced by their order of appearance, and without what the clock decides."""
    doc = {key: value for key, value in doc.items() if key != 'timing'}
    names = {}
    uuid = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}')
    return uuid.sub(lambda found: names.setdefault(found[0], f'id{len(names)}'), repr(doc))


def check_all(doc):
    check_visits(doc)
    check_nothing_else(doc)
    check_windows(doc)
    for event in doc['events']:
        check_explained(event)


for size in (320, 640):
    @case(f'{size}: six people at the six visits', data=True)
    def _(size=size):
        check_visits(result(size, 1))

    @case(f'{size}: nothing else lasts', data=True)
    def _(size=size):
        check_nothing_else(result(size, 1))

    @case(f'{size}: two events, the second continues the first', data=True)
    def _(size=size):
        check_windows(result(size, 1))

    @case(f'{size}: every event is explained', data=True)
    def _(size=size):
        for event in result(size, 1)['events']:
            check_explained(event)

    @case(f'{size}: the same command twice says the same', data=True, slow=size == 640)
    def _(size=size):
        first, second = comparable(result(size, 1)), comparable(result(size, 2))
        assert first == second, f'{first}\n{second}'


@case('no frame is dropped, and every stage is timed', data=True)
def _():
    doc = result(320, 1)
    probe = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v', '-count_packets', '-show_entries',
                            'stream=nb_read_packets', '-of', 'csv=p=0', data('person-walk.mp4')],
                           capture_output=True, text=True, check=True)
    timing = doc['timing']
    assert timing['frames'] == int(probe.stdout), timing
    assert {'wall_s', 'decode_s', 'motion_s', 'detect_s', 'scene_s', 'risk_s'} <= timing.keys(), timing
    assert doc['detector']['name'] == 'yolo26n-320' and doc['detector']['reason'] is None, doc['detector']


@case('without --json: the same for people', data=True)
def _():
    event = first_visit()
    text = expect(hsi('analyze', '--model', data('yolo26n-320.onnx'), first_seconds(12)), 0)
    assert '1 event;' in text.out and event['summary'] in text.out and event['risk_level'] in text.out, text
    assert all(r['text'] in text.out for r in event['reasons']), text
    assert not text.err, 'no progress bar where nobody looks'


def quiet_clip():
    """The first 30 s, then 15 s of the empty room at the clip's beginning."""
    path = os.path.join(folder(), 'quiet.mp4')
    cut = 'trim=%s,setpts=PTS-STARTPTS'
    graph = (f'[0:v]split=4[a][b][c][d];[a]{cut % "0:30"}[v0];[b]{cut % "0:5"}[v1];[c]{cut % "0:5"}[v2];'
             f'[d]{cut % "0:5"}[v3];[v0][v1][v2][v3]concat=n=4:v=1[out]')
    subprocess.run(['ffmpeg', '-v', 'error', '-i', data('person-walk.mp4'), '-filter_complex', graph, '-map', '[out]',
                    '-an', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '18', path], check=True)
    return path


@case('an empty room closes the event, which ends at the last sighting', data=True)
def _():
    doc = analyze('--model', data('yolo26n-320.onnx'), quiet_clip())
    assert len(doc['events']) == 1, doc['events']
    event = doc['events'][0]
    assert event['close_reason'] == 'quiet' and event['state'] == 'closed', event
    last = max(t['end_s'] for t in doc['tracks'])
    assert event['end_s'] == last and 29 <= last <= 30.5, (event['end_s'], last)
    check_explained(event, dated=False)


@case('the clip\'s creation tag gives the wall time', data=True)
def _():
    assert result(320, 1)['events'][0]['started_at'].startswith('2017-09-26T16:57:5')


@case('--start gives the wall time, and the time of day counts', data=True)
def _():
    night = first_visit('--start', '2026-11-20T23:30:00Z')
    noon = first_visit('--start', '2026-11-20T12:00:00+00:00')
    assert night['started_at'].startswith('2026-11-20T23:30:0'), night
    assert noon['started_at'].startswith('2026-11-20T12:00:0'), noon
    assert night['risk_score'] > noon['risk_score'], (night['reasons'], noon['reasons'])
    check_explained(night)


@case('without a tag and without --start: no wall time, no rule of the time of day', data=True)
def _():
    event = first_visit()
    assert event['started_at'] is None and event['ended_at'] is None, event
    assert all(r['evidence']['at'] is None for r in event['reasons']), event['reasons']
    assert not [r for r in event['reasons'] if 'night' in r['rule'] or 'hours' in r['rule']], event['reasons']


@case('--zones: being at the door counts, with the door in the reason', data=True)
def _():
    zones = write(os.path.join(folder(), 'zones.yaml'),
                  'zones:\n  door: {kind: entry, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}\n')
    event = first_visit('--zones', zones)
    assert event['tracks'][0]['zones'][0]['name'] == 'door', event['tracks']
    assert any('door' in r['text'] for r in event['reasons']), event['reasons']
    check_explained(event, dated=False)


@case('two recordings at once are two cameras', data=True)
def _():
    here = folder()
    paths = [shutil.copy(first_seconds(12), os.path.join(here, name)) for name in ('yard.mp4', 'front door.mp4')]
    doc = analyze('--model', data('yolo26n-320.onnx'), *paths)
    assert [e['camera'] for e in doc['events']] == ['yard', 'front_door'], doc['events']
    assert [t['camera'] for t in doc['tracks']] == ['yard', 'front_door'], doc['tracks']
    spans = {(t['start_s'], t['end_s']) for t in doc['tracks']}
    assert len(spans) == 1, doc['tracks']


@case('recordings of one name are numbered, and come in the order they were given', data=True)
def _():
    paths = [shutil.copy(first_seconds(12), os.path.join(folder(), name))
             for name in ('yard_2.mp4', 'yard.mp4', 'yard.mp4')]
    doc = analyze('--model', data('yolo26n-320.onnx'), first_seconds(5), *paths)
    assert [e['camera'] for e in doc['events']] == ['yard_2', 'yard', 'yard_3'], doc['events']
    assert [t['camera'] for t in doc['tracks']] == ['yard_2', 'yard', 'yard_3'], doc['tracks']


def jpeg_size(path):
    """Width and height out of the file's frame header."""
    with open(path, 'rb') as file:
        content = file.read()
    assert content[:2] == b'\xff\xd8' and content[-2:] == b'\xff\xd9', f'{path} is no JPEG'
    at = 2
    while content[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(content[at + 2:at + 4], 'big')
    return int.from_bytes(content[at + 7:at + 9], 'big'), int.from_bytes(content[at + 5:at + 7], 'big')


@case('--snapshots: each track with and without its box', data=True)
def _():
    out = os.path.join(folder(), 'pictures')
    doc = analyze('--model', data('yolo26n-320.onnx'), '--snapshots', out, first_seconds(30))
    stems = {t['id'] for t in doc['tracks']}
    assert len(stems) == 2, doc['tracks']
    assert set(os.listdir(out)) == {s + end for s in stems for end in ('.jpg', '-boxes.jpg')}, os.listdir(out)
    for stem in stems:
        plain, boxed = (os.path.join(out, stem + end) for end in ('.jpg', '-boxes.jpg'))
        assert jpeg_size(plain) == jpeg_size(boxed) == (768, 432)
        with open(plain, 'rb') as a, open(boxed, 'rb') as b:
            assert a.read() != b.read(), 'the box is missing'


if __name__ == '__main__':
    sys.exit(run())
