"""P3: inferences per second with one inference thread and a core left for the rest, against a bare ONNX
Runtime loop. More cameras that always want a look than it can serve keep the detector busy all the time.

On a shared machine both sides lose time to strangers. The kernel counts how long a thread was ready but had no
core; that time is left out of both rates, so that what remains is hsi's own doing."""
import json
import subprocess

from harness import Absent, Hsi, absent_row, config_text, looks_of, median, row

CAMERAS = {640: 3, 320: 10}  # at 10 pictures a second each
WARM_S = 4
GOAL = 0.97


def bare_loop(bench, model, seconds):
    out = subprocess.run([bench.program('ort_loop'), bench.runtime(), model, str(seconds)], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def busy_hsi(bench, model, count):
    """(inferences per second it had a core, CPU seconds of the detect thread per inference, and per wall second)"""
    clip = bench.clip_432()
    cameras = {f'camera{i}': clip for i in range(count)}
    with Hsi(bench, 'p3-hsi', config_text(cameras, model, fps=30, motion=False)) as p:
        p.wait_health(lambda h: looks_of(h) > 0)
        p.window(WARM_S)
        before = p.looks()
        used, wall = p.window(bench.seconds / 2)
        looks = p.looks() - before
    had = wall - p.waited.get('detect', 0)
    return looks / had, used.get('detect', 0) / max(looks, 1), looks / wall


def compare(bench, row_id, name, side, goal):
    model = bench.data(f'yolo26n-{side}.onnx')
    bare, bare_cpu, hsi, hsi_cpu, walls = [], [], [], [], []
    # Many short turns: what else the machine does changes within seconds.
    for _ in range(2 * bench.runs - 1):
        loop = bare_loop(bench, model, bench.seconds / 2)
        bare.append(loop['runs'] / (loop['wall_s'] - loop['wait_s']))
        bare_cpu.append(loop['cpu_s'] / loop['runs'])
        rate, cpu, wall = busy_hsi(bench, model, CAMERAS[side])
        hsi.append(rate)
        hsi_cpu.append(cpu)
        walls.append((wall, loop['runs'] / loop['wall_s']))
    ratio = median(hsi) / median(bare)
    cpu_ratio = median(bare_cpu) / median(hsi_cpu)
    return [row(row_id, name, median(hsi), '1/s', 'bare ONNX Runtime loop', median(bare), ratio,
                f'>= {GOAL}' if goal else '', ratio >= GOAL if goal else None,
                samples={'hsi': hsi, 'loop': bare, 'per_wall_second': walls}),
            row(row_id + '.cpu', name + ', CPU of one look', 1000 * median(hsi_cpu), 'ms',
                'bare ONNX Runtime loop', 1000 * median(bare_cpu), cpu_ratio)]


def run(bench):
    rows = []
    for row_id, side, goal in (('P3', 640, True), ('P3.320', 320, False)):
        name = f'inferences per second at {side}, one thread'
        try:
            bench.runtime()
            rows += compare(bench, row_id, name, side, goal)
        except Absent as why:
            rows.append(absent_row(row_id, name, why))
    return rows
