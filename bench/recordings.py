#!/usr/bin/env python3
"""The recordings of P2 and of the fleet, made once out of person-walk and kept under BUILD/bench.

usage: bench/recordings.py [--build DIR] [NAME...]

Beside every clip lies a JSON file: how it was made (another recipe makes it anew), who visits when, where the key
frames are, and which visits one of them falls into. The composed ones are put together picture by picture before
anything is encoded: an empty room with a sensor's noise, and somebody who walks through it for a second.
"""
import argparse
import json
import os
import subprocess
import sys

from harness import Absent, Bench

SOURCE = 'person-walk.mp4'
FPS, WIDTH, HEIGHT = 10, 768, 432
# Somebody is in the picture, in seconds of the source.
VISITS = [(6, 19), (23, 44.5), (50.5, 69.5), (74.5, 86.5), (92.5, 119.5), (123.5, 136.5)]
# Nothing moves in these pictures of the source, not even a shadow.
EMPTY_FIRST, EMPTY_COUNT = 880, 34
# A block of that many px a side belongs to the visitor where so many of its px differ by more than so many steps.
BLOCK, DIFFERS_PX, DIFFERS = 16, 8, 16
# Seconds of the source in which somebody comes in or leaves, each a visit of the sparse recordings: those that a
# detector that sees every picture reports, and goes on reporting when they are cut a little earlier or later.
PIECES = [22.8, 50.6, 74.7, 92.6, 123.7, 75.2, 85.2, 68.6, 118.6, 68.9, 85.5, 92.9]
SPARSE_VISITS, SPARSE_FIRST_S, SPARSE_EVERY_S = 60, 15.1, 12.7
# Long enough to be watched in one pass: starting over is a new connection to hsi. Before it come seconds in which the
# encoder still looks for its bit rate; they are cut off again.
IDLE_S, LEAD_S = 96, 8

H264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'main', '-sc_threshold', '0']
H265 = ['-c:v', 'libx265', '-preset', 'veryfast', '-tag:v', 'hvc1']
NOISE = 'noise=all_seed=7:alls=6:allf=t'
GRAIN = 'noise=all_seed=7:alls=2:allf=t'  # what a good sensor adds in daylight


def h264(seconds, rate, fps=FPS, b_frames=0):
    gop = str(round(seconds * fps))
    return H264 + ['-bf', str(b_frames), '-g', gop, '-keyint_min', gop, *rate]


def h265(seconds, rate, fps=FPS):
    gop = round(seconds * fps)
    options = f'log-level=error:bframes=0:scenecut=0:open-gop=0:keyint={gop}:min-keyint={gop}'
    return H265 + ['-x265-params', options, *rate]


def steady(rate):
    return ['-b:v', rate, '-maxrate', rate, '-bufsize', rate]


CRF = ['-crf', '23']
CBR = ['-b:v', '500k', '-minrate', '500k', '-maxrate', '500k', '-bufsize', '250k', '-x264-params', 'nal-hrd=cbr']

# name: what is filmed, at how many pictures a second, filters, encoder
RECIPES = {
    'original': ('source', FPS, '', ['-c:v', 'copy']),
    'day-1s': ('source', FPS, '', h264(1, CRF)),
    'day-2s': ('source', FPS, '', h264(2, CRF)),
    'noise-1s': ('source', FPS, NOISE, h264(1, CRF)),
    'noise-2s': ('source', FPS, NOISE, h264(2, CRF)),
    'cbr-1s': ('source', FPS, NOISE, h264(1, CBR)),
    'cbr-2s': ('source', FPS, NOISE, h264(2, CBR)),
    'bframes-2s': ('source', FPS, '', h264(2, CRF, b_frames=2)),
    'h265-2s': ('source', FPS, '', h265(2, ['-crf', '26'])),
    'day-4s': ('source', FPS, '', h264(4, CRF)),
    'sparse-2s': ('sparse', FPS, GRAIN, h264(2, CRF)),
    'sparse-cbr-2s': ('sparse', FPS, NOISE, h264(2, CBR)),
    'idle-432': ('idle', FPS, GRAIN, h264(2, steady('800k'))),
    'idle-432-25': ('idle', 25, GRAIN, h264(2, steady('1M'), 25)),
    'idle-720': ('idle', FPS, 'scale=1280:720:flags=bicubic,' + GRAIN, h264(2, steady('2M'))),
    'idle-1080-vbr': ('idle', FPS, 'scale=1920:1080:flags=bicubic,' + GRAIN, h264(2, CRF)),
    'idle-1080': ('idle', FPS, 'scale=1920:1080:flags=bicubic,' + GRAIN, h264(2, steady('4M'))),
}
# What recall is measured on; the one with 4 s between key frames must be refused instead.
RECALL = [name for name in RECIPES if not name.startswith('idle') and name != 'day-4s']
TOO_FAR = 'day-4s'


class Recording:
    """A clip and what is known about it. Times are seconds from its first picture."""

    def __init__(self, path, facts):
        self.path = path
        self.visits = [tuple(v) for v in facts['visits']]
        self.keys = facts['keys']
        self.seconds = facts['seconds']
        self.packets = facts['packets']

    def covers_key(self, visit):
        return covers_key(self.keys, visit)


def covers_key(keys, visit):
    return any(visit[0] <= at < visit[1] for at in keys)


def arrays():
    """numpy, which only those who compose pictures need."""
    try:
        import numpy
    except ImportError as why:
        raise Absent('numpy for Python is not installed') from why
    return numpy


def source_pictures(bench, first, count):
    """Decoded pictures of the source, planar 4:2:0 in rows of bytes."""
    size = WIDTH * HEIGHT * 3 // 2
    data = subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-i', bench.data(SOURCE), '-vf',
                           f'select=between(n\\,{first}\\,{first + count - 1})', '-vsync', '0', '-pix_fmt', 'yuv420p',
                           '-f', 'rawvideo', '-'], check=True, capture_output=True).stdout
    if len(data) != count * size:
        raise Absent(f'{SOURCE} is not the clip that this was made for')
    return arrays().frombuffer(data, 'uint8').reshape(count, size)


def empty_room(bench):
    """The mean of the still pictures: what the source's own compression did to them would show as movement."""
    return source_pictures(bench, EMPTY_FIRST, EMPTY_COUNT).mean(axis=0).round().astype('uint8')


def planes(picture):
    """Luma and both chroma planes as views, 16 and 8 px to a block."""
    luma, size = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
    yield picture[:luma].reshape(HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK)
    for start in (luma, luma + size):
        yield picture[start:start + size].reshape(HEIGHT // BLOCK, BLOCK // 2, WIDTH // BLOCK, BLOCK // 2)


def pasted(room, picture):
    """Whoever is in the picture, with their shadow, in front of the room: blocks that differ and those around them."""
    np = arrays()
    mine, theirs = next(planes(room)), next(planes(picture))
    differs = (np.abs(mine.astype('int16') - theirs) > DIFFERS).sum(axis=(1, 3)) >= DIFFERS_PX
    wide = np.pad(differs, 1)
    taken = np.zeros_like(differs)
    for dy in range(3):
        for dx in range(3):
            taken |= wide[dy:dy + differs.shape[0], dx:dx + differs.shape[1]]
    result = room.copy()
    for into, source in zip(planes(result), planes(picture)):
        np.copyto(into, source, where=taken[:, None, :, None])
    return result


def idle_pictures(bench, fps):
    room = empty_room(bench).tobytes()
    for _ in range((LEAD_S + IDLE_S) * fps):
        yield room


def sparse_visits():
    """One second each, at every place within a group of two seconds."""
    starts = [round(SPARSE_FIRST_S + i * SPARSE_EVERY_S, 3) for i in range(SPARSE_VISITS)]
    return [(start, round(start + 1, 3)) for start in starts]


def sparse_pictures(bench):
    room = empty_room(bench)
    pieces = [[pasted(room, picture).tobytes() for picture in source_pictures(bench, round(at * FPS), FPS)]
              for at in PIECES]
    at = {}
    for number, (start, _) in enumerate(sparse_visits()):
        for i, picture in enumerate(pieces[number % len(pieces)]):
            at[round(start * FPS) + i] = picture
    room = room.tobytes()
    for i in range(round((SPARSE_FIRST_S + SPARSE_VISITS * SPARSE_EVERY_S) * FPS)):
        yield at.get(i, room)


def encode(bench, recipe, path):
    kind, fps, filters, encoder = recipe
    tail = (['-vf', filters] if filters else []) + ['-an', *encoder]
    tail += [] if 'copy' in encoder else ['-pix_fmt', 'yuv420p']
    command = ['nice', 'ffmpeg', '-hide_banner', '-v', 'error', '-y']
    if kind == 'source':
        subprocess.run([*command, '-i', bench.data(SOURCE), *tail, '-f', 'mp4', path], check=True)
        return
    pictures = sparse_pictures(bench) if kind == 'sparse' else idle_pictures(bench, fps)
    raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', f'{WIDTH}x{HEIGHT}', '-r', str(fps), '-i', '-']
    child = subprocess.Popen([*command, *raw, *tail, '-f', 'mp4', path], stdin=subprocess.PIPE)
    for picture in pictures:
        child.stdin.write(picture)
    child.stdin.close()
    if child.wait():
        raise subprocess.CalledProcessError(child.returncode, child.args)
    if kind == 'idle':
        lead = path + '.lead'
        os.rename(path, lead)
        subprocess.run([*command, '-ss', str(LEAD_S), '-i', lead, '-c', 'copy', '-f', 'mp4', path], check=True)
        os.remove(lead)


def stream_facts(path):
    """Where the key frames are, how many packets there are, how long it is."""
    out = subprocess.run(['ffprobe', '-v', 'error', '-select_streams', 'v', '-show_entries',
                          'packet=pts_time,size,flags', '-of', 'csv=p=0', path], check=True, capture_output=True,
                         text=True).stdout
    packets = [line.split(',')[:3] for line in out.splitlines() if line]
    times = [float(time) for time, _, _ in packets]
    first, step = min(times), (max(times) - min(times)) / (len(times) - 1)
    return {'packets': len(packets), 'payload': sum(int(size) for _, size, _ in packets),
            'seconds': round(max(times) - first + step, 3), 'bytes': os.path.getsize(path),
            'keys': [round(float(time) - first, 3) for time, _, flags in packets if 'K' in flags]}


def describe(recipe, path):
    visits = {'source': VISITS, 'sparse': sparse_visits(), 'idle': []}[recipe[0]]
    facts = {'recipe': recipe_text(recipe), 'visits': visits, **stream_facts(path)}
    facts['covers_key'] = [covers_key(facts['keys'], visit) for visit in visits]
    return facts


def recipe_text(recipe):
    room = [EMPTY_FIRST, EMPTY_COUNT, 'mean']
    visits = [PIECES, SPARSE_VISITS, SPARSE_FIRST_S, SPARSE_EVERY_S, BLOCK, DIFFERS_PX, DIFFERS]
    composed = {'source': VISITS, 'idle': [IDLE_S, LEAD_S, *room], 'sparse': [*room, *visits]}
    return json.dumps([*recipe, composed[recipe[0]]])


def recording(bench, name):
    """The recording of that name, made if it is not there yet. Absent without the source."""
    bench.data(SOURCE)
    recipe = RECIPES[name]
    path, beside = (os.path.join(bench.out, f'rec-{name}.{end}') for end in ('mp4', 'json'))
    try:
        with open(beside, encoding='utf-8') as f:
            facts = json.load(f)
        if facts['recipe'] == recipe_text(recipe) and os.path.getsize(path) == facts['bytes']:
            return Recording(path, facts)
    except (OSError, ValueError, KeyError):
        pass
    print(f'  encoding {name}', file=sys.stderr, flush=True)
    encode(bench, recipe, path + '.new')
    os.rename(path + '.new', path)
    facts = describe(recipe, path)
    with open(beside, 'w', encoding='utf-8') as f:
        json.dump(facts, f, indent=1)
        f.write('\n')
    return Recording(path, facts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build')
    parser.add_argument('names', nargs='*', metavar='NAME', help=' '.join(RECIPES))
    args = parser.parse_args()
    bench = Bench(args.build, seconds=0, runs=0)
    for name in args.names or RECIPES:
        try:
            r = recording(bench, name)
        except Absent as why:
            sys.exit(f'{name}: {why}')
        covering = sum(r.covers_key(v) for v in r.visits)
        size = os.path.getsize(r.path)
        print(f'{name:15} {r.seconds:6.1f} s {8 * size / r.seconds / 1000:6.0f} kbit/s {len(r.keys):4} key frames, '
              f'{covering} of {len(r.visits)} visits cover one')


if __name__ == '__main__':
    main()
