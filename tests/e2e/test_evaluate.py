#!/usr/bin/env python3
"""hsi evaluate on the labelled set, and hsi replay: what another configuration would have made of it."""
import json
import os
import sys

from tap import case, data, expect, folder, hsi, run, write

SET = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'share', 'evaluate', 'home.jsonl')
LINE = ('{"id": "x-1", "camera": "porch", "zones": [{"name": "door", "kind": "entry"}], "start": '
        '"2026-11-20T03:00:00+01:00", "tracks": [{"label": "person", "first_s": 0, "last_s": 60, "zones": ["door"], '
        '"dwell_s": 50}], "expect_level": "high", "incident": true}')


def config(**risk):
    path = os.path.join(folder(), 'hsi.yaml')
    write(path, json.dumps({'risk': risk, 'cameras': {'yard': {'url': '/nonexistent.mp4'}}}))
    return path


@case('the labelled set is scored, each half apart')
def whole_set():
    found = json.loads(expect(hsi('evaluate', SET, '--json'), 0).out)['rules']
    parts = {part: (found[part]['benign'], found[part]['incidents']) for part in ('all', 'tune', 'report')}
    assert parts == {'all': (198, 108), 'tune': (91, 51), 'report': (107, 57)}, parts
    tune = json.loads(expect(hsi('evaluate', '--half', 'tune', SET, '--json'), 0).out)['rules']
    assert tune['tune'] == {**tune['tune'], **{k: v for k, v in found['tune'].items() if not k.endswith('ms')}}
    expect(hsi('evaluate', SET), 0, out=['false alarms', 'report', 'AUROC'])


@case('a mistake in a set is told with its line')
def mistakes():
    path = os.path.join(folder(), 'set.jsonl')
    for bad, why in (('{"id": "x-1"', ':2:'), (LINE.replace('"entry"', '"entri"'), 'entry'),
                     (LINE.replace('first_s', 'frist_s'), 'first_s'), (LINE.replace('"high"', '"hihg"'), 'high')):
        write(path, LINE + '\n' + bad + '\n')
        expect(hsi('evaluate', path), 2, err=[f'{path}:2', why], quiet_out=True)
    write(path, '')
    expect(hsi('evaluate', path), 2, err='no window')


@case('what is missed is listed')
def misses():
    path = os.path.join(folder(), 'set.jsonl')
    write(path, LINE.replace('"expect_level": "high", "incident": true', '"expect_level": "low", "incident": false'))
    expect(hsi('evaluate', '--misses', path), 0, err=['x-1', 'at most low'])


@case('a recording is replayed with another configuration', data=True)
def replayed():
    """Everybody counts less where nobody is a person: the events stay, their scores fall."""
    rules = os.path.join(folder(), 'rules.yaml')
    write(rules, 'version: 7\nrules: {calm: {points: 1, says: "{label} was seen", when: {kind: [person]}}}\n')
    same = hsi('replay', '--config', config(), '--model', data('yolo26n-320.onnx'), data('person-walk.mp4'))
    expect(same, 0, out='would add 0, remove 0 events, raise 0, lower 0; 2 stay as they are')
    found = json.loads(expect(hsi('replay', '--config', config(rules=rules), '--model', data('yolo26n-320.onnx'), '--json',
                                  data('person-walk.mp4')), 0).out)
    assert (found['added'], found['removed'], found['raised'], found['lowered']) == (0, 0, 0, 2), found
    assert all(c['is'] == 1 and c['was'] > 1 for c in found['changes']), found


@case('replay says what is wrong with its arguments')
def replay_mistakes():
    expect(hsi('replay', data('person-walk.mp4') if 'HSI_TEST_DATA' in os.environ else 'x.mp4'), 2, err='--config')
    expect(hsi('replay', '--config', config(), '/nonexistent.mp4'), 2, err='/nonexistent.mp4')
    expect(hsi('replay', '--config', config(), '01234567-89ab-7cde-8f01-23456789abcd', '--data', folder()), 2,
           err='no store')


if __name__ == '__main__':
    sys.exit(run())
