#!/usr/bin/env python3
"""The rules of the tree that a machine can check. Prints file:line: what, and exits 1 when there is any.

Each rule is one function below that yields findings; CONTRIBUTING.md says why they exist.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
FILE_BYTES_MAX = 1 << 20

# Rooms in the order data flows: src/meson.build and src/README.md list them in this order.
FOUNDATIONS = ['base', 'model']
STAGES = ['capture', 'gate', 'decode', 'motion', 'detect', 'track', 'batch', 'risk', 'record', 'store', 'bus',
          'notify', 'script', 'serve', 'inspect']
# These see every room: they wire the stages together, or print what they did.
SEES_ALL = ['main.c', 'daemon.c', 'daemon.h', 'config.c', 'config.h']
SEES_ALL_ROOMS = ['pipeline', 'cli']
EXTRA = {
    'serve': ['store/store.h'],
    'notify': ['store/store.h'],
    'risk': ['store/store.h', 'script/script.h'],
}

BANNED = ('gets strcpy strcat sprintf vsprintf strtok atoi atol atof system popen usleep sleep alloca '
          'signal localtime gmtime asctime ctime rand srand setlocale').split()
BANNED_HEADERS = ['threads.h', 'assert.h']
# Paths of one machine, and hosts of package registries, which belong to the machine's own configuration.
FOREIGN = [
    (re.compile(r'(?<![\w.*-])/(?:work|root|home)/[\w.]'), 'a path of one machine'),
    (re.compile(r'/tmp/[a-z]'), 'a fixed path under /tmp (use mkdtemp)'),
    (re.compile(r'\b(?:deb|security|ftp)\.debian\.org|\bregistry\.(?:npmjs|yarnpkg)\b|\bpypi\.org'),
     'a registry host (package names only)'),
]
FOREIGN_ALLOWED = {'tools/check_tree.py'}

TEXT_SUFFIXES = ('.c', '.h', '.py', '.md', '.build', '.txt', '.yaml', '.yml', '.ts', '.tsx', '.js', '.mjs',
                 '.css', '.html', '.json', '.sql', '.supp', '.sh', '.service')


def tracked_files():
    """Files of the repository: what git tracks or would track, so that a new file is checked too."""
    try:
        out = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '-z'], cwd=ROOT, check=True,
                             capture_output=True).stdout
        names = [n for n in out.decode().split('\0') if n]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [d for d in folders if not d.startswith(('build', '.')) and
                          d not in ('deps', 'node_modules')]
            names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(ROOT, n)))


def is_text(name):
    return name.endswith(TEXT_SUFFIXES) or os.path.basename(name) in ('Makefile', 'setup', 'run', 'LICENSE')


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8', errors='surrogateescape') as f:
        return f.read()


def without_comments_and_strings(text):
    """Blank out comments, strings and characters, keeping every newline where it was."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
    return pattern.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def sources(names, *suffixes):
    return [n for n in names if n.startswith('src/') and n.endswith(suffixes)]


# ---- layers --------------------------------------------------------------------------------------

def may_include(source, included):
    """source and included are paths below src/."""
    room = source.split('/')[0]
    target = included.split('/')[0]
    if '/' not in source:
        return source in SEES_ALL
    if room in SEES_ALL_ROOMS:
        return True
    if '/' not in included:
        return False
    if room == 'base':
        return target == 'base'
    if room == 'model':
        return target in FOUNDATIONS
    return target in FOUNDATIONS + ['bus', room] or included in EXTRA.get(room, [])


def check_layers(names):
    for name in sources(names, '.c', '.h'):
        for number, line in enumerate(read(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            source, included = name[len('src/'):], match.group(1)
            if not os.path.isfile(os.path.join(ROOT, 'src', included)):
                yield f'{name}:{number}: "{included}" is not a path below src/ (includes are rooted there)'
            elif not may_include(source, included):
                yield f'{name}:{number}: {source} may not include {included} (layer rule, ARCHITECTURE.md)'


def check_rooms(names):
    known = FOUNDATIONS + STAGES + SEES_ALL_ROOMS
    for name in sources(names, '.c', '.h'):
        parts = name.split('/')
        if len(parts) == 3 and parts[1] not in known:
            yield f'{name}:1: unknown room {parts[1]}; add it to the layer rule in tools/check_tree.py'
        if len(parts) == 2 and parts[1] not in SEES_ALL:
            yield f'{name}:1: a new file beside main.c; put it into a room'
    text = read('src/meson.build')
    listed = re.findall(r"'([\w/]+\.c)'", text)
    for block in re.findall(r'files\((.*?)\)', text, re.DOTALL):
        rooms = [f.split('/')[0] for f in re.findall(r"'(\w+/\w+\.c)'", block)]
        order = [known.index(room) for room in rooms if room in FOUNDATIONS + STAGES]
        if order != sorted(order):
            yield 'src/meson.build:1: rooms are not in the order data flows'
    for name in sources(names, '.c'):
        if name[len('src/'):] not in listed:
            yield f'{name}:1: not listed in src/meson.build'


# ---- tests mirror the sources --------------------------------------------------------------------

def untested():
    """tests/untested.txt: a source file, a colon, and why it has no test file of its own name."""
    result = {}
    for number, line in enumerate(read('tests/untested.txt').splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        path, _, reason = line.partition(':')
        result[path.strip()] = (number, reason.strip())
    return result


def has_test(names, path):
    """tests/ROOM/test_NAME.c, or the test of the larger thing it is a part of: test_conf.c for conf_yaml.c,
    capture/test_scene.c for capture/scene/people.c."""
    room, _, file = path.rpartition('/')
    parts = file[:-len('.c')].split('_')
    if os.path.join('tests', os.path.dirname(room), f'test_{os.path.basename(room)}.c') in names:
        return True
    return any(os.path.join('tests', room, f'test_{"_".join(parts[:n])}.c') in names
               for n in range(1, len(parts) + 1))


def check_mirror(names):
    excused = untested()
    registered = read('tests/meson.build')
    for name in sources(names, '.c'):
        path = name[len('src/'):]
        tested = has_test(names, path)
        if not tested and path not in excused:
            yield f'{name}:1: has no test_*.c in tests/, and no reason in tests/untested.txt'
        if tested and path in excused:
            yield f'tests/untested.txt:{excused[path][0]}: {path} has a test now'
    for path, (number, reason) in excused.items():
        if 'src/' + path not in names:
            yield f'tests/untested.txt:{number}: there is no src/{path}'
        elif not reason:
            yield f'tests/untested.txt:{number}: {path} has no reason'
        for test in re.findall(r'tests/[\w/]+\.\w+', reason):
            if test not in names:
                yield f'tests/untested.txt:{number}: there is no {test}'
    for name in names:
        if re.match(r'tests/.*/?test_\w+\.(c|py)$', name) and name[len('tests/'):] not in registered:
            yield f'{name}:1: not registered in tests/meson.build'


# ---- sizes ---------------------------------------------------------------------------------------

def functions(text):
    """(name, first line, lines) of every function: clang-format puts its braces into column one."""
    lines = text.splitlines()
    start = None
    for i, line in enumerate(lines):
        if line == '{' and i > 0 and lines[i - 1].rstrip().endswith(')'):
            start = i
        elif line == '}' and start is not None:
            head = ' '.join(lines[max(0, start - 4):start])
            name = re.findall(r'(\w+)\s*\(', head)
            yield (name[-1] if name else '?'), start + 1, i - start - 1
            start = None


def check_sizes(names):
    for name in names:
        if not name.endswith(('.c', '.h')):
            if is_text(name) and name.endswith('.py') and len(read(name).splitlines()) > FILE_LINES_MAX:
                yield f'{name}:1: longer than {FILE_LINES_MAX} lines'
            continue
        text = read(name)
        count = len(text.splitlines())
        if count > FILE_LINES_MAX:
            yield f'{name}:1: {count} lines; at most {FILE_LINES_MAX}'
        for function, line, length in functions(without_comments_and_strings(text)):
            if length > FUNCTION_LINES_MAX:
                yield f'{name}:{line}: {function} has {length} lines; at most {FUNCTION_LINES_MAX}'


# ---- words ---------------------------------------------------------------------------------------

def check_banned(names):
    call = re.compile(r'(?<![\w.>])(' + '|'.join(BANNED) + r')\s*\(')
    for name in names:
        if not name.endswith(('.c', '.h')):
            continue
        text = without_comments_and_strings(read(name))
        for match in call.finditer(text):
            yield f'{name}:{line_of(text, match.start())}: {match.group(1)} is banned'
        for number, line in enumerate(read(name).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*<([^>]+)>', line)
            if match and match.group(1) in BANNED_HEADERS:
                yield f'{name}:{number}: <{match.group(1)}> is banned'
            if re.search(r'\b(TODO|FIXME|XXX)\b', line):
                yield f'{name}:{number}: an unfinished note; finish it or open an issue'


def check_foreign(names):
    for name in names:
        if not is_text(name) or name in FOREIGN_ALLOWED:
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            for pattern, what in FOREIGN:
                if pattern.search(line):
                    yield f'{name}:{number}: names {what}'


def check_text(names):
    for name in names:
        size = os.path.getsize(os.path.join(ROOT, name))
        if size > FILE_BYTES_MAX:
            yield f'{name}:1: {size} bytes; large files do not belong into git'
        # Configurations that are wrong on purpose are wrong in this way too.
        if not is_text(name) or name.startswith('tests/config/bad/'):
            continue
        text = read(name)
        if '\r' in text:
            yield f'{name}:1: has carriage returns'
        if text and not text.endswith('\n'):
            yield f'{name}:{len(text.splitlines())}: no newline at the end'
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip() and not name.endswith('.md'):
                yield f'{name}:{number}: white space at the end of the line'


# ---- headers, fuzz targets, documents ------------------------------------------------------------

def check_headers(names):
    for name in names:
        if name.endswith('.h') and '#pragma once' not in read(name):
            yield f'{name}:1: no #pragma once'


def check_fuzz(names):
    for name in names:
        match = re.match(r'fuzz/(\w+)\.c$', name)
        if not match or match.group(1) == 'replay':
            continue
        target = match.group(1)
        if not any(n.startswith(f'fuzz/corpus/{target}/') for n in names):
            yield f'{name}:1: no corpus in fuzz/corpus/{target}/'
        if f"'{target}'" not in read('fuzz/meson.build'):
            yield f'{name}:1: not listed in fuzz/meson.build'


def check_links(names):
    for name in names:
        if not name.endswith('.md'):
            continue
        text = read(name)
        for match in re.finditer(r'\]\(([^)\s#]+)(?:#[^)]*)?\)', text):
            target = match.group(1)
            if re.match(r'[a-z]+:', target):
                continue
            path = os.path.normpath(os.path.join(ROOT, os.path.dirname(name), target))
            if not os.path.exists(path):
                yield f'{name}:{line_of(text, match.start())}: link to {target}, which does not exist'


CHECKS = [check_layers, check_rooms, check_mirror, check_sizes, check_banned, check_foreign, check_text,
          check_headers, check_fuzz, check_links]


def main():
    names = tracked_files()
    count = 0
    for check in CHECKS:
        for finding in check(names):
            print(finding)
            count += 1
    if count:
        print(f'{count} findings')
    return 1 if count else 0


if __name__ == '__main__':
    sys.exit(main())
