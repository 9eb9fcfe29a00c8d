#!/usr/bin/env python3
"""Fuzz every target for a while and add what ran to bench/fuzz.json.

The file sums executions over all runs ever recorded, and keeps the latest corpus size and coverage.
A crash leaves its input in build-fuzz/crashes/ and ends the run with status 1.
"""
import argparse
import datetime
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, 'build-fuzz')
RECORD = os.path.join(ROOT, 'bench', 'fuzz.json')
INPUT_BYTES_MAX = 65536


def targets():
    with open(os.path.join(ROOT, 'fuzz', 'meson.build'), encoding='utf-8') as f:
        block = re.search(r'fuzz_targets = \[(.*?)\]', f.read(), re.DOTALL).group(1)
    return re.findall(r"'(\w+)'", block)


def build(names):
    if not os.path.exists(os.path.join(BUILD, 'build.ninja')):
        subprocess.run(['meson', 'setup', BUILD, '-Dfuzz=true', '-Db_sanitize=address,undefined',
                        '-Db_lundef=false', '--buildtype=debugoptimized'], cwd=ROOT, check=True,
                       env={**os.environ, 'CC': 'clang'})
    subprocess.run(['ninja', '-C', BUILD] + ['fuzz/fuzz_' + name for name in names], check=True)


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(target, seconds):
    corpus = os.path.join(BUILD, 'corpus', target)
    crashes = os.path.join(BUILD, 'crashes', '')
    os.makedirs(corpus, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    done = subprocess.run(
        [os.path.join(BUILD, 'fuzz', 'fuzz_' + target), f'-max_total_time={seconds}', '-print_final_stats=1',
         f'-max_len={INPUT_BYTES_MAX}', '-timeout=10', '-rss_limit_mb=2048',
         f'-artifact_prefix={crashes}{target}-', corpus, os.path.join(ROOT, 'fuzz', 'corpus', target)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False,
        env={**os.environ, 'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'})
    row = {'executions': number(r'stat::number_of_executed_units:\s*(\d+)', done.stdout),
           'coverage_edges': number(r'\bcov: (\d+)', done.stdout),
           'corpus_files': len(os.listdir(corpus)), 'seconds': seconds}
    if done.returncode:
        print(done.stdout[-6000:])
    return done.returncode == 0, row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=int, default=60)
    parser.add_argument('targets', nargs='*')
    args = parser.parse_args()
    names = args.targets or targets()
    build(names)
    record = {}
    if os.path.exists(RECORD):
        with open(RECORD, encoding='utf-8') as f:
            record = json.load(f)
    clean = True
    print(f"{'target':12} {'executions':>12} {'in all':>14} {'corpus':>7} {'edges':>6}  result")
    for target in names:
        ok, row = fuzz(target, args.seconds)
        old = record.get(target, {})
        total = old.get('executions', 0) + row['executions']
        record[target] = {
            'executions': total, 'seconds': old.get('seconds', 0) + row['seconds'],
            'corpus_files': row['corpus_files'], 'coverage_edges': row['coverage_edges'],
            'crashes': old.get('crashes', 0) + (not ok), 'date': datetime.date.today().isoformat()}
        clean = clean and ok
        print(f"{target:12} {row['executions']:12} {total:14} {row['corpus_files']:7} "
              f"{row['coverage_edges']:6}  {'ok' if ok else 'CRASH'}", flush=True)
        with open(RECORD, 'w', encoding='utf-8') as f:
            json.dump(record, f, indent=1, sort_keys=True)
            f.write('\n')
    return 0 if clean else 1


if __name__ == '__main__':
    sys.exit(main())
