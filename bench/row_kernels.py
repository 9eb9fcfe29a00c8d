"""Kernels: every loop over pixels by itself, against libyuv, swscale and copying as many bytes."""
import collections
import json
import subprocess

from harness import median, row

ROUNDS = 12


def best_library(ways):
    """The faster of the libraries that can do it, with its time; none: (None, None)."""
    times = {way: median(ns) for way, ns in ways.items() if way in ('libyuv', 'swscale')}
    if not times:
        return None, None
    name = min(times, key=times.get)
    return name, times[name]


def run(bench):
    samples = collections.defaultdict(lambda: collections.defaultdict(list))
    moved = {}
    for _ in range(bench.runs):
        out = subprocess.run([bench.program('kernels'), str(ROUNDS)], check=True, capture_output=True, text=True)
        for line in out.stdout.splitlines():
            one = json.loads(line)
            samples[one['kernel']][one['way']].append(one['ns'])
            moved[one['kernel']] = one['bytes']
    rows = []
    for number, (kernel, ways) in enumerate(samples.items()):
        ours, copy = median(ways['ours']), median(ways['copy'])
        library, theirs = best_library(ways)
        rows.append(row(f'K{number}', kernel, ours / 1000, 'us a picture', f'{library} the same way' if library else None,
                        theirs / 1000 if library else None, ours / theirs if library else None,
                        gb_per_s=round(moved[kernel] / ours, 2), bytes=moved[kernel],
                        all_us={way: round(median(ns) / 1000, 1) for way, ns in ways.items()}))
        rows.append(row(f'K{number}.floor', f'{kernel}: to the floor', ours / 1000, 'us a picture',
                        'copying as many bytes', copy / 1000, ours / copy,
                        copy_gb_per_s=round(moved[kernel] / copy, 2)))
    return rows
