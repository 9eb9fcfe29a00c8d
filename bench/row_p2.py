"""P2: an idle camera's CPU against the motion daemon's on the same stream and against what cannot be avoided, and
what idling loses against decoding everything.

Everybody plays the clip in the same seconds: together they take a small part of the machine, and whatever else it
does then meets all of them alike. hsi has several cameras on the clip; what it takes with none enabled is not theirs.
"""
import json
import math
import os
import subprocess
import time

import peers
import recordings
from harness import Absent, Hsi, absent_row, config_text, median, row, shares

GOAL = 0.15
CAMERAS, SHADOWED = 8, 2
SHADOW_DEFAULT = 0.02
IDLE_WITHIN_S = 60  # after the start
FAR_S = 30  # enough for several groups of pictures
# name of the recording, width, height, pictures per second
CLIPS = [('idle-432', 768, 432, 10), ('idle-1080', 1920, 1080, 10), ('idle-1080-vbr', 1920, 1080, 10),
         ('idle-432-25', 768, 432, 25)]
UNIT = 'CPU-s per camera-s'
MODEL = 'yolo26n-320'
QUICK_RECALL = ['day-2s', 'sparse-2s']


# ---- cost ----------------------------------------------------------------------------------------

def wait_idle(hsi):
    start = time.monotonic()
    while not all(c['idle']['idle'] for c in hsi.cameras()):
        if time.monotonic() - start > IDLE_WITHIN_S:
            reasons = sorted({str(c['idle']['reason']) for c in hsi.cameras() if not c['idle']['idle']})
            raise RuntimeError(f'cameras are not idle after {IDLE_WITHIN_S} s: {"; ".join(reasons)}')
        time.sleep(0.5)


def packets(hsi):
    """(all, decoded) so far, all cameras together."""
    cameras = hsi.cameras()
    return sum(c['idle']['packets'] for c in cameras), sum(c['idle']['decoded'] for c in cameras)


def start_all(bench, clip, width, height, fps, running):
    """Everybody who plays the clip, into running as they start."""
    text = {'none': config_text({'none': clip}, enabled=False),
            'idle': config_text({f'camera{i}': clip for i in range(CAMERAS)}, idle={'shadow': 0}),
            'shadow': config_text({f'camera{i}': clip for i in range(SHADOWED)}, idle={'shadow': 1})}
    for name, config in text.items():
        running[name] = Hsi(bench, 'p2-' + name, config)
    for name, mode in (('decode', ''), ('key', '--key'), ('demux', '--demux')):
        running[name] = peers.decode(bench, clip, mode, 'p2-' + name)
    try:
        running['motion'] = peers.motion(bench, clip, width, height, fps)
    except Absent:
        pass
    for name in text:
        running[name].wait_health(lambda health: 'pipeline' in health)
    wait_idle(running['idle'])


def measure(bench, clip, width, height, fps):
    """For each window the CPU per second of each contender by thread, and the share of packets that hsi decoded."""
    running, windows = {}, []
    try:
        start_all(bench, clip, width, height, fps, running)
        for _ in range(bench.runs):
            before = packets(running['idle'])
            used = shares(running, bench.seconds)
            after = packets(running['idle'])
            windows.append((used, (after[1] - before[1]) / max(after[0] - before[0], 1)))
    finally:
        for process in running.values():
            process.stop()
    return windows


def cost_rows(bench, name, width, height, fps):
    clip = recordings.recording(bench, name).path
    samples = {key: [] for key in ('idle', 'shadow', 'motion', 'decode', 'key', 'demux')}
    threads, decoded = [], []
    for used, share in measure(bench, clip, width, height, fps):
        total = {key: sum(by_thread.values()) for key, by_thread in used.items()}
        for key, kept in samples.items():
            if key in ('idle', 'shadow'):
                kept.append((total[key] - total['none']) / (CAMERAS if key == 'idle' else SHADOWED))
            elif key in total:
                kept.append(total[key])
        threads.append(used['idle'])
        decoded.append(share)
    return cost_table(name, fps, samples, {'threads': threads, 'decoded': decoded})


def cost_table(name, fps, samples, more):
    value = {key: median(kept) for key, kept in samples.items() if kept}
    idle, what = value['idle'], f'{name}, {fps} pictures/s'
    if 'motion' in value:
        ratio = idle / value['motion']
        rows = [row('P2', f'idle camera, {what}', idle, UNIT, 'motion 4.5, same stream', value['motion'], ratio,
                    f'<= {GOAL}', ratio <= GOAL, samples=samples, **more)]
    else:
        rows = [row('P2', f'idle camera, {what}', idle, UNIT, 'baseline absent: motion is not installed', None, None,
                    f'<= {GOAL}', None, samples=samples, **more)]
    for key, floor in (('key', 'key frames decoded, nothing else'), ('demux', 'packets read, nothing else'),
                       ('decode', 'everything decoded, nothing else')):
        rows.append(row('P2.floor', f'idle camera, {what}', idle, UNIT, floor, value[key], idle / value[key]))
    rows.append(row('P2.distance', f'above key frames alone, each packet, {name}', 1e6 * (idle - value['key']) / fps,
                    'us', 'key frames decoded, nothing else', 1e6 * value['key'] / fps))
    shadow = SHADOW_DEFAULT * (value['shadow'] - idle)
    rows.append(row('P2.shadow', f'what shadow checks add, {SHADOW_DEFAULT:.0%} of the time, {what}', shadow, UNIT,
                    'always decoding, in hsi', value['shadow'], shadow / value['shadow']))
    return rows


# ---- recall --------------------------------------------------------------------------------------

def binomial_at_most(k, n, p):
    return sum(math.comb(n, i) * p ** i * (1 - p) ** (n - i) for i in range(k + 1))


def bounds(k, n):
    """Exact 95 % bounds (Clopper and Pearson) of a share of which k in n were seen."""
    def solve(excess):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) else (low, middle)
        return (low + high) / 2
    lower = 0.0 if k == 0 else solve(lambda p: 1 - binomial_at_most(k - 1, n, p) < 0.025)
    upper = 1.0 if k == n else solve(lambda p: binomial_at_most(k, n, p) > 0.025)
    return lower, upper


def analyses(bench, clip, model, name):
    """What `hsi analyze` says of the clip, decoding everything and idling, both at once."""
    children = []
    for mode in ('always', 'idle'):
        command = ['nice', bench.hsi, 'analyze', '--json', *(['--model', model] if model else []),
                   *(['--idle'] if mode == 'idle' else []), clip]
        path = os.path.join(bench.out, f'p2-{name}-{mode}.json')
        with open(path, 'w', encoding='utf-8') as out, open(path + '.log', 'w', encoding='utf-8') as log:
            children.append((path, subprocess.Popen(command, stdout=out, stderr=log)))
    answers = []
    for path, child in children:
        if child.wait():
            with open(path + '.log', encoding='utf-8') as log:
                raise RuntimeError(f'hsi analyze of {name} ended with {child.returncode}: {log.read(200).strip()}')
        with open(path, encoding='utf-8') as f:
            answers.append(json.load(f))
    return answers


def sightings(answer, visits, moved=True):
    """For each visit when something, something that moved for choice, was first seen in it; None if it was not. A
    track that began during the visit before this one belongs to that one."""
    result = []
    for i, (start, end) in enumerate(visits):
        earliest = visits[i - 1][1] if i else 0
        seen = [t['start_s'] for t in answer['tracks']
                if earliest <= t['start_s'] <= end and t['end_s'] >= start and (t['moved'] or not moved)]
        result.append(min(seen) if seen else None)
    return result


def compare(bench, name, detector, model):
    """Counts of one recording with one detector."""
    clip = recordings.recording(bench, name)
    always, idle = analyses(bench, clip.path, model, f'{name}-{detector}')
    found = [[], []]  # by whether a key frame falls into the visit: found when idling as well
    late, still = [], 0
    seen = sightings(idle, clip.visits, moved=False)
    for visit, when_always, when_idle, any_idle in zip(clip.visits, sightings(always, clip.visits),
                                                       sightings(idle, clip.visits), seen):
        if when_always is None:
            continue
        found[clip.covers_key(visit)].append(when_idle is not None)
        if when_idle is not None:
            late.append(round(when_idle - when_always, 3))
        elif clip.covers_key(visit):
            still += any_idle is not None
    return {'visits': len(clip.visits), 'covering': len(found[1]), 'covering_found': sum(found[1]),
            'covering_still': still, 'shorter': len(found[0]), 'shorter_found': sum(found[0]), 'late_s': late,
            'decoded': idle['timing']['decoded_packets'] / idle['timing']['packets']}


def recall_rows(name, detector, r):
    all_found, found = r['covering'] + r['shorter'], r['covering_found'] + r['shorter_found']
    what = f'{name}, {detector}'
    # An event less either way, but the one was looked at.
    seen = f' ({r["covering_still"]} of them seen, but not moving)' if r['covering_still'] else ''
    rows = [row('P2.recall', f'visits found when idle, {r["decoded"]:.0%} of packets decoded, {what}', found, 'visits',
                'always decoding', all_found, found / max(all_found, 1), **r),
            row('P2.lost', f'visits with a key frame lost{seen}, {what}', r['covering'] - r['covering_found'], 'visits',
                'always decoding', r['covering'], None, '0', r['covering'] == r['covering_found'])]
    if r['shorter']:
        low, high = bounds(r['shorter_found'], r['shorter'])
        rows.append(row('P2.short', f'visits between key frames found, 95 %: {low:.2f} to {high:.2f}, {what}',
                        r['shorter_found'], 'visits', 'always decoding', r['shorter'],
                        r['shorter_found'] / r['shorter'], bounds=[low, high]))
    return rows


def recall(bench):
    rows = []
    detectors = {'motion only': ''}
    try:
        bench.runtime()
        detectors[MODEL] = bench.data(MODEL + '.onnx')
    except Absent as why:
        rows.append(absent_row('P2.recall', f'visits found when idle, {MODEL}', why))
    for name in QUICK_RECALL if bench.runs == 1 else recordings.RECALL:
        for detector, model in detectors.items():
            rows += recall_rows(name, detector, compare(bench, name, detector, model))
    return rows


# ---- key frames too far apart --------------------------------------------------------------------

def too_far(bench):
    clip = recordings.recording(bench, recordings.TOO_FAR).path
    with Hsi(bench, 'p2-far', config_text({'far': clip})) as hsi:
        hsi.wait_health(lambda health: 'pipeline' in health)
        start = time.monotonic()
        while time.monotonic() - start < FAR_S:
            time.sleep(0.5)
            idle = hsi.cameras()[0]['idle']
            if idle['key_interval_s'] > 2 or idle['idle']:
                break
    refused = bool(idle['reason']) and not idle['idle']
    return row('P2.far', f'4 s between key frames: {idle["reason"]}', idle['key_interval_s'], 's', 'most that may idle',
               2, None, 'never idle', refused)


def run(bench):
    try:
        bench.data(recordings.SOURCE)
    except Absent as why:
        return [absent_row('P2', 'idle camera', why), absent_row('P2.recall', 'visits found when idle', why)]
    rows = []
    for clip in CLIPS[:2] if bench.runs == 1 else CLIPS:
        rows += cost_rows(bench, *clip)
    return rows + [too_far(bench)] + recall(bench)
