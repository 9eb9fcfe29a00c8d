#!/usr/bin/env python3
"""Run the checks of the tree one by one and say of each whether it passed.

tools/check.py [--fast] BUILD runs what `make check` (or `make check-fast`) promises: cheap steps first.
The output of a step that failed is shown, that of all steps stays in BUILD/check/STEP.log.
"""
import argparse
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Sections that hold what a program may write to: no mutable globals means nothing of ours is in them.
WRITABLE_SECTIONS = ('.data', '.bss', '.tdata', '.tbss')


SPELLING_KNOWN = ['hsi', 'te', 'hist', 'bu', 'treshold', 'thershold', 'hodl', 'ans', 'fo', 'nd', 'ot', 'alls']
# cppcheck 2.10 does not know the cleanup attribute (AUTO), nor that a callee fills what it is given the
# address of; the compiler's own analysis, clang-tidy and the sanitizers cover both.
CPPCHECK_QUIET = ['missingIncludeSystem', 'unknownMacro', 'resourceLeak', 'memleak', 'uninitvar', 'ctuuninitvar',
                  'objectIndex',
                  'readdirCalled']  # readdir_r is deprecated; a folder handle is never shared by threads


class Failed(Exception):
    """A step found something; the text is shown."""


def output(command, folder='', **kwargs):
    try:
        done = subprocess.run(command, cwd=os.path.join(ROOT, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors='replace', stdin=subprocess.DEVNULL, check=False, **kwargs)
    except FileNotFoundError:
        raise Failed(f'{command[0]} is not installed; run tools/setup check') from None
    return done.returncode, done.stdout


def must(command, **kwargs):
    status, text = output(command, **kwargs)
    if status:
        raise Failed(text.rstrip() or f'{command[0]} ended with status {status}')
    return text


def files(*patterns):
    """Tracked and new files whose names match one of the suffixes."""
    status, text = output(['git', 'ls-files', '-co', '--exclude-standard'])
    if status:
        raise Failed(text)
    return [n for n in sorted(set(text.splitlines())) if n.endswith(patterns) and
            os.path.isfile(os.path.join(ROOT, n))]


def compile_flags(build):
    """Flags that a file of src/ is compiled with, without its own input and output."""
    with open(os.path.join(ROOT, build, 'compile_commands.json'), encoding='utf-8') as f:
        commands = json.load(f)
    for entry in commands:
        if 'libcore.a.p' in entry['command']:
            words = shlex.split(entry['command'])
            keep = [w for w in words[1:] if w.startswith(('-I', '-D', '-std', '-isystem', '-m', '-pthread'))]
            # meson writes -isystem and its folder as one word or as two.
            for i, word in enumerate(words):
                if word == '-isystem':
                    keep += ['-isystem', words[i + 1]]
            return [resolve(w, entry['directory']) for w in keep]
    raise Failed('compile_commands.json names no file of src/')


def resolve(flag, directory):
    match = re.match(r'(-I|-isystem)(.+)', flag)
    if match:
        return match.group(1) + os.path.join(directory, match.group(2))
    return flag


# ---- steps ---------------------------------------------------------------------------------------

def step_tree(build):
    return must([sys.executable, 'tools/check_tree.py'])


def step_format(build):
    status, text = output(['clang-format', '--dry-run', '--Werror', *files('.c', '.h')])
    if status:
        wrong = sorted(set(re.findall(r'^(\S+?):\d+:\d+: error', text, re.MULTILINE)))
        raise Failed('not laid out as .clang-format says (make format does it): ' + ' '.join(wrong or [text]))
    return text


def step_headers(build):
    """A header that needs another one to be included first is a trap for its next user."""
    flags = compile_flags(build)
    bad = []
    for name in files('.h'):
        if not name.startswith('src/'):
            continue
        status, text = output(['cc', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-x', 'c', '-Wno-unused',
                               *flags, '-include', name, '/dev/null'])
        if status:
            bad.append(f'{name} does not compile alone:\n{text}')
    if bad:
        raise Failed('\n'.join(bad))
    return 'all compile alone'


def step_globals(build):
    """State lives in structs; a writable global would be shared by every thread and every test."""
    with open(os.path.join(ROOT, build, 'compile_commands.json'), encoding='utf-8') as f:
        objects = [os.path.join(e['directory'], e['output']) for e in json.load(f) if e['file'].startswith('../src/')]
    bad = []
    for path in objects:
        if not os.path.exists(path):
            continue
        for line in must(['objdump', '-t', path]).splitlines():
            fields = line.split()
            if len(fields) >= 5 and fields[-3].startswith(WRITABLE_SECTIONS) and \
                    not fields[-3].startswith('.data.rel.ro') and ' O ' in line:
                bad.append(f'{os.path.relpath(path, ROOT)}: {fields[-1]} is a mutable global ({fields[-3]})')
    if bad:
        raise Failed('\n'.join(bad))
    return f'{len(objects)} objects have none'


def step_docs(build):
    """docs/config.md is what the option tables say about themselves."""
    status, text = output([os.path.join(build, 'hsi'), 'config', 'docs'])
    if status:
        raise Failed(text)
    path = os.path.join(ROOT, 'docs/config.md')
    have = open(path, encoding='utf-8').read() if os.path.exists(path) else ''
    if have != text:
        diff = ''.join(difflib.unified_diff(have.splitlines(True), text.splitlines(True), 'docs/config.md',
                                            'hsi config docs'))
        raise Failed(diff + f'\ndocs/config.md is stale: {build}/hsi config docs > docs/config.md')
    return 'docs/config.md is what the tables say'


def step_spelling(build):
    names = [n for n in files('.c', '.h', '.md', '.py', '.yaml', '.sql', '.ts', '.tsx', '.css', '.html')
             if not n.startswith(('tests/', 'fuzz/corpus/')) and not n.endswith('package-lock.json')]
    # Tests misspell on purpose: they test the suggestions.
    return must(['codespell', '--ignore-words-list', ','.join(SPELLING_KNOWN), *names])


def step_web(build):
    """esbuild drops types without looking at them; the compiler looks."""
    return must(['npm', 'run', '--silent', 'check'], folder='web')


def step_cppcheck(build):
    cache = os.path.join(ROOT, build, 'check', 'cppcheck')
    os.makedirs(cache, exist_ok=True)
    return must(['cppcheck', '--enable=warning,performance,portability', '--inline-suppr', '--quiet',
                 '--error-exitcode=1', '--std=c11', '--library=posix', f'--cppcheck-build-dir={cache}',
                 f'-j{jobs()}', *[f'--suppress={word}' for word in CPPCHECK_QUIET], '-Isrc',
                 '--template={file}:{line}: {severity}: {message} [{id}]', 'src'])


def step_tidy(build):
    """clang-tidy through its own runner where Debian ships it, so that all cores work.

    Without __NO_CTYPE glibc's tolower() is a macro with blocks inside, which counts as nesting."""
    names = [n for n in files('.c') if n.startswith('src/')]
    runner = shutil.which('run-clang-tidy') or shutil.which('run-clang-tidy-14')
    if runner is None:
        return must(['clang-tidy', '-quiet', '-extra-arg=-D__NO_CTYPE', '-p', build, *names])
    patterns = [os.path.join(ROOT, re.escape(n)) + '$' for n in names]
    status, text = output([runner, '-quiet', '-extra-arg=-D__NO_CTYPE', '-p', build, '-j', str(jobs()), *patterns])
    if status:
        kept = [l for l in text.splitlines() if not re.match(r'^(clang-tidy|\d+ warnings generated)', l)]
        raise Failed('\n'.join(kept))
    return text


def jobs():
    return max(1, int(os.environ.get('HSI_JOBS', len(os.sched_getaffinity(0)))))


def step_warnings(build):
    """Both compilers, as a release build, every warning an error. (Sanitizer builds warn where nothing is.)"""
    for compiler in ('gcc', 'clang'):
        folder = f'build-{compiler}'
        if not os.path.exists(os.path.join(ROOT, folder, 'build.ninja')):
            must(['meson', 'setup', folder, '--werror'], env={**os.environ, 'CC': compiler})
        must(['ninja', '-C', folder, f'-j{jobs()}'])
    return 'none from gcc and clang'


def sanitized(name, sanitize, environment, prefix=None):
    folder = f'build-{name}'
    if not os.path.exists(os.path.join(ROOT, folder, 'build.ninja')):
        must(['meson', 'setup', folder, f'-Db_sanitize={sanitize}', '-Db_lundef=false',
              '--buildtype=debugoptimized'])
    text = must(['ninja', '-C', folder, f'-j{jobs()}'])
    # A sanitizer slows a test down five to fifteen times.
    command = [sys.executable, 'tools/run_tests.py', folder, '--slow', '6']
    if prefix:
        command += ['--prefix', prefix]
    return text + must(command, env={**os.environ, **environment})


def step_asan(build):
    suppressions = os.path.join(ROOT, 'tests', 'lsan.supp')
    return sanitized('asan', 'address,undefined', {
        'ASAN_OPTIONS': 'detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1',
        'LSAN_OPTIONS': f'suppressions={suppressions}:print_suppressions=0',
        'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1'})


def step_tsan(build):
    suppressions = os.path.join(ROOT, 'tests', 'tsan.supp')
    # TSan wants its shadow memory at fixed addresses; kernels with 32 random bits put libraries there.
    prefix = None
    if shutil.which('setarch') and output(['setarch', '-R', 'true'])[0] == 0:
        prefix = 'setarch -R'
    return sanitized('tsan', 'thread', {
        'TSAN_OPTIONS': f'suppressions={suppressions}:print_suppressions=0:second_deadlock_stack=1:exitcode=66'},
        prefix)


FAST = [('tree', step_tree), ('format', step_format), ('headers', step_headers), ('globals', step_globals),
        ('docs', step_docs), ('spelling', step_spelling), ('web', step_web), ('cppcheck', step_cppcheck)]
SLOW = [('warnings', step_warnings), ('tidy', step_tidy), ('asan+ubsan', step_asan), ('tsan', step_tsan)]


def run_step(name, step, build, logs):
    started = time.monotonic()
    print(f'{name:12}', end='', flush=True)
    try:
        text, verdict = step(build) or '', 'ok'
    except Failed as failure:
        text, verdict = str(failure), 'FAILED'
    with open(os.path.join(logs, name + '.log'), 'w', encoding='utf-8') as log:
        log.write(text)
    last = text.strip().splitlines()[-1] if text.strip() and name in ('asan+ubsan', 'tsan', 'warnings') else ''
    print(f'{verdict:7} {time.monotonic() - started:6.1f} s  {last}', flush=True)
    if verdict != 'ok':
        print(text.rstrip() + '\n', flush=True)
    return verdict == 'ok'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--fast', action='store_true', help='only the steps that take seconds')
    parser.add_argument('--only', help='comma separated names of steps')
    parser.add_argument('build')
    args = parser.parse_args()
    logs = os.path.join(ROOT, args.build, 'check')
    os.makedirs(logs, exist_ok=True)
    steps = FAST if args.fast else FAST + SLOW
    if args.only:
        steps = [s for s in FAST + SLOW if s[0] in args.only.split(',')]
    failed = [name for name, step in steps if not run_step(name, step, args.build, logs)]
    if failed:
        print(f'check FAILED: {", ".join(failed)}')
        return 1
    print(f'check ok: {len(steps)} steps')
    return 0


if __name__ == '__main__':
    sys.exit(main())
