#!/usr/bin/env python3
"""What the program makes of model servers: real ones, and one that fails in every way."""
import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'double')]
import llama  # noqa: E402
import tap  # noqa: E402
from daemon import Lines  # noqa: E402
from llm_server import Double  # noqa: E402
from tap import Skip, case, cases_of, run, wait_for  # noqa: E402

LOOK = os.environ.get('LLM_LOOK', '')
KEY = 'sk-4711-geheim'


class Look:
    """llm_look, and all it has said."""

    def __init__(self, url, **conf):
        options = {'for': 60 * tap.patience(), 'url': url, **conf}
        command = [LOOK, *(f'{name}={value}' for name, value in options.items())]
        # Proxies of the environment must not matter.
        env = tap.clean_environment(http_proxy='http://127.0.0.1:9', HTTP_PROXY='http://127.0.0.1:9', all_proxy='x')
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=env)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def lines(self):
        return [json.loads(line) for line in self.out.text.splitlines()]

    def states(self):
        return [line['server']['state'] for line in self.lines()]

    def until(self, state, seconds=20):
        """The description in which that state came last."""
        def found():
            assert self.process.poll() is None, self.err.text
            lines = self.lines()
            return lines and lines[-1]['server']['state'] == state and lines[-1]['server']
        try:
            return wait_for(f'state {state}', found, seconds, 0.02)
        except AssertionError as error:
            raise AssertionError(f'{error}: {self.out.text[-600:]}') from None

    def say(self, word):
        self.process.stdin.write(word + '\n')
        self.process.stdin.flush()

    def end(self):
        """Exits by itself, cleanly, and has not told the key."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(30)
        self.out.thread.join(10)
        self.err.thread.join(10)
        assert code == 0, f'exit code {code}: {self.err.text}'
        assert KEY not in self.out.text + self.err.text, 'the key is told'


@contextlib.contextmanager
def looking(url, **conf):
    look = Look(url, **conf)
    try:
        yield look
        look.end()
    finally:
        tap.end(look.process)


@contextlib.contextmanager
def double(port=0, **settings):
    server = Double(port)
    server.set(**settings)
    try:
        yield server
    finally:
        server.stop()


def chats(server, probe=True):
    return [a for a in server.state()['asked'] if a['probe'] == probe]


# -- real ones


@cases_of([('tiny-llm', 'tiny-llm.gguf'), ('tiny-nemotron-h', 'tiny-nemotron-h.gguf')],
          'a real llama-server with {}: found, described, keeps to schemas', data=True)
def _(name, file):
    why = llama.missing(file)
    if why:
        raise Skip(why)
    server = llama.Llama(llama.model(file), key=KEY)
    with looking(server.url, api_key=KEY) as look:
        ready = look.until('ready', 60)
        assert ready['kind'] == 'llama.cpp' and ready['model'] == name, ready
        assert ready['build'].startswith('b') and ready['slots'] == 2 and ready['context_tokens'] == 16384, ready
        assert ready['enforces_schema'] and not ready['sees'], ready
        assert server.busy_slots() == 0
        server.stop()
        look.say('doubt')
        look.until('down')
    server.stop()


@case('a real llama-server that loads: loading, then ready; a wrong key: denied', data=True)
def _():
    why = llama.missing()
    if why:
        raise Skip(why)
    server = llama.Llama(llama.model('tiny-llm.gguf'), key=KEY, wait=False)
    with looking(server.url, api_key=KEY) as look:
        look.until('ready', 60)
        assert set(look.states()) <= {'unknown', 'down', 'loading', 'ready'}, look.states()
    with looking(server.url, api_key='sk-4711-falsch') as look:
        assert 'does not accept the api_key' in look.until('denied')['reason']
    server.stop()


@case('a real llama-server: cancelling a request frees its slot at once', data=True)
def _():
    why = llama.missing()
    if why:
        raise Skip(why)
    server = llama.Llama(llama.model('tiny-llm.gguf'))
    with looking(server.url) as look:
        look.until('ready', 60)
        for _ in range(2):
            look.say('burn')
            wait_for('busy slot', lambda: server.busy_slots() == 1, 20, 0.005)
            look.say('cancel')
            begun = tap.time.monotonic()
            wait_for('free slot', lambda: server.busy_slots() == 0, 2, 0.005)
            took = tap.time.monotonic() - begun
            assert took < 1 * tap.patience(), f'{took:.3f} s'
        assert 'burnt out' not in look.err.text, 'it had ended by itself'
    server.stop()


# -- the double


@case('the double: ready, with everything it tells')
def _():
    with double() as server, looking(server.url) as look:
        ready = look.until('ready')
        assert ready == {**ready, 'kind': 'llama.cpp', 'model': 'double-7b', 'build': 'b4711-double', 'slots': 2,
                         'context_tokens': 16384, 'enforces_schema': True, 'sees': False, 'reason': None,
                         'url': server.url}, ready
        asked = chats(server)
        assert len(asked) == 1 and asked[0]['stream'] and asked[0]['pictures'] == 0, asked
        assert server.state()['requests']['/health'] == 1


@cases_of([('vLLM', 4), ('Ollama', 1), ('NIM', 1)], 'the double as {}: recognised, not asked for /props twice')
def _(kind, slots):
    with double(kind=kind, vision=0) as server, looking(server.url) as look:
        ready = look.until('ready')
        assert ready['kind'] == {'NIM': 'other'}.get(kind, kind) and ready['slots'] == slots, ready
        assert ready['build'] == (None if kind == 'NIM' else '0.12.3'), ready
        assert ready['context_tokens'] == (None if kind == 'Ollama' else 16384), ready
        # Whether it sees is not known before it was tried.
        assert sum(a['pictures'] for a in chats(server)) == 1 and not ready['sees'], ready


@case('one that sees: shown two colours, and then it counts')
def _():
    if not tap.shutil.which('ffmpeg'):
        raise Skip('ffmpeg is not installed')
    with double(vision=1) as server:
        with looking(server.url) as look:
            assert look.until('ready')['sees']
            assert [a['pictures'] for a in chats(server)] == [0, 1, 1]
        with looking(server.url, pictures='never') as look:
            assert not look.until('ready')['sees'] and len(chats(server)) == 4


@case('one that takes pictures and does not see: text only')
def _():
    with double(blind=1) as server, looking(server.url) as look:
        # One guess in six is right, two in a row in 36: asked again it cannot be right for long.
        for _ in range(4):
            if not look.until('ready')['sees']:
                return
            look.say('check')
            wait_for('another look', lambda: look.states()[-1] != 'ready', 5, 0.01)
        raise AssertionError('a blind model sees')


UNREADY = [  # settings -> state, reason
    ('that ignores schemas', {'schema': 'ignored'}, 'unfit', 'does not keep to a JSON schema'),
    ('that replies with other fields', {'probe': 'wrong-schema'}, 'unfit', 'does not keep to a JSON schema'),
    ('that replies with prose', {'probe': 'ignore-schema'}, 'unfit', 'does not keep to a JSON schema'),
    ('that says nothing', {'probe': 'empty'}, 'unfit', 'does not keep to a JSON schema'),
    ('that never ends', {'probe': 'length'}, 'unfit', 'does not come to an end'),
    ('that breaks off', {'probe': 'no-done', 'schema': 'ignored'}, 'unfit', 'break off'),
    ('that does not stream', {'probe': 'no-stream'}, 'unfit', 'not a stream of events'),
    ('that is a web page', {'probe': 'html'}, 'unfit', 'not a stream of events'),
    ('that answers bytes', {'probe': 'garbage'}, 'unfit', 'not a stream'),
    ('that answers broken text', {'probe': 'broken-utf8'}, 'unfit', 'not valid UTF-8'),
    ('that answers 10 MB', {'probe': 'huge'}, 'unfit', 'longer than 65536 bytes'),
    ('that answers 10 MB without a line end', {'probe': 'huge-line'}, 'unfit', 'longer than 131072 bytes'),
    ('whose model fails', {'probe': 'error-inside'}, 'unfit', 'the model has failed'),
    ('that refuses the request', {'probe': '400'}, 'unfit', 'failed to parse grammar'),
    ('that has no such path', {'probe': '404'}, 'unfit', 'no such model'),
    ('that fails', {'probe': '500'}, 'down', 'the model has failed'),
    ('that dies in the middle', {'probe': 'die'}, 'down', 'closed the connection in the middle'),
    ('that hangs up', {'probe': 'drop'}, 'down', 'closed the connection without an answer'),
    ('that resets the connection', {'probe': 'reset'}, 'down', 'broke'),
    ('that has too many requests', {'probe': '429'}, 'down', 'too many requests'),
    ('that has no slot', {'probe': '503'}, 'loading', 'no slot available'),
    ('that wants a key', {'key': KEY}, 'denied', 'wants an api_key'),
    ('that sends elsewhere', {'probe': 'redirect'}, 'unfit', 'where we do not go'),
    ('with 1 MB of headers', {'probe': 'huge-headers'}, 'unfit', 'have no end'),
    ('that loads', {'health': 'loading'}, 'loading', 'Loading model'),
    ('that is broken', {'health': '500'}, 'down', 'broken'),
    ('without models', {'models': 'empty'}, 'unfit', 'has no model'),
    ('whose list of models is a page', {'models': 'garbage'}, 'unfit', 'list of models is none'),
    ('that speaks another protocol', {'models': 'missing'}, 'unfit', 'does not speak the OpenAI protocol'),
]


@cases_of(UNREADY, 'a server {}')
def _(_, settings, state, reason):
    with double(**settings) as server, looking(server.url) as look:
        assert reason in look.until(state)['reason'], look.lines()[-1]
        assert 'ready' not in look.states()
        assert server.state()['requests'].get('/double/state') is None, 'followed a redirect'


@cases_of([('hang', 'hang'), ('stall', 'stall'), ('never be done', 'slowloris')],
          'a server that lets its replies {}: given up, its slot is free again')
def _(_, mode):
    conf = {'silence': '500ms'} if mode != 'slowloris' else {'deadline': '1s'}
    with double(probe=mode) as server, looking(server.url, **conf) as look:
        reason = look.until('down')['reason']
        assert ('not done within 1 s' if mode == 'slowloris' else 'not a byte for 0.5 s') in reason, reason
        wait_for('free slot', lambda: server.state()['active'] == 0 and server.state()['cancels'] > 0, 5, 0.02)


@case('a server whose health hangs is given up as well')
def _():
    with double(health='hang') as server, looking(server.url, silence='500ms') as look:
        assert 'not a byte for 0.5 s' in look.until('down')['reason']


@case('garbage in /props: still a server, of which less is known')
def _():
    with double(props='garbage') as server, looking(server.url) as look:
        ready = look.until('ready')
        assert ready['slots'] == 1 and ready['kind'] == 'llama.cpp' and ready['model'] == 'double-7b', ready


@case('a model that it does not have: unfit, with those it has')
def _():
    with double(kind='Ollama') as server:
        with looking(server.url, model='nemotron') as look:
            reason = look.until('unfit')['reason']
            assert "no model 'nemotron'" in reason and 'double-7b' in reason, reason
        with looking(server.url, model='double-7b') as look:
            look.until('ready')


@case('a server comes, loads, is ready, goes, and comes back: seen each time, without being told')
def _():
    port = llama.free_port()
    with looking(f'http://127.0.0.1:{port}') as look:
        assert 'nobody listens there' in look.until('down')['reason']
        with double(port, health='loading') as server:
            look.until('loading')
            server.set(health='ok')
            look.until('ready')
        look.say('doubt')
        look.until('down')
        with double(port):
            look.until('ready')


@case('looks at a server that is down come less and less often')
def _():
    seen = []
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen()

        def count():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    seen.append(tap.time.monotonic())
                    connection.close()
        threading.Thread(target=count, daemon=True).start()
        with looking(f'http://127.0.0.1:{listener.getsockname()[1]}') as look:
            wait_for('four looks', lambda: len(seen) >= 4, 30)
            assert set(look.states()) == {'unknown', 'down'}, look.states()
        listener.shutdown(socket.SHUT_RDWR)
    gaps = [b - a for a, b in zip(seen, seen[1:])]
    assert gaps[0] >= 0.75 and gaps[1] >= 1.5 and gaps[2] >= 3, gaps


@case('off: nobody is asked; nothing on this machine: unknown')
def _():
    with looking('off') as look:
        assert wait_for('line', look.lines, 5)[0]['server']['state'] == 'off'
    with looking('') as look:
        wait_for('a look', lambda: 'no language model server on this machine' in look.err.text
                 or look.lines()[-1]['server']['url'], 20)


@contextlib.contextmanager
def as_user(uid):
    """What is opened meanwhile is that user's."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def discover():
    """In a network of its own, in which all the usual ports are free."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack('16sh14x', b'lo', 0x41))  # SIOCSIFFLAGS: up, running
    with double(8080, health='loading'):
        with looking('') as look:
            found = look.until('loading')
            assert found['url'].endswith(':8080') and found['discovered'], found
        # What says "not now" at a port that was guessed may be anything.
        with double(11434, kind='Ollama'), looking('') as look:
            found = look.until('ready')
            assert found['url'].endswith(':11434') and found['discovered'], found
            wait_for('word of it', lambda: 'at http://127.0.0.1:11434 (found there, not configured)' in look.err.text, 5)
        with looking('http://127.0.0.1:8080') as look:
            assert not look.until('loading')['discovered']
    if sys.argv[2:] == ['root']:
        with as_user(2345):
            strangers = Double(8080)
        with double(8000), looking('') as look:
            assert look.until('ready')['url'].endswith(':8000'), look.lines()
            look.say('check')
            wait_for('another look', lambda: look.states().count('ready') >= 2, 10)
            assert look.err.text.count('127.0.0.1:8080 belongs to another user (2345)') == 1, look.err.text
        assert not strangers.state()['asked'] and not strangers.requests, strangers.state()
        with looking(strangers.url) as look:
            look.until('ready')
        strangers.stop()
        with as_user(998), double(11434), looking('') as look:  # a service's account
            look.until('ready')


@case('found by itself: not what is another user\'s, and past what only says "not now"')
def _():
    as_root = os.geteuid() == 0
    own_network = ['unshare', '-n'] if as_root else ['unshare', '-rn']
    try:
        subprocess.run([*own_network, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip(f'no network of its own: {error}') from error
    command = [*own_network, sys.executable, os.path.abspath(__file__), 'discover', 'root' if as_root else 'user']
    result = subprocess.run(command, capture_output=True, text=True, timeout=120 * tap.patience())
    assert result.returncode == 0, result.stderr[-2000:]


@case('memory and descriptors stay where they are over 200 looks')
def _():
    with double(probe='ignore-schema') as server, looking(server.url) as look:
        look.until('unfit')
        before = None
        for i in range(200):
            done = server.state()['finished']

            def looked():
                look.say('check')  # does nothing while a look is under way
                return server.state()['finished'] >= done + 2
            wait_for('look', looked, 10, 0.005)
            if i == 20:
                before = usage(look.process.pid)
        after = usage(look.process.pid)
        assert after[0] <= before[0] + 2, f'{before} -> {after}'
        # A sanitizer keeps what was freed.
        assert after[1] <= before[1] + 2000 or tap.sanitized(), f'{before} -> {after}'


def usage(pid):
    """Descriptors, resident KB."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))
    return len(os.listdir(f'/proc/{pid}/fd')), resident


if __name__ == '__main__' and sys.argv[1:2] == ['discover']:
    discover()
elif __name__ == '__main__':
    sys.exit(run() if LOOK else print('1..0 # SKIP LLM_LOOK does not name the program'))
