#!/usr/bin/env python3
"""Run the meson tests of a build folder and count single cases.

meson counts executables; a person wants to know how many cases ran. This reads the TAP that every test
printed out of meson's log, prints what failed in full, the skipped cases with their reasons on one line,
and ends with "N passed, N failed". A test that crashed, timed out, or printed no TAP counts as failed.
A case skipped because HSI_TEST_DATA is not set counts as failed when it is set.
"""
import argparse
import json
import os
import re
import subprocess
import sys

TAP_CASE = re.compile(r'^(not ok|ok)\b\s*(\d+)?\s*(?:-\s*)?(.*)$')
TAP_PLAN = re.compile(r'^1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$', re.IGNORECASE)
DIRECTIVE = re.compile(r'#\s*(skip\S*|todo)\b:?\s*(.*)$', re.IGNORECASE)
# cmocka has no skip reasons of its own; tests/test.h prints this line before it skips.
SKIP_REASON = re.compile(r'^#\s*skip:\s*(.+)$', re.IGNORECASE)


class Outcome:
    """What one test executable printed, as counts."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def read(self, text):
        planned = None
        seen = 0
        reason = None
        for line in text.splitlines():
            plan = TAP_PLAN.match(line)
            if plan:
                planned = int(plan.group(1))
                if planned == 0:
                    self.skipped.append(plan.group(2) or 'no reason given')
                continue
            said = SKIP_REASON.match(line)
            if said:
                reason = said.group(1).strip()
                continue
            case = TAP_CASE.match(line)
            if not case:
                continue
            seen += 1
            self.count(case, reason)
            reason = None
        if planned is None and seen == 0:
            self.failed.append('printed no TAP')
        elif planned is not None and seen != planned:
            self.failed.append(f'announced {planned} cases, ran {seen}')

    def count(self, case, reason):
        text = case.group(3).strip()
        directive = DIRECTIVE.search(text)
        # cmocka writes a skipped case as "not ok N # SKIP name", so the word decides, not the "not".
        if directive and directive.group(1).lower().startswith('skip'):
            self.skipped.append(reason or directive.group(2).strip() or text)
        elif case.group(1) == 'ok' or directive:
            self.passed += 1
        else:
            self.failed.append(text)


def read_log(path):
    with open(path, encoding='utf-8', errors='replace') as log:
        for line in log:
            if line.strip():
                yield json.loads(line)


def run_meson(args):
    """Run meson, passing on its progress lines; its own summary counts executables and is left out."""
    command = ['meson', 'test', '-C', args.build, '--no-rebuild', '--num-processes', str(jobs()),
               '--timeout-multiplier', str(args.slow)]
    for suite in args.suite:
        command += ['--suite', suite]
    # Not meson's --wrapper, which renames the log: what is asked for here is inherited anyway.
    command = args.prefix.split() + command
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors='replace', stdin=subprocess.DEVNULL)
    kept = []
    for line in process.stdout:
        kept.append(line)
        if re.match(r'^\s*\d+/\d+ ', line):
            print(line, end='', flush=True)
    process.wait()
    return process.returncode, kept


def jobs():
    """Some tests start servers and browsers: one per core is enough, and one core stays free."""
    return max(1, len(os.sched_getaffinity(0)) - 1) if not os.environ.get('HSI_TEST_JOBS') else int(
        os.environ['HSI_TEST_JOBS'])


def judge(test):
    outcome = Outcome()
    outcome.read(test.get('stdout') or '')
    if test.get('result') == 'TIMEOUT':
        outcome.failed.append('timed out')
    elif test.get('returncode') and not outcome.failed:
        outcome.failed.append(f"all cases passed, but the program ended with status {test['returncode']}")
    if os.environ.get('HSI_TEST_DATA'):
        for reason in [r for r in outcome.skipped if 'HSI_TEST_DATA' in r]:
            outcome.skipped.remove(reason)
            outcome.failed.append(f'skipped although HSI_TEST_DATA is set: {reason}')
    return outcome


def show_failure(test, outcome):
    print(f"\n--- {test['name']} failed: {'; '.join(outcome.failed)}")
    print('command: ' + ' '.join(test.get('command', [])))
    for stream in ('stdout', 'stderr'):
        text = (test.get(stream) or '').rstrip()
        if text:
            print(f'{stream}:\n{text}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build')
    parser.add_argument('--prefix', default='', help='command to run everything under, such as setarch -R')
    parser.add_argument('--slow', type=float, default=1, help='how many times longer a test may take')
    parser.add_argument('--suite', action='append', default=[], help='only this suite')
    args = parser.parse_args()

    log = os.path.join(args.build, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.unlink(log)
    status, output = run_meson(args)
    if not os.path.exists(log):
        print(''.join(output))
        print(f'meson test ended with status {status} and wrote no log')
        print('0 passed, 1 failed')
        return 1

    passed, failed, skipped = 0, 0, []
    for test in read_log(log):
        outcome = judge(test)
        if outcome.failed:
            show_failure(test, outcome)
        passed += outcome.passed
        failed += len(outcome.failed)
        skipped += outcome.skipped
    if passed + failed + len(skipped) == 0:
        print('no test ran')
        failed = 1
    if skipped:
        reasons = '; '.join(sorted(set(skipped)))
        print(f'{len(skipped)} skipped: {reasons}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
