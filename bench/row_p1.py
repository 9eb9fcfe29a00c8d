"""P1: CPU of the whole pipeline on a moving 1080p stream, without preprocessing and inference, against
decoding the same stream and nothing else. Both paced at the stream's own rate."""
import os
import shutil

from harness import Absent, Hsi, Process, absent_row, config_text, looks_of, median, row

FPS = 5
WARM_S = 6
# The thread that does nothing but preprocessing, inference and reading the result.
LEFT_OUT = 'detect'
GOAL = 1.10


def decode_share(bench, clip):
    with Process([bench.program('decode_only'), clip], os.path.join(bench.out, 'decode.log')) as p:
        p.window(WARM_S)
        used, wall = p.window(bench.seconds)
    return sum(used.values()) / wall


def hsi_shares(bench, clip, model):
    """CPU by thread over wall, and looks per second."""
    with Hsi(bench, 'p1-hsi', config_text({'bench': clip}, model, FPS)) as p:
        p.wait_health(lambda h: looks_of(h) > 0)
        p.window(WARM_S)
        before = p.looks()
        used, wall = p.window(bench.seconds)
        looks = (p.looks() - before) / wall
    return {name: cpu / wall for name, cpu in used.items()}, looks


def motion_share(bench, clip):
    """The motion daemon on the same clip, detection only."""
    if not shutil.which('motion'):
        raise Absent('motion is not installed')
    config = os.path.join(bench.out, 'motion.conf')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(f'daemon off\nnetcam_url file://{clip}\nwidth 1920\nheight 1080\nframerate 10\nthreshold 1500\n'
                f'picture_output off\nmovie_output off\nwebcontrol_port 0\nstream_port 0\n'
                f'target_dir {bench.out}\nlog_level 4\n')
    with Process(['motion', '-n', '-c', config], os.path.join(bench.out, 'motion.log')) as p:
        p.window(WARM_S + 4)
        used, wall = p.window(bench.seconds)
    return sum(used.values()) / wall


def run(bench):
    clip, name = bench.clip_1080(), 'pipeline CPU, moving 1080p, inference left out'
    try:
        model = bench.model()
    except Absent as why:
        return [absent_row('P1', name, why)]
    decode, hsi, rest, looks, motion = [], [], [], [], []
    threads = {}
    for _ in range(bench.runs):
        decode.append(decode_share(bench, clip))
        shares, rate = hsi_shares(bench, clip, model)
        hsi.append(sum(v for k, v in shares.items() if k != LEFT_OUT))
        rest.append(shares.get(LEFT_OUT, 0))
        looks.append(rate)
        threads = {k: round(v, 5) for k, v in shares.items()}
        try:
            motion.append(motion_share(bench, clip))
        except (Absent, RuntimeError) as why:
            motion_why = str(why)
    unit, ratio = 'CPU-s per camera-s', median(hsi) / median(decode)
    # A pipeline that looks less often than asked would be cheaper for the wrong reason.
    enough = median(looks) >= 0.9 * FPS
    rows = [row('P1', name, median(hsi), unit, 'libavcodec decode only', median(decode), ratio,
                f'<= {GOAL:.2f}', ratio <= GOAL and enough, looks_per_s=round(median(looks), 2),
                threads=threads, samples={'hsi': hsi, 'decode': decode}),
            row('P1.looks', 'inferences per second during that', median(looks), '1/s', 'asked for', FPS,
                median(looks) / FPS, '>= 0.9', enough),
            row('P1.detect', 'preprocessing and inference, left out above', median(rest), unit)]
    if motion:
        rows.append(row('P1.motion', 'motion 4.5, detection only, same clip', median(motion), unit,
                        'libavcodec decode only', median(decode), median(motion) / median(decode)))
    else:
        rows.append(absent_row('P1.motion', 'motion, detection only, same clip', motion_why))
    return rows
