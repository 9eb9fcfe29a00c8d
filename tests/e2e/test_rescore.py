#!/usr/bin/env python3
"""hsi rescore: what a store's windows come to by the same rules, and by others."""
import json
import os
import subprocess
import sys

from tap import case, clean_environment, expect, folder, hsi, run, write

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
SET = os.path.join(ROOT, 'share', 'evaluate', 'home.jsonl')
RULES = os.path.join(ROOT, 'share', 'rules.yaml')
WINDOWS = 12


def store(*more):
    """Windows as the built-in rules score them."""
    where = folder()
    subprocess.run([os.environ['LLM_FILL'], where, SET, str(WINDOWS), *more], check=True, stdout=subprocess.DEVNULL,
                   env=clean_environment())
    return where


def rescore(where, *more, code=0):
    return json.loads(expect(hsi('rescore', '--data', where, '--since', '2000-01-01T00:00:00Z', '--json', *more),
                             code).out)


def rules(**replaced):
    """The built-in ones with another text."""
    with open(RULES, encoding='utf-8') as f:
        text = f.read() + '\n# a remark\n'
    for old, new in replaced.values():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = os.path.join(folder(), 'rules.yaml')
    write(path, text)
    return path


@case('the same rules give the same scores, and are known to be the same')
def same_rules():
    where = store()
    found = rescore(where)
    assert (found['events'], found['differ'], found['other_rules']) == (WINDOWS, 0, 0), found
    found = rescore(where, '--rules', RULES)
    assert found['other_rules'] == 0, found


@case('rules with another text are other rules, whatever version they say they have')
def other_text():
    found = rescore(store(), '--rules', rules())
    assert (found['events'], found['differ'], found['other_rules']) == (WINDOWS, 0, WINDOWS), found


@case('of windows that do not say by which text, the version counts')
def unhashed():
    where = store('unhashed')
    found = rescore(where, '--rules', rules())
    assert (found['events'], found['other_rules']) == (WINDOWS, 0), found
    with open(RULES, encoding='utf-8') as f:
        version = next(line for line in f if line.startswith('version:'))
    found = rescore(where, '--rules', rules(version=(version, 'version: 99\n')))
    assert (found['events'], found['other_rules']) == (WINDOWS, WINDOWS), found


if __name__ == '__main__':
    sys.exit(run())
