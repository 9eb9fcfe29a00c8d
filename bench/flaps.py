#!/usr/bin/env python3
"""Let cameras come and go ten thousand times under one hsi: times to notice and to be back, and what it holds.

usage: bench/flaps.py [--build DIR] [--flaps N] [--cameras N] [--seed N]

Prints a table by kind of fault and writes BUILD/bench/flaps.json. Every camera is a port of a server in this process
that misbehaves on purpose (tests/e2e/flaky_rtsp.py says how). "noticed" is from the moment the server stops sending
until the program says so; "back" from the moment it answers properly again until it is asked to PLAY. Descriptors,
threads and memory are compared with all cameras online: after a tenth of the flaps, and behind the last.
"""
import argparse
import json
import os
import sys
import tempfile
import threading
import time

from harness import ROOT, Absent, Bench, Hsi, print_table, row

sys.path.insert(0, os.path.join(ROOT, 'tests', 'e2e'))
import flaky_rtsp  # noqa: E402
import flap  # noqa: E402

NOTICE_S, BACK_S = 3.0, 2.0
# Kinds whose waits grow on purpose, so that they have no goal: see src/capture/retry.h.
PATIENT = ('missing', 'garbage', 'garbage-rtp', 'garbage-answer', 'denied')
ONLINE_S = 60
REST_S = 5
WASTE_KIB = 256  # of each camera


class Watched(Hsi):
    """hsi whose log is read while it runs."""

    def __init__(self, bench, text, on_line):
        super().__init__(bench, 'flaps', text)
        self.thread = threading.Thread(target=self.follow, args=[on_line], daemon=True)
        self.thread.start()

    def follow(self, on_line):
        """Like tail -f."""
        with open(self.log.name, encoding='utf-8', errors='replace') as file:
            line = ''
            while self.alive():
                line += file.readline()
                if line.endswith('\n'):
                    on_line(line)
                    line = ''
                else:
                    time.sleep(0.005)


def rows_of(flaps):
    rows = []
    for fault in sorted({f.fault for f in flaps}) + [None]:
        count = sum(f.fault == fault or fault is None for f in flaps)
        noticed, back = flap.times(flaps, fault)
        name = fault or 'all but the patient kinds'
        if fault is None:
            noticed, back = flap.times([f for f in flaps if f.fault not in PATIENT])
        for what, seconds, goal in (('noticed', noticed, NOTICE_S), ('back', back, BACK_S)):
            p50, p95, p99 = (flap.percentile(seconds, p) for p in (.5, .95, .99))
            met = None if fault or not seconds else p99 <= goal
            rows.append(row(f'flap.{what}', f'{name}: p99', p99, 's', goal=f'<= {goal:g} s' if fault is None else '',
                            met=met, count=count, p50=p50, p95=p95, most=max(seconds, default=None)))
    return rows


def growth_rows(before, after, samples, cameras):
    """Both at rest, all cameras online: descriptors, threads, KiB. samples: the same, flaps so far in front. Memory may
    grow by what an allocator wastes when decoders of every camera come and go; what is in use stays the same."""
    rows = []
    for i, (what, unit, most) in enumerate((('descriptors', '', 3), ('threads', '', 0), ('memory', 'KiB', WASTE_KIB * cameras))):
        rows.append(row('flap.' + what, f'{what} at rest behind it', after[i], unit, 'at rest after a tenth',
                        before[i], after[i] / before[i], f'<= +{most}', after[i] - before[i] <= most,
                        most=max(s[i + 1] for s in samples)))
    return rows


def at_rest(flapping, program):
    if not flapping.all_online(ONLINE_S):
        raise Absent('not all cameras came back')
    time.sleep(REST_S)
    return flap.holdings(program.pid)


def measure(bench, args):
    with tempfile.TemporaryDirectory(prefix='hsi-flaps-') as here:
        clip = flaky_rtsp.make_clip(os.path.join(here, 'clip.h264'))
        flapping = flap.Flapping(args.cameras, clip, args.seed)
        samples = []
        with Watched(bench, flap.config_text(flapping.urls()), flapping.on_line) as program:
            until = time.monotonic() + ONLINE_S
            while not all(flapping.online.values()):
                if time.monotonic() > until or not program.alive():
                    raise Absent('the cameras did not come online')
                time.sleep(0.1)
            begun = time.monotonic()

            def sample():
                samples.append((len(flapping.flaps), *flap.holdings(program.pid)))
                if len(samples) % 20 == 0:
                    print(f'{time.monotonic() - begun:.0f} s: {samples[-1]}', file=sys.stderr, flush=True)
            flapping.run(args.flaps // 10, every=sample)
            before = at_rest(flapping, program)
            flapping.run(args.flaps, every=sample)
            took = time.monotonic() - begun
            after = at_rest(flapping, program)
            alive = program.alive()
    rows = rows_of(flapping.flaps) + growth_rows(before, after, samples, args.cameras)
    rows.append(row('flap.count', f'flaps of {args.cameras} cameras in {took:.0f} s', len(flapping.flaps), '',
                    goal=f'>= {args.flaps}, none stuck', stuck=flapping.stuck,
                    met=alive and not flapping.stuck and len(flapping.flaps) >= args.flaps))
    return rows, samples


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build')
    parser.add_argument('--flaps', type=int, default=10000)
    parser.add_argument('--cameras', type=int, default=48)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    bench = Bench(args.build, seconds=0, runs=1)
    rows, samples = measure(bench, args)
    print_table(rows)
    print('by fault: count, noticed p50 p95 p99 most, back p50 p95 p99 most (s)')
    for noticed, back in zip(rows[0::2], rows[1::2]):
        if noticed['id'] != 'flap.noticed':
            break
        figures = [f'{r[k]:6.2f}' if r[k] is not None else '     -' for r in (noticed, back)
                   for k in ('p50', 'p95', 'value', 'most')]
        print(f'{noticed["name"][:-5]:26} {noticed["count"]:6}  {" ".join(figures)}')
    with open(os.path.join(bench.out, 'flaps.json'), 'w', encoding='utf-8') as file:
        json.dump({'rows': rows, 'samples': samples}, file, indent=1)
        file.write('\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
