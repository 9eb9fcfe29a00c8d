"""Cases that print TAP, and the program under test.

A case is a function under @case('what is true'). It fails by raising (assert, or anything else), is skipped by
raising Skip, and needs a docstring only where its name does not say all. run() prints and gives the exit status.

HSI names the program, HSI_TEST_DATA the folder with models and clips, HSI_TEST_SLOW=1 adds the cases that take
minutes.
"""
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HSI = os.environ.get('HSI', '')
DATA = os.environ.get('HSI_TEST_DATA', '')
SLOW = os.environ.get('HSI_TEST_SLOW', '') not in ('', '0')
NO_DATA = 'HSI_TEST_DATA is not set'
LONGEST_S = 300  # no command of a test takes longer, even where everything else runs as well

_cases = []


class Skip(Exception):
    """This case cannot run here; the text says why."""


def case(name, data=False, slow=False):
    """data: needs HSI_TEST_DATA; slow: runs only with HSI_TEST_SLOW."""
    def register(function):
        _cases.append((name, function, data, slow))
        return function
    return register


def cases_of(table, name, data=False):
    """One case for each row of a table; name is a format for the row's first member."""
    def register(function):
        for row in table:
            case(name.format(row[0]), data=data)(lambda row=row: function(*row))
        return function
    return register


def data(name):
    path = os.path.join(DATA, name)
    if not os.path.exists(path):
        raise AssertionError(f'HSI_TEST_DATA has no {name}')
    return path


def folder():
    """An empty folder that goes away with the tests."""
    path = tempfile.mkdtemp(prefix='hsi-e2e-')
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def write(path, text, mode=0o644):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def sanitized():
    """The sanitizer the program was built with: it is several times slower then."""
    with open(HSI, 'rb') as program:
        content = program.read()
    return next((s for s in ('tsan', 'asan') if b'__' + s.encode() + b'_init' in content), None)


def patience():
    """How much longer than usual to wait."""
    return 6 if sanitized() else 1


def clean_environment(**more):
    """Nothing of this machine's own configuration, models or time zone reaches the program."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(('HSI_', 'XDG_'))}
    home = folder()
    suppressions = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lsan.supp')
    env['LSAN_OPTIONS'] = f'suppressions={suppressions}:print_suppressions=0'
    env.update(HOME=home, HSI_MODELS=os.path.join(home, 'models'), TZ='UTC', LC_ALL='C.UTF-8', **more)
    return env


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __str__(self):
        return f'hsi {" ".join(self.args)}\nexit {self.code}\nstdout: {self.out[:1500]}\nstderr: {self.err[:1500]}'


def hsi(*args, env=None, cwd=None, timeout=LONGEST_S):
    """Runs the program to its end. A signal's death or a sanitizer's report fails the case at once."""
    args = [str(a) for a in args]
    done = subprocess.run([HSI, *args], env=env or clean_environment(), cwd=cwd or folder(), timeout=timeout,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace')
    result = Result(args, done.returncode, done.stdout, done.stderr)
    assert done.returncode in (0, 1, 2), f'not an exit code of hsi:\n{result}'
    return result


def expect(result, code, *, out=(), err=(), quiet_out=False):
    """The exit code, and texts that the streams contain (case does not matter)."""
    assert result.code == code, f'exit code {code} expected:\n{result}'
    for stream, texts in (('out', out), ('err', err)):
        for text in [texts] if isinstance(texts, str) else texts:
            assert text.lower() in getattr(result, stream).lower(), f'std{stream} lacks {text!r}:\n{result}'
    assert not (quiet_out and result.out), f'nothing was to be on stdout:\n{result}'
    return result


def analyze(*args, env=None):
    """The document of hsi analyze --json."""
    return json.loads(expect(hsi('analyze', '--json', *args, env=env), 0).out)


def wait_for(what, condition, seconds, every=0.1):
    """The first true value of condition, which may raise as long as it cannot be told; a failed assertion is final."""
    end = time.monotonic() + seconds * patience()
    complaint = ''
    while time.monotonic() < end:
        try:
            value = condition()
            if value:
                return value
        except AssertionError:
            raise
        except Exception as error:  # a server that is not there yet
            complaint = f' ({error})'
        time.sleep(every)
    raise AssertionError(f'no {what} within {seconds * patience():g} s{complaint}')


def end(process, number=signal.SIGKILL):
    if process and process.poll() is None:
        process.send_signal(number)
        process.wait(30)


def _run_case(number, name, function, needs_data, slow):
    try:
        if needs_data and not DATA:
            raise Skip(NO_DATA)
        if slow and not SLOW:
            raise Skip('HSI_TEST_SLOW is not set')
        function()
    except Skip as reason:
        print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        return True
    except Exception as error:
        print(f'not ok {number} - {name}')
        said = isinstance(error, AssertionError) and str(error)
        for line in said.splitlines()[:40] if said else traceback.format_exc().splitlines()[-12:]:
            print(f'#   {line}')
        sys.stdout.flush()
        return False
    print(f'ok {number} - {name}', flush=True)
    return True


def run():
    if not HSI:
        print('1..0 # SKIP HSI does not name the program')
        return 0
    if not os.access(HSI, os.X_OK):
        print(f'1..1\nnot ok 1 - HSI names no program: {HSI}')
        return 1
    print(f'1..{len(_cases)}', flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # out of patience: still put things away
    passed = [_run_case(i, *c) for i, c in enumerate(_cases, 1)]
    return 0 if all(passed) else 1
