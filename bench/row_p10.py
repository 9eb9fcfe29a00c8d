"""P10: memory of a motion-only daemon, of a loaded model beside a bare ONNX Runtime loop, and of a camera."""
from harness import Absent, Hsi, absent_row, config_text, looks_of, median, memory_mb, row
from row_p3 import bare_loop

GOAL_DAEMON_MB, GOAL_MODEL, GOAL_CAMERA_MB = 60, 1.1, 25
SETTLE_S = 8
CAMERAS = 8


def settled(bench, name, text, model=False, held=None):
    """(RSS, anonymous) in MiB once every camera has delivered and the model, if any, has run. held is given what hsi
    itself says that it holds, in bytes by purpose."""
    with Hsi(bench, name, text) as p:
        if model:
            p.wait_health(lambda h: looks_of(h) >= 10)
        else:
            p.wait_health()
        p.window(SETTLE_S)
        if held is not None:
            held.append(p.get('/api/system')['memory'])
        return memory_mb(p.pid)


def both(rows, row_id, name, values, unit, baseline=None, base=None, limit=None, as_ratio=False):
    """A row for RSS and one for its anonymous part; the goal holds for each."""
    for i, kind in enumerate(('RSS', 'RssAnon')):
        value = values[i]
        ratio = value / base[i] if base else None
        judged = ratio if as_ratio else value
        goal = '' if limit is None else f'<= {limit}' + ('' if as_ratio else ' MiB')
        rows.append(row(f'{row_id}.{kind}', f'{name}, {kind}', value, unit, baseline,
                        base[i] if base else None, ratio, goal, None if limit is None else judged <= limit))


def model_rows(bench, rows):
    name = 'what one loaded 640 model adds'
    try:
        model = bench.model()
        bench.runtime()
    except Absent as why:
        rows.append(absent_row('P10b', name, why))
        return
    clip, with_model, without, bare = bench.clip_432(), [], [], []
    for _ in range(bench.runs):
        with_model.append(settled(bench, 'p10-model', config_text({'bench': clip}, model, motion=False), True))
        without.append(settled(bench, 'p10-none', config_text({'bench': clip}, motion=False)))
        loop = bare_loop(bench, model, 2)
        bare.append((loop['rss_kib'] / 1024, loop['anon_kib'] / 1024))
    added = [median([w[i] for w in with_model]) - median([w[i] for w in without]) for i in range(2)]
    both(rows, 'P10b', name, added, 'MiB', 'bare ONNX Runtime loop', [median([b[i] for b in bare]) for i in range(2)],
         GOAL_MODEL, as_ratio=True)


def run(bench):
    clip, rows = bench.clip_720(), []
    one = {'camera0': clip}
    many = {f'camera{i}': clip for i in range(CAMERAS + 1)}
    idle, single, several, held = [], [], [], []
    for _ in range(bench.runs):
        idle.append(settled(bench, 'p10-idle', config_text(one, enabled=False)))
        single.append(settled(bench, 'p10-one', config_text(one)))
        several.append(settled(bench, 'p10-many', config_text(many), held=held))
    both(rows, 'P10a', 'motion-only daemon, listening', [median([v[i] for v in idle]) for i in range(2)], 'MiB',
         limit=GOAL_DAEMON_MB)
    model_rows(bench, rows)
    each = [(median([v[i] for v in several]) - median([v[i] for v in single])) / CAMERAS for i in range(2)]
    both(rows, 'P10c', 'each 720p camera', each, 'MiB', limit=GOAL_CAMERA_MB)
    for kind, what in (('packet', 'packets that wait'), ('idle', 'packets kept while idle'), ('frame', 'pictures')):
        value = median([h[kind + '_bytes'] for h in held]) / 2 ** 20 / (CAMERAS + 1)
        rows.append(row('P10c.where', f'of that, {what}, as hsi counts them', value, 'MiB'))
    return rows
