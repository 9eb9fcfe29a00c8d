#!/usr/bin/env python3
"""Folders that cameras upload to: every file becomes what it shows once, or a refusal, and none is lost.

Pictures come from the demonstration's scene, as PNG: a picture with a text chunk of its own is another content that
shows the same.
"""
import ctypes
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import tap  # noqa: E402
from expected import check_explained  # noqa: E402
from tap import Skip, case, data, folder, run, wait_for, write  # noqa: E402

WIDTH, HEIGHT = 640, 360
PERSON = ('1', '21000')  # seed and time of a scene in daylight with a person who walks by
PATIENCE_S = 30
CROWD = 1000
TAKEN, REFUSED = 'accepted', 'refused'


class Story:
    root = store = config = watching = still = None


# ---- pictures ------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))


def png(yuv):
    """One 4:2:0 picture as PNG."""
    luma, u, v = yuv[:WIDTH * HEIGHT], yuv[WIDTH * HEIGHT:WIDTH * HEIGHT * 5 // 4], yuv[WIDTH * HEIGHT * 5 // 4:]
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)
        for x in range(WIDTH):
            c = 1.164 * (luma[y * WIDTH + x] - 16)
            at = y // 2 * (WIDTH // 2) + x // 2
            cb, cr = u[at] - 128, v[at] - 128
            for value in (c + 1.596 * cr, c - 0.392 * cb - 0.813 * cr, c + 2.017 * cb):
                rows.append(max(0, min(255, round(value))))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(bytes(rows), 1)) + chunk(b'IEND', b''))


def other(picture, number):
    """The same picture as another content."""
    return picture[:-12] + chunk(b'tEXt', b'number\0%d' % number) + picture[-12:]


def scene_picture():
    """A picture in which the demonstration's model sees a person."""
    dump = os.path.join(os.path.dirname(tap.HSI), 'tools', 'scene_dump')
    if not os.path.exists(dump):
        raise AssertionError(f'there is no {dump}: build tools/scene_dump')
    done = subprocess.run([dump, 'picture', *PERSON], capture_output=True, check=True, timeout=60)
    assert len(done.stdout) == WIDTH * HEIGHT * 3 // 2, len(done.stdout)
    return png(done.stdout)


# ---- folders -------------------------------------------------------------------------------------


def path(camera, *names):
    return os.path.join(Story.root, camera, *names)


def put(camera, name, content):
    """As an FTP server writes: under the name at once."""
    os.makedirs(os.path.dirname(path(camera, name)), exist_ok=True)
    with open(path(camera, name), 'wb') as file:
        file.write(content)


def files(camera):
    """What lies in a camera's folder, but for what is hidden."""
    found = []
    for at, folders, names in os.walk(path(camera)):
        folders[:] = [f for f in folders if not f.startswith('.')]
        found += [os.path.join(at, n) for n in names if not n.startswith('.')]
    return found


def configure(cameras, more=''):
    lines = ''.join(f'  {name}:\n    url: "folder:{path(name)}"\n    after: {after}\n'
                    for name, after in cameras.items())
    return write(Story.config, f'cameras:\n{lines}detect:\n  model: demo\n{more}')


def start(cameras, more=''):
    for name in cameras:
        os.makedirs(path(name), exist_ok=True)
    configure(cameras, more)
    Story.watching = daemon.Daemon(Story.config, Story.store)


def stop():
    code, _ = Story.watching.signal(signal.SIGINT)
    assert code == 0, Story.watching.err.text[-2000:]


def camera(name):
    return next(c for c in Story.watching.json('/api/cameras')['items'] if c['name'] == name)


def uploads(name):
    return camera(name).get('uploads') or {'accepted': -1, 'refused': -1, 'duplicates': -1, 'waiting': -1}


def rows(name):
    """What the store knows of a camera's uploads: (name, refusal)."""
    with sqlite3.connect(f'file:{os.path.join(Story.store, "hsi.db")}?mode=ro', uri=True) as db:
        return db.execute('SELECT name, refusal FROM upload WHERE camera = ? ORDER BY position', [name]).fetchall()


def wait_rows(name, count, seconds=PATIENCE_S):
    wait_for(f'{count} uploads of {name} in the store', lambda: len(rows(name)) >= count, seconds)
    assert len(rows(name)) == count, rows(name)


# ---- the story -----------------------------------------------------------------------------------


@case('a folder is a camera, and online though it is empty')
def _():
    Story.root, Story.store = folder(), folder()
    Story.config = os.path.join(folder(), 'hsi.yaml')
    Story.still = scene_picture()
    start({'porch': 'keep', 'yard': 'move', 'heap': 'delete'})
    wait_for('porch online', lambda: camera('porch')['state'] == 'online', PATIENCE_S)
    assert uploads('porch')['accepted'] == 0, uploads('porch')


@case('one still with a person becomes one explained event')
def _():
    put('porch', '2024/05/still.png', Story.still)
    wait_rows('porch', 1)
    event = wait_for('event of the person', lambda: next((
        e for e in Story.watching.events() if e['camera'] == 'porch' and
        any(t['label'] == 'person' for t in e['tracks'])), None), PATIENCE_S)
    check_explained(event)
    assert os.path.exists(path('porch', '2024/05/still.png'))
    wait_for('count', lambda: uploads('porch')['accepted'] == 1, PATIENCE_S)


UNHAPPY = [
    ('truncated.png', lambda: Story.still[:len(Story.still) * 2 // 3], REFUSED, 'damaged or cut off'),
    ('zero.jpg', lambda: b'', REFUSED, 'it is empty'),
    ('small.jpg', lambda: Story.still[:9000], REFUSED, '10 KiB'),
    ('text.png', lambda: b'no picture\n' * 2000, REFUSED, 'neither a picture nor a clip'),
    ('duplicate.png', lambda: Story.still, 'duplicates', None),
    ('renamed.txt', lambda: other(Story.still, -1), TAKEN, None),
    ('odd\nname.png', lambda: other(Story.still, -2), TAKEN, None),
]


@tap.cases_of(UNHAPPY, 'uploaded and told: {!r}')
def _(name, content, counter, refusal):
    before, stored = uploads('porch'), len(rows('porch'))
    put('porch', name, content())
    wait_for(f'{counter} counted', lambda: uploads('porch')[counter] == before[counter] + 1, PATIENCE_S)
    if counter != 'duplicates':
        wait_rows('porch', stored + 1)
        shown, why = rows('porch')[-1]
        assert shown == name.replace('\n', '\\x0a'), shown
        assert (refusal in why) if refusal else why == '', why
    if refusal:
        assert refusal in uploads('porch')['last_refusal'], uploads('porch')
    assert os.path.exists(path('porch', name)), 'kept'


@case('renaming a file does not make it new')
def _():
    before, stored = uploads('porch'), len(rows('porch'))
    os.rename(path('porch', '2024/05/still.png'), path('porch', 'moved.png'))
    put('porch', 'behind.png', other(Story.still, -3))
    wait_rows('porch', stored + 1)
    assert uploads('porch')['duplicates'] == before['duplicates'], uploads('porch')


@case('with after: move, the taken go to .done and the refused to .refused')
def _():
    put('yard', 'day/good.png', Story.still)
    put('yard', 'day/bad.png', Story.still[:20000])
    wait_for('moves', lambda: not files('yard'), PATIENCE_S)
    assert os.path.exists(path('yard', '.done/day/good.png'))
    assert os.path.exists(path('yard', '.refused/day/bad.png'))
    wait_rows('yard', 2)


@case(f'{CROWD} at once: each is taken once, and then deleted')
def _():
    for i in range(CROWD):
        put('heap', f'{i % 7}/{i}.png', other(Story.still, i))
    wait_for('deletions', lambda: not files('heap'), 300)
    wait_rows('heap', CROWD)
    names = [n for n, why in rows('heap') if not why]
    assert sorted(names) == sorted(f'{i % 7}/{i}.png' for i in range(CROWD)), 'each once'
    wait_for('count', lambda: uploads('heap')['accepted'] == CROWD, PATIENCE_S)
    assert uploads('heap')['duplicates'] == 0 and uploads('heap')['refused'] == 0, uploads('heap')


@case('a start later looks at nothing a second time')
def _():
    stored = len(rows('porch'))
    stop()
    start({'porch': 'keep'})
    kept = len(files('porch'))
    wait_for('all found again', lambda: uploads('porch')['duplicates'] + uploads('porch')['refused'] == kept,
             PATIENCE_S)
    assert uploads('porch')['accepted'] == 0, uploads('porch')
    assert len(rows('porch')) == stored
    stop()


@case('kill -9 in the middle: afterwards each is in the store once')
def _():
    count = 200
    start({'cellar': 'delete'})
    for i in range(count):
        put('cellar', f'{i}.png', other(Story.still, 10000 + i))
    for goal in (20, 60, 120):
        wait_for(f'{goal} stored', lambda goal=goal: len(rows('cellar')) >= goal, 120, every=0.02)
        Story.watching.kill()
        stored = {n for n, _ in rows('cellar')}
        missing = {f'{i}.png' for i in range(count)} - stored
        left = {os.path.basename(f) for f in files('cellar')}
        assert missing <= left, f'lost: {sorted(missing - left)[:10]}'
        start({'cellar': 'delete'})
    wait_for('the rest', lambda: not files('cellar'), 120)
    wait_rows('cellar', count)
    stop()


def mount_small(at):
    os.makedirs(at, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b'hsi-test', at.encode(), b'tmpfs', 0, b'size=6m,nr_inodes=12') != 0:
        raise Skip(f'a full disk needs the right to mount one: {os.strerror(ctypes.get_errno())}')
    return libc


@case('a full disk: what is there is taken, what cannot be moved is told and stays')
def _():
    libc = mount_small(path('full'))
    try:
        for i in range(6):
            put('full', f'{i}.png', other(Story.still, 20000 + i))
        try:  # an upload that the disk has cut off
            put('full', 'cut.png', Story.still + bytes(6 << 20))
        except OSError:
            pass
        for i in range(20):  # no room for one more folder
            try:
                put('full', f'.{i}', b'')
            except OSError:
                break
        start({'full': 'move'})
        wait_rows('full', 7)
        assert sorted(n for n, why in rows('full') if not why)[:6] == [f'{i}.png' for i in range(6)], rows('full')
        wait_for('complaint', lambda: 'No space' in (uploads('full').get('unmoved') or ''), PATIENCE_S)
        assert len(files('full')) == 7, 'nothing is lost'
        assert Story.watching.err.text.count('No space left') == 1, 'told once'
        for i in range(20):
            if os.path.exists(path('full', f'.{i}')):
                os.remove(path('full', f'.{i}'))
        wait_for('moves once there is room', lambda: not [f for f in files('full') if 'cut' not in f], 150)
        assert len(rows('full')) == 7
        stop()
    finally:
        libc.umount2(path('full').encode(), 2)


@case('a folder that is not there is looked for')
def _():
    shutil.rmtree(path('attic'), ignore_errors=True)
    configure({'porch': 'keep', 'attic': 'keep'})
    Story.watching = daemon.Daemon(Story.config, Story.store)
    state = wait_for('attic away', lambda: camera('attic')['state'] == 'retrying' and camera('attic'), PATIENCE_S)
    assert 'is not there' in state['reason'], state
    put('attic', 'still.png', other(Story.still, 30000))
    wait_rows('attic', 1)
    stop()


@case('a clip is analysed like any video', data=True)
def _():
    os.makedirs(path('clips'))
    write(Story.config, f'cameras:\n  clips:\n    url: "folder:{path("clips")}"\n'
          f'detect:\n  model: {data("yolo26n-320.onnx")}\n')
    Story.watching = daemon.Daemon(Story.config, Story.store)
    shutil.copy(data('person-walk.mp4'), path('clips', 'walk.bin'))  # its content decides
    wait_rows('clips', 1, 300)
    assert rows('clips')[0] == ('walk.bin', ''), rows('clips')
    events = wait_for('events', lambda: [e for e in Story.watching.events() if e['camera'] == 'clips'], PATIENCE_S)
    assert any(t['label'] == 'person' for e in events for t in e['tracks']), events
    stop()


@case('a sub-folder of the uploads folder that nobody has named becomes a camera')
def _():
    root = folder()
    os.makedirs(os.path.join(root, 'Back door'))
    os.makedirs(os.path.join(root, '.hidden'))
    start({'porch': 'keep'}, f'uploads:\n  path: {root}\n')
    wait_for('camera Back_door', lambda: camera('Back_door')['state'] == 'online', PATIENCE_S)
    os.makedirs(os.path.join(root, 'side'))
    wait_for('camera side', lambda: camera('side')['state'] == 'online', PATIENCE_S)
    with open(os.path.join(root, 'side', 'still.png'), 'wb') as file:
        file.write(other(Story.still, 40000))
    wait_rows('side', 1)
    names = [c['name'] for c in Story.watching.json('/api/cameras')['items']]
    assert names[0] == 'porch' and sorted(names[1:]) == ['Back_door', 'side'], names
    stop()


if __name__ == '__main__':
    try:
        status = run()
    finally:
        if Story.watching:
            Story.watching.kill()
    sys.exit(status)
