#!/usr/bin/env python3
"""Measure what docs promise: prints a table and writes BUILD/bench/ID.json, one list of rows per measure.

usage: bench/run.py [--build DIR] [--quick] [ID...]     (make bench ARGS='P7 P9')

Machines differ and are shared, so a figure is a ratio against a baseline taken in the same run, in turns,
medians of several. A baseline that is not on this machine is reported as absent, never replaced.
"""
import argparse
import importlib
import json
import os
import subprocess
import sys
import time

from harness import Absent, Bench, ROOT, absent_row, print_table

MEASURES = ['P1', 'P2', 'P3', 'P7', 'P9', 'P10', 'kernels', 'risk']
PROGRAMS = ['decode_only', 'looks', 'preprocess', 'ort_loop', 'kernels', 'risk_cost', 'risk_live']


def build_programs(build):
    """The baselines; the inference loop is missing where there is no ONNX Runtime header."""
    listed = subprocess.run(['ninja', '-C', build, '-t', 'targets', 'all'], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout
    wanted = [f'bench/bench_{p}' for p in PROGRAMS if f'bench/bench_{p}:' in listed]
    subprocess.run(['ninja', '-C', build, *wanted], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def measure(bench, measure_id):
    print(f'{measure_id} ...', end=' ', file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        rows = importlib.import_module('row_' + measure_id.lower()).run(bench)
    except (Absent, RuntimeError, OSError, KeyError, subprocess.CalledProcessError) as failure:
        rows = [absent_row(measure_id, 'could not be measured', failure)]
    print(f'{time.monotonic() - start:.0f} s', file=sys.stderr, flush=True)
    with open(os.path.join(bench.out, measure_id + '.json'), 'w', encoding='utf-8') as f:
        json.dump(rows, f, indent=1)
        f.write('\n')
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build')
    parser.add_argument('--quick', action='store_true', help='one short window each: to try the bench itself')
    parser.add_argument('measures', nargs='*', metavar='ID', help=' '.join(MEASURES))
    args = parser.parse_args()
    unknown = [m for m in args.measures if m not in MEASURES]
    if unknown:
        parser.error(f'unknown measure {unknown[0]}; there are {", ".join(MEASURES)}')
    build_programs(args.build)
    bench = Bench(args.build, seconds=6 if args.quick else 16, runs=1 if args.quick else 3)
    rows = []
    for measure_id in args.measures or MEASURES:
        rows += measure(bench, measure_id)
    print_table(rows)
    missed = [r['id'] for r in rows if r['met'] is False]
    if missed:
        print(f'goals missed: {", ".join(missed)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
