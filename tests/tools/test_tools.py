#!/usr/bin/env python3
"""The tools that judge the tree, judged: every rule must catch what it is there for."""
import os
import sys
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools'))
sys.dont_write_bytecode = True
import check_tree  # noqa: E402
import run_tests  # noqa: E402


def counts(text):
    outcome = run_tests.Outcome()
    outcome.read(text)
    return outcome.passed, outcome.failed, outcome.skipped


def cases_are_counted():
    assert counts('1..2\nok 1 - a\nok 2 - b\n') == (2, [], [])
    assert counts('1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n# not ok - group\n') == (1, ['b'], [])
    assert counts('ok 1 - a\n1..1\n') == (1, [], [])


def skips_keep_their_reason():
    text = '1..2\n# skip: HSI_TEST_DATA is not set\nnot ok 1 # SKIP a\nok 2 - b\n'
    assert counts(text) == (1, [], ['HSI_TEST_DATA is not set'])
    assert counts('1..1\nok 1 - a # SKIP no browser\n') == (0, [], ['no browser'])
    assert counts('1..0 # SKIP no server\n') == (0, [], ['no server'])


def a_broken_program_fails():
    assert counts('')[1] == ['printed no TAP']
    assert counts('1..3\nok 1 - a\n')[1] == ['announced 3 cases, ran 1']
    judged = run_tests.judge({'stdout': '1..1\nok 1 - a\n', 'returncode': 23})
    assert judged.passed == 1 and len(judged.failed) == 1
    assert run_tests.judge({'stdout': '1..1\nok 1 - a\n', 'result': 'TIMEOUT'}).failed == ['timed out']


def a_skip_for_want_of_data_fails_where_the_data_is():
    test = {'stdout': '1..1\n# skip: HSI_TEST_DATA is not set\nnot ok 1 # SKIP a\n'}
    old = os.environ.pop('HSI_TEST_DATA', None)
    try:
        assert run_tests.judge(test).failed == []
        os.environ['HSI_TEST_DATA'] = '/data'
        assert len(run_tests.judge(test).failed) == 1
    finally:
        os.environ.pop('HSI_TEST_DATA', None)
        if old is not None:
            os.environ['HSI_TEST_DATA'] = old


def layers():
    allowed = [('base/log.c', 'base/err.h'), ('model/frame.c', 'base/base.h'), ('track/track.c', 'bus/bus.h'),
               ('serve/api.c', 'store/store.h'), ('pipeline/pipeline.c', 'detect/detect.h'), ('cli/run.c', 'daemon.h')]
    refused = [('base/log.c', 'model/frame.h'), ('model/frame.c', 'bus/bus.h'), ('track/track.c', 'detect/detect.h'),
               ('track/track.c', 'config.h'), ('track/track.c', 'store/store.h'), ('serve/api.c', 'store/sqlite.h')]
    assert all(check_tree.may_include(*pair) for pair in allowed)
    assert not any(check_tree.may_include(*pair) for pair in refused)


class planted:
    """check_tree with one file that is not there."""

    def __init__(self, name, text):
        self.name, self.text, self.read = name, text, check_tree.read

    def __enter__(self):
        check_tree.read = lambda name: self.text if name == self.name else self.read(name)
        return [self.name]

    def __exit__(self, *_):
        check_tree.read = self.read


def found(check, name, text):
    with planted(name, text) as names:
        return [finding.split(': ', 1)[1] for finding in check(names)]


def long_functions_are_found():
    body = '\n'.join('    x++;' for _ in range(check_tree.FUNCTION_LINES_MAX + 1))
    text = 'static void grow(int x)\n{\n' + body + '\n}\n'
    assert found(check_tree.check_sizes, 'src/base/x.c', text) == ['grow has 71 lines; at most 70']
    assert found(check_tree.check_sizes, 'src/base/x.c', text.replace('    x++;\n', '', 1)) == []


def banned_calls_are_found_and_comments_are_not():
    text = 'void f(void)\n{\n    strcpy(a, b); /* sprintf(x) */ g("atoi(1)");\n    my_system(1);\n}\n'
    assert found(check_tree.check_banned, 'src/base/x.c', text) == ['strcpy is banned']


def foreign_words_are_found():
    for text in ['see /' + 'root/x\n', 'deb.' + 'debian.org\n', 'mkdir /' + 'tmp/x\n']:
        assert len(found(check_tree.check_foreign, 'README.md', text)) == 1, text
    assert found(check_tree.check_foreign, 'README.md', 'src/base, a/home/b, /etc/hsi, /var/lib/hsi\n') == []


def main():
    cases = [cases_are_counted, skips_keep_their_reason, a_broken_program_fails,
             a_skip_for_want_of_data_fails_where_the_data_is, layers, long_functions_are_found,
             banned_calls_are_found_and_comments_are_not, foreign_words_are_found]
    print(f'1..{len(cases)}')
    failed = 0
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f'ok {number} - {case.__name__}')
        except AssertionError:
            failed += 1
            print(f'not ok {number} - {case.__name__}')
            print(''.join('# ' + line + '\n' for line in traceback.format_exc().splitlines()))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
