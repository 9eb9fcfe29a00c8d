#!/usr/bin/env python3
"""The command line as a person meets it: usage, typing mistakes, files that are not what they should be."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
from tap import Skip, case, cases_of, clean_environment, data, end, expect, folder, hsi, run, write  # noqa: E402

COMMANDS = ['run', 'demo', 'analyze', 'model', 'config', 'fsck']
CAMERA = 'cameras:\n  porch:\n    url: scene\n'


@case('without a command: the commands on stderr, exit 2')
def _():
    expect(hsi(), 2, err=['usage: hsi COMMAND', *COMMANDS], quiet_out=True)


@cases_of([('--help',), ('-h',), ('help',)], 'hsi {}: the commands and the exit codes on stdout, exit 0')
def _(flag):
    result = expect(hsi(flag), 0, out=['usage: hsi COMMAND', 'exit codes: 0', *COMMANDS])
    assert not result.err, result


@cases_of([('--version',), ('-V',), ('version',)], 'hsi {}: one line, name and number')
def _(flag):
    result = expect(hsi(flag), 0, out='hsi ')
    assert result.out.count('\n') == 1 and result.out.split()[1][0].isdigit(), result


# Every command explains itself, its flags included.
@cases_of([
    ('run', '--config'), ('demo', '--port'), ('analyze', '--model'), ('model', 'install'), ('model install', '--name'),
    ('model list', 'usage'), ('model test', '--output'), ('config', 'check'), ('config check', 'FILE'),
    ('config show', 'FILE'), ('config docs', 'usage'), ('fsck', '--repair'),
], 'hsi {} --help')
def _(command, word):
    result = expect(hsi(*command.split(), '--help'), 0, out=['usage: hsi ' + command.split()[0], word])
    assert not result.err, result


# What was typed, and what the answer must contain.
@cases_of([
    ('analize', "did you mean 'analyze'"),
    ('rnu', "did you mean 'run'"),
    ('xyzzyplugh', 'hsi --help'),
    ('model tset', "did you mean 'model test'"),
    ('config chekc', "config check"),
    ('model', 'usage: hsi model install'),
    ('config', 'hsi config check FILE'),
    ('analyze --modle x clip.mp4', 'did you mean --model'),
    ('analyze --jsno clip.mp4', 'did you mean --json'),
    ('analyze --model', '--model'),
    ('analyze', 'INPUT... is missing'),
    ('fsck --repiar', 'did you mean --repair'),
    ('run --prot 80', 'did you mean --port'),
    ('run --port eighty', 'eighty'),
    ('run --port 70000', '65535'),
    ('run --log-level loud', 'info'),
    ('run surplus', 'surplus'),
    ('model test only-one', 'IMAGE'),
    ('model test a b c', 'c'),
    ('model test --threshold 2 a b', '1'),
    ('config check', 'FILE is missing'),
    ('run --config nowhere.yaml', 'nowhere.yaml'),
    ('config check nowhere.yaml', 'nowhere.yaml'),
    ('config show nowhere.yaml', 'nowhere.yaml'),
    ('analyze --start yesterday clip.mp4', '2026-11-20T22:15:00'),
    ('analyze --model nowhere scene', 'nowhere'),
    ('analyze --zones nowhere.yaml scene', 'nowhere.yaml'),
    ('model install nowhere.onnx', 'nowhere.onnx'),
    ('model install http://127.0.0.1:9/x.onnx', 'only https://'),
    ('model install ftp://me:hush@127.0.0.1/x.onnx', 'only https://'),
    ('analyze -', 'standard input'),
], 'wrong usage, hsi {}')
def _(line, answer):
    result = expect(hsi(*line.split()), 2, err=answer, quiet_out=True)
    assert 'hush' not in result.err, 'a password in an address is shown'


def not_a_video():
    here = folder()
    write(os.path.join(here, 'text.mp4'), 'Dear diary, no video today.\n')
    write(os.path.join(here, 'empty.mp4'), '')
    os.mkdir(os.path.join(here, 'folder.mp4'))
    return here


@cases_of([
    ('missing.mp4', 'no such file'), ('folder.mp4', 'is a folder'), ('http://127.0.0.1:9/x.mp4', 'is a camera'),
    ('rtsp://127.0.0.1:9/x', 'hsi run watches'), ('folder:/nowhere', 'is a camera'),
    ('scene:street', 'seed'),
], 'analyze {}: names it, says why, exit 2')
def _(name, why):
    expect(hsi('analyze', '--json', name, cwd=not_a_video()), 2, err=[name, why], quiet_out=True)


@cases_of([('text.mp4',), ('empty.mp4',)], 'analyze {}: names it, says why, exit 1')
def _(name):
    here = not_a_video()
    result = expect(hsi('analyze', name, cwd=here), 1, err=f'hsi: {name}: cannot open: invalid data', quiet_out=True)
    assert result.err.count(name) == 1, result
    doc = json.loads(expect(hsi('analyze', '--json', name, cwd=here), 1, err=name).out)
    assert doc['events'] == doc['tracks'] == [] and len(doc['errors']) == 1, doc
    assert doc['errors'][0]['input'] == name and doc['errors'][0]['message'].startswith('cannot open: '), doc


@case('analyze: the password of an address that is refused stays secret')
def _():
    result = expect(hsi('analyze', 'http://admin:se#cret77@127.0.0.1:9/x'), 2, err='***@127.0.0.1', quiet_out=True)
    assert 'cret77' not in result.err, result


@case('analyze: bad inputs among good ones cost nothing but the exit code', data=True)
def _():
    here = not_a_video()
    shutil.copy(data('dog.jpg'), os.path.join(here, 'dog.jpg'))
    inputs = ['text.mp4', 'dog.jpg', 'empty.mp4']
    result = expect(hsi('analyze', *inputs, cwd=here), 1, out='0 events; 1 frame',
                    err=['hsi: text.mp4: cannot open', 'hsi: empty.mp4: cannot open'])
    assert 'dog' not in result.err, result
    doc = json.loads(expect(hsi('analyze', '--json', *inputs, cwd=here), 1).out)
    assert [e['input'] for e in doc['errors']] == ['text.mp4', 'empty.mp4'] and doc['timing']['frames'] == 1, doc
    assert json.loads(expect(hsi('analyze', '--json', 'dog.jpg', cwd=here), 0).out)['errors'] == []


@case('analyze --config: with secrets beside it and a time zone of its own', data=True)
def _():
    here = folder()
    path = write(os.path.join(here, 'hsi.yaml'),
                 'cameras:\n  porch:\n    url: rtsp://cam/1\n    username: me\n    password: !secret porch\n'
                 'risk:\n  timezone: Pacific/Auckland\n')
    expect(hsi('analyze', '--config', path, data('dog.jpg')), 2, err="porch", quiet_out=True)
    write(os.path.join(here, 'secrets.yaml'), 'porch: hush-hush\n', 0o600)
    expect(hsi('analyze', '--config', path, data('dog.jpg')), 0, out='1 frame')


@case('analyze --snapshots: a folder that cannot be made is noticed first')
def _():
    here = not_a_video()
    expect(hsi('analyze', '--snapshots', 'text.mp4/x', 'scene', cwd=here), 1, err='text.mp4', quiet_out=True)


@case('analyze: a missing second input is named', data=True)
def _():
    expect(hsi('analyze', data('person-walk.mp4'), 'missing.mp4'), 2, err='missing.mp4', quiet_out=True)


@case('analyze: a picture is a clip of one frame', data=True)
def _():
    expect(hsi('analyze', data('dog.jpg')), 0, out='0 events; 1 frame')


@case('analyze: a recording cut off in the middle is analysed as far as it goes, exit 1', data=True)
def _():
    cut = os.path.join(folder(), 'cut.mp4')
    with open(data('person-walk.mp4'), 'rb') as whole, open(cut, 'wb') as part:
        part.write(whole.read(400_000))
    expect(hsi('analyze', cut), 1, out='1 event;', err=['cut.mp4', 'cut off'])
    expect(hsi('analyze', '--json', cut), 1, out='"events":[{', err='cut.mp4')


@case('analyze: a recording cut off before its first picture is refused', data=True)
def _():
    cut = os.path.join(folder(), 'cut.mp4')
    with open(data('person-walk.mp4'), 'rb') as whole, open(cut, 'wb') as part:
        part.write(whole.read(2_000))
    expect(hsi('analyze', cut), 1, err='cut.mp4', quiet_out=True)


@case('analyze: a file name with colons and spaces is a file name', data=True)
def _():
    here = folder()
    for name in ('12:30 door.jpg', 'http:x.jpg'):
        shutil.copy(data('dog.jpg'), os.path.join(here, name))
        expect(hsi('analyze', name, cwd=here), 0, out='1 frame')


@case('analyze: a file name that begins with a dash, after --', data=True)
def _():
    here = folder()
    shutil.copy(data('dog.jpg'), os.path.join(here, '-dog.jpg'))
    expect(hsi('analyze', '--', '-dog.jpg', cwd=here), 0, out='1 frame')


@cases_of([('zones:\n  door: {kind: entri, polygon: [[0, 0], [1, 0], [1, 1]]}\n', ['zones.yaml:2:', 'entry']),
           ('zonez:\n  door: {kind: entry, polygon: [[0, 0], [1, 0], [1, 1]]}\n', ['zones.yaml:1:', "'zones'"]),
           ('zones:\n  door: {kind: entry, polygon: [[0, 0], [1, 0]]}\n', ['zones.yaml:2:', '3']),
           ], 'analyze --zones with a mistake: {!r}')
def _(text, answers):
    here = folder()
    write(os.path.join(here, 'zones.yaml'), text)
    expect(hsi('analyze', '--zones', 'zones.yaml', 'scene', cwd=here), 2, err=answers, quiet_out=True)


@case('model test without such a model: what it would be called and where', data=True)
def _():
    expect(hsi('model', 'test', 'nowhere', data('dog.jpg')), 2, err=["'nowhere'", 'model install'], quiet_out=True)


@case('without a model: motion only, and that is said', data=True)
def _():
    expect(hsi('analyze', data('dog.jpg')), 0, err=['motion only', 'model'])


def broken_models():
    here = folder()
    write(os.path.join(here, 'text.onnx'), 'not a network\n')
    write(os.path.join(here, 'empty.onnx'), '')
    with open(data('yolo26n-320.onnx'), 'rb') as whole, open(os.path.join(here, 'cut.onnx'), 'wb') as part:
        part.write(whole.read(3_000_000))
    return here


BROKEN = [('text.onnx',), ('empty.onnx',), ('cut.onnx',)]


@cases_of(BROKEN, 'model test {}: refused with what to do', data=True)
def _(name):
    expect(hsi('model', 'test', name, data('dog.jpg'), cwd=broken_models()), 2, err=[name, 'ONNX'], quiet_out=True)


@cases_of(BROKEN, 'analyze --model {}: refused', data=True)
def _(name):
    expect(hsi('analyze', '--model', name, data('dog.jpg'), cwd=broken_models()), 2, err=name, quiet_out=True)


@cases_of(BROKEN, 'model install {}: refused, nothing is left behind', data=True)
def _(name):
    env = clean_environment()
    expect(hsi('model', 'install', name, env=env, cwd=broken_models()), 2, quiet_out=True)
    assert not os.path.isdir(env['HSI_MODELS']) or os.listdir(env['HSI_MODELS']) == [], os.listdir(env['HSI_MODELS'])


@cases_of([('text.jpg', 'does not decode'), ('missing.jpg', 'no such file'), ('empty.jpg', 'invalid data')],
          'model test with {} as the picture', data=True)
def _(name, why):
    here = folder()
    write(os.path.join(here, 'text.jpg'), 'no picture')
    write(os.path.join(here, 'empty.jpg'), '')
    expect(hsi('model', 'test', data('yolo26n-320.onnx'), name, cwd=here), 2, err=[name, why], quiet_out=True)


@case('a model is installed, listed, and used by its name', data=True)
def _():
    env = clean_environment()
    expect(hsi('model', 'install', data('yolo26n-320.onnx'), '--name', 'small', env=env), 0,
           out=['installed', 'model: small'])
    expect(hsi('model', 'list', env=env), 0, out=['small', env['HSI_MODELS']])
    expect(hsi('model', 'test', 'small', data('dog.jpg'), env=env), 0, out=['dog', 'bicycle'])
    expect(hsi('model', 'test', 'smal', data('dog.jpg'), env=env), 2, err='smal')
    assert os.listdir(env['HSI_MODELS']) == ['small.onnx']


@case('model install: what cannot be read to its end is not installed')
def _():
    env, here = clean_environment(), folder()
    expect(hsi('model', 'install', here, '--name', 'folder', env=env), 1, err='cannot read', quiet_out=True)
    assert os.listdir(env['HSI_MODELS']) == [], os.listdir(env['HSI_MODELS'])


@case('a broken file does not replace a good model of the same name', data=True)
def _():
    env = clean_environment()
    expect(hsi('model', 'install', data('yolo26n-320.onnx'), '--name', 'small', env=env), 0)
    expect(hsi('model', 'install', 'text.onnx', '--name', 'small', env=env, cwd=broken_models()), 2)
    expect(hsi('model', 'test', 'small', data('dog.jpg'), env=env), 0, out='dog')


@cases_of([('../evil',), ('.hidden',), ('a/b',)], 'model install --name {}: not a name', data=True)
def _(name):
    env = clean_environment()
    expect(hsi('model', 'install', data('yolo26n-320.onnx'), '--name', name, env=env), 2, err=name)
    assert not os.path.isdir(env['HSI_MODELS']) or os.listdir(env['HSI_MODELS']) == []


@case('model list without models: where they would be')
def _():
    env = clean_environment()
    expect(hsi('model', 'list', env=env), 0, out=env['HSI_MODELS'])


@case('config check: a good file')
def _():
    path = write(os.path.join(folder(), 'hsi.yaml'), CAMERA)
    result = expect(hsi('config', 'check', path), 0, out=['ok', '1 camera'])
    assert not result.err, result


@case('config check: every mistake with line, column, caret and the word that was meant')
def _():
    path = write(os.path.join(folder(), 'hsi.yaml'), CAMERA + 'detect:\n  treshold: 0.4\n  fps: fast\n')
    expect(hsi('config', 'check', path), 2, err=[f'{path}:5:3:', "'threshold'", '^', f'{path}:6:', 'fast'],
           quiet_out=True)


@case('config check: a secret that is missing, and a secrets file that others may read')
def _():
    here = folder()
    path = write(os.path.join(here, 'hsi.yaml'), CAMERA + '    password: !secret porch_password\n')
    expect(hsi('config', 'check', path), 2, err=['porch_password', f'{path}:4:'])
    secrets = write(os.path.join(here, 'secrets.yaml'), 'porch_password: hush-hush\n', 0o644)
    result = expect(hsi('config', 'check', path), 2, err=['secrets.yaml', 'chmod'])
    assert 'hush-hush' not in result.err + result.out, result
    os.chmod(secrets, 0o600)
    expect(hsi('config', 'check', path), 0)


@case('config show: defaults included, secrets blanked, and it reads back')
def _():
    here = folder()
    path = write(os.path.join(here, 'hsi.yaml'),
                 'cameras:\n  porch:\n    url: rtsp://me:topsecret@10.0.0.1/x\n    password: hush-hush\n')
    result = expect(hsi('config', 'show', path), 0, out=['porch', '***', 'threshold'])
    assert 'hush-hush' not in result.out and 'topsecret' not in result.out, result
    shown = write(os.path.join(here, 'shown.yaml'), result.out)
    expect(hsi('config', 'check', shown), 0)


@case('run with a faulty configuration: all mistakes, exit 2, nothing started')
def _():
    here = folder()
    path = write(os.path.join(here, 'hsi.yaml'), CAMERA + 'server:\n  port: 99999\nrisk:\n  nigth: never\n')
    expect(hsi('run', '--config', path, '--data', os.path.join(here, 'data')), 2, err=['65535', "'night'"],
           quiet_out=True)
    assert os.listdir(here) == ['hsi.yaml']


@cases_of([('0.0.0.0',), ('::',), ('192.168.1.2',)], 'run on address {}: refused as long as there is no login')
def _(address):
    here = folder()
    path = write(os.path.join(here, 'hsi.yaml'), CAMERA + f'server:\n  listen: "{address}"\n')
    result = hsi('run', '--config', path, '--data', os.path.join(here, 'data'), timeout=30)
    assert result.code in (1, 2) and address in result.err, result


@case('output into a closed pipe ends quietly')
def _():
    if not shutil.which('head'):
        raise Skip('there is no head')
    env = dict(clean_environment(), HSI=os.environ['HSI'])
    done = subprocess.run(['sh', '-c', '"$HSI" config docs | head -n 1'], env=env, capture_output=True, text=True,
                          timeout=30)
    assert done.stdout.startswith('#') and done.stderr == '', done


@cases_of([
    ('no folder', None, 2, 'no store at'),
    ('an empty file', b'', 1, 'version 0'),
    ('no database', b'x' * 5000, 1, 'not a database'),
    ('half a database', b'SQLite format 3\0' + bytes(500), 1, 'hsi.db'),
], 'fsck on {}: said in a sentence')
def _(_name, content, code, expected):
    data_folder = folder()
    if content is not None:
        with open(os.path.join(data_folder, 'hsi.db'), 'wb') as file:
            file.write(content)
    for flags in [], ['--repair'] if code == 2 or content[:1] == b'x' else []:
        expect(hsi('fsck', '--data', data_folder, *flags), code, err=expected, quiet_out=True)


def tamper(data_folder, sql):
    db = sqlite3.connect(os.path.join(data_folder, 'hsi.db'), timeout=30)
    db.execute(sql)
    db.commit()
    db.close()


@case('fsck: beside a running hsi it only looks; damage is told, mended, and gone')
def _():
    here = folder()
    data_folder = os.path.join(here, 'data')
    config = write(os.path.join(here, 'hsi.yaml'), CAMERA)
    process = subprocess.Popen([os.environ['HSI'], 'run', '--config', config, '--data', data_folder, '--port', '0'],
                               env=clean_environment(), cwd=here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        assert 'http://' in process.stdout.readline()
        expect(hsi('fsck', '--data', data_folder), 0, out=['nothing is wrong', f'process {process.pid}'])
        expect(hsi('fsck', '--data', data_folder, '--repair'), 1, err=['another hsi', str(process.pid)], quiet_out=True)
    finally:
        end(process, signal.SIGTERM)
    before = sorted(os.listdir(data_folder))
    expect(hsi('fsck', '--data', data_folder), 0, out='nothing is wrong')
    assert sorted(os.listdir(data_folder)) == before
    tamper(data_folder, "INSERT INTO camera_event VALUES (zeroblob(16), 'po' || char(27) || 'rch', 'stolen', 0, 0, '', 0)")
    for _ in range(2):
        result = expect(hsi('fsck', '--data', data_folder), 1, out=['camera event: ', '(--repair: ', '1 finding, '])
        assert '\x1b' not in result.out, result
    expect(hsi('fsck', '--data', data_folder, '--repair'), 0, out=['(mended: ', '1 finding, 0 left'])
    expect(hsi('fsck', '--data', data_folder), 0, out='nothing is wrong')
    tamper(data_folder, "INSERT INTO upload VALUES ('porch', zeroblob(32), 1, 'a.mp4', -1, NULL, '')")
    expect(hsi('fsck', '--data', data_folder, '--repair'), 1, out=['without guessing', 'left: upload', '1 left'])


if __name__ == '__main__':
    sys.exit(run())
