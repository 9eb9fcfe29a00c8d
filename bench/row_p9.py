"""P9: from exec until /health answers with 16 cameras configured, and what `hsi --version` costs beside an
empty program that loads the same libraries."""
import os
import re
import subprocess
import time

from harness import ROOT, Absent, Hsi, absent_row, config_text, looks_of, median, row, threads_s

CAMERAS = 16
GOAL_MS = 100
GOAL_RATIO = 1.3
STARTS = 9
PROGRAM_RUNS = 60


def libraries(program):
    """Names of the libraries the program itself asks for, without the C library's own."""
    out = subprocess.run(['readelf', '-d', program], check=True, capture_output=True, text=True).stdout
    return [n for n in re.findall(r'NEEDED.*\[(.+)\]', out) if not n.startswith(('libc.so', 'ld-linux'))]


def empty_program(bench, name, needed):
    path = os.path.join(bench.out, 'empty-' + name)
    subprocess.run(['cc', '-O2', '-o', path, os.path.join(ROOT, 'bench', 'empty.c'), '-Wl,--no-as-needed'] +
                   ['-l:' + n for n in needed], check=True)
    return path


def once(command):
    """(CPU milliseconds, wall milliseconds) of one run of a short program."""
    null = os.open(os.devnull, os.O_RDWR)
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    os.close(null)
    if status:
        raise RuntimeError(f'{" ".join(command)} ended with status {status}')
    return 1000 * (used.ru_utime + used.ru_stime), 1000 * wall


def interleaved(commands, runs):
    """Median (CPU, wall) of each command, all taking turns."""
    samples = [[] for _ in commands]
    for _ in range(runs):
        for command, kept in zip(commands, samples):
            kept.append(once(command))
    return [(median([s[0] for s in kept]), median([s[1] for s in kept])) for kept in samples]


def version_rows(bench):
    needed = libraries(bench.hsi)
    same, bare = empty_program(bench, 'same', needed), empty_program(bench, 'bare', [])
    version, empty, nothing = interleaved([[bench.hsi, '--version'], [same], [bare]], PROGRAM_RUNS)
    ratio = version[0] / empty[0]
    rows = [row('P9.version', 'hsi --version, CPU', version[0], 'ms', 'empty program, same libraries', empty[0], ratio,
                f'<= {GOAL_RATIO}', ratio <= GOAL_RATIO),
            row('P9.version.wall', 'hsi --version, wall', version[1], 'ms', 'empty program, same libraries',
                empty[1], version[1] / empty[1])]
    programs = [empty_program(bench, n.split('.')[0], [n]) for n in needed]
    for name, (cpu, _) in zip(needed, interleaved([[p] for p in programs], PROGRAM_RUNS // 3)):
        rows.append(row('P9.library', f'loading {name} alone, CPU', cpu - nothing[0], 'ms', 'empty program',
                        nothing[0]))
    return rows


def start_once(bench, text):
    """(milliseconds until /health answered, CPU milliseconds used by then)"""
    with Hsi(bench, 'p9-hsi', text) as p:
        return 1000 * p.wait_health(), 1000 * sum(used for used, _ in threads_s(p.pid).values())


def first_look(bench, text):
    with Hsi(bench, 'p9-first', text) as p:
        return p.wait_health(lambda h: looks_of(h) > 0)


def run(bench):
    clip = bench.clip_720()
    cameras = {f'camera{i}': clip for i in range(CAMERAS)}
    try:
        model = bench.model()
        bench.runtime()
    except Absent:
        model = ''
    text = config_text(cameras, model)
    starts, used = zip(*[start_once(bench, text) for _ in range(STARTS)])
    what = 'the model loading after that' if model else 'motion only'
    rows = [row('P9', f'exec to /health, {CAMERAS} cameras, {what}', median(starts), 'ms', goal=f'<= {GOAL_MS} ms',
                met=median(starts) <= GOAL_MS, samples=starts),
            row('P9.cpu', 'CPU used by then', median(used), 'ms')]
    if model:
        rows.append(row('P9.first', 'exec to the first inference, one camera',
                        1000 * median([first_look(bench, config_text({'bench': clip}, model, motion=False))
                                       for _ in range(bench.runs)]), 'ms'))
    else:
        rows.append(absent_row('P9.first', 'exec to the first inference', 'no model or no ONNX Runtime'))
    return rows + version_rows(bench)
