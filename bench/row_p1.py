"""P1: CPU of the whole pipeline on a moving 1080p stream, without preprocessing and inference, against
decoding the same stream and nothing else; the motion daemon and the usual ffmpeg and Python pipe on the same clip.
All paced at the stream's own rate, taking turns."""
import peers
from harness import Absent, Hsi, absent_row, config_text, looks_of, median, row, shares

FPS = 5
WARM_S = 6
WIDTH, HEIGHT, CLIP_FPS = 1920, 1080, 10
# The thread that does nothing but preprocessing, inference and reading the result.
LEFT_OUT = 'detect'
GOAL = 1.10
UNIT = 'CPU-s per camera-s'
FLOOR = 'libavcodec decode only'


def decode_share(bench, clip):
    with peers.decode(bench, clip) as p:
        p.window(WARM_S)
        return sum(shares({'decode': p}, bench.seconds)['decode'].values())


def stage_of(thread):
    """Threads of a stage carry its name before a colon."""
    stage = thread.split(':')[0]
    return {'cap': 'capture', 'vision': 'vision: decode, motion'}.get(stage, stage)


def hsi_shares(bench, clip, model):
    """CPU by stage over wall, looks per second, and what hsi says of itself: seconds per second that decoding and the
    search for motion took, on the clock, so whatever else the machine did meanwhile is in them; and the share of
    packets decoded."""
    with Hsi(bench, 'p1-hsi', config_text({'bench': clip}, model, FPS)) as p:
        p.wait_health(lambda h: looks_of(h) > 0)
        p.window(WARM_S)
        before, idle = p.get('/health'), p.cameras()[0]['idle']
        used, wall = p.window(bench.seconds)
        after, awake = p.get('/health'), p.cameras()[0]['idle']
    stages = {}
    for thread, cpu in used.items():
        stages[stage_of(thread)] = stages.get(stage_of(thread), 0) + cpu / wall
    inside = {name: (after['pipeline'][name] - before['pipeline'][name]) / wall for name in ('decode_s', 'motion_s')}
    inside['decoded'] = (awake['decoded'] - idle['decoded']) / max(awake['packets'] - idle['packets'], 1)
    return stages, (looks_of(after) - looks_of(before)) / wall, inside


def motion_share(bench, clip):
    with peers.motion(bench, clip, WIDTH, HEIGHT, CLIP_FPS) as p:
        p.window(WARM_S + 4)
        return sum(shares({'motion': p}, bench.seconds)['motion'].values())


def pipe_share(bench, clip):
    """(both ends, the Python end alone)"""
    with peers.Pipe(bench, clip, WIDTH, HEIGHT) as p:
        p.ffmpeg.window(WARM_S)
        used = shares(p.processes(), bench.seconds)
    python = sum(used['python'].values())
    return python + sum(used['ffmpeg'].values()), python


class Samples:
    """What each run measured. Whoever is not on this machine says so once."""

    def __init__(self):
        self.decode, self.stages, self.looks, self.inside, self.motion, self.pipe = [], [], [], [], [], []
        self.absent = {}

    def take(self, bench, clip, model):
        self.decode.append(decode_share(bench, clip))
        stages, rate, inside = hsi_shares(bench, clip, model)
        self.stages.append(stages)
        self.looks.append(rate)
        self.inside.append(inside)
        for name, kept, measure in (('motion', self.motion, motion_share), ('pipe', self.pipe, pipe_share)):
            try:
                kept.append(measure(bench, clip))
            except (Absent, RuntimeError) as why:
                self.absent[name] = why

    def stage(self, name):
        return median([s.get(name, 0) for s in self.stages])


def stage_rows(samples, decode):
    rows = [row('P1.stage', f'stage {name}', samples.stage(name), UNIT, FLOOR, decode, samples.stage(name) / decode)
            for name in sorted(samples.stages[0], key=samples.stage, reverse=True)]
    for name, what in (('decode_s', 'decoding'), ('motion_s', 'the search for motion')):
        value = median([i[name] for i in samples.inside])
        rows.append(row('P1.inside', f'{what}, on the clock, inside vision', value, 's per camera-s', FLOOR, decode,
                        value / decode))
    return rows


def peer_rows(samples, decode):
    rows = []
    name = 'motion, detection only, same clip'
    if samples.motion:
        value = median(samples.motion)
        rows.append(row('P1.motion', name, value, UNIT, FLOOR, decode, value / decode, samples=samples.motion))
    else:
        rows.append(absent_row('P1.motion', name, samples.absent['motion']))
    name = 'ffmpeg pipe and Python motion at 5 pictures/s, same clip'
    if samples.pipe:
        value = median([both for both, _ in samples.pipe])
        rows.append(row('P1.pipe', name, value, UNIT, FLOOR, decode, value / decode, samples=samples.pipe,
                        python=median([python for _, python in samples.pipe])))
    else:
        rows.append(absent_row('P1.pipe', name, samples.absent['pipe']))
    return rows


def run(bench):
    clip, name = bench.clip_1080(), 'pipeline CPU, moving 1080p, inference left out'
    try:
        model = bench.model()
    except Absent as why:
        return [absent_row('P1', name, why)]
    samples = Samples()
    for _ in range(bench.runs):
        samples.take(bench, clip, model)
    decode, looks = median(samples.decode), median(samples.looks)
    hsi = [sum(cpu for stage, cpu in s.items() if stage != LEFT_OUT) for s in samples.stages]
    ratio = median(hsi) / decode
    decoded = median([i['decoded'] for i in samples.inside])
    # A pipeline that looks less often than asked, or rests, would be cheaper for the wrong reason.
    enough = looks >= 0.9 * FPS and decoded > 0.98
    distance = 1e6 * (median(hsi) - decode) / CLIP_FPS
    return [row('P1', name, median(hsi), UNIT, FLOOR, decode, ratio, f'<= {GOAL:.2f}', ratio <= GOAL and enough,
                looks_per_s=looks, decoded=decoded,
                samples={'hsi': samples.stages, 'decode': samples.decode}),
            row('P1.distance', 'above the floor, each picture', distance, 'us', FLOOR, 1e6 * decode / CLIP_FPS),
            row('P1.looks', 'inferences per second during that', looks, '1/s', 'asked for', FPS, looks / FPS,
                '>= 0.9', enough),
            row('P1.detect', 'preprocessing and inference, left out above', samples.stage(LEFT_OUT), UNIT),
            *peer_rows(samples, decode), *stage_rows(samples, decode)]
