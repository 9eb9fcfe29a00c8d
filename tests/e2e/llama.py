#!/usr/bin/env python3
"""A real llama-server, as a process of a test or a bench; also from a shell: llama.py [llama-server's arguments].

It is the one that Debian packages, where that is installed; otherwise the one that tools/setup unpacked under
deps/llama, which runs through the loader and the libraries that were unpacked with it.
"""
import atexit
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNPACKED = os.path.join(ROOT, 'deps', 'llama', 'root')
NOT_THERE = 'there is no llama-server (tools/setup test unpacks it into deps/llama)'
STOP_S = 4


def program():
    """The command that starts it; None: there is none."""
    installed = shutil.which('llama-server')
    if installed:
        return [installed]
    loader = next(iter(glob.glob(os.path.join(UNPACKED, 'usr', 'lib*', 'ld-linux-*.so.*'))), None)
    libc = next(iter(glob.glob(os.path.join(UNPACKED, 'usr', 'lib', '*', 'libc.so.6'))), None)
    if not loader or not libc:
        return None
    libraries = os.path.dirname(libc)
    return [loader, '--library-path', f'{libraries}:{libraries}/llama', '--argv0', 'llama-server',
            os.path.join(UNPACKED, 'usr', 'bin', 'llama-server')]


def model(name):
    """The path of a model among the test data; None: it is not there."""
    path = os.path.join(os.environ.get('HSI_TEST_DATA', ''), name)
    return path if os.environ.get('HSI_TEST_DATA') and os.path.exists(path) else None


def missing(name='tiny-llm.gguf'):
    """Why there can be no server with this model here; None: there can. Said loudly: a skip is easily overlooked."""
    why = NOT_THERE if not program() else None if model(name) else f'HSI_TEST_DATA has no {name}' \
        if os.environ.get('HSI_TEST_DATA') else 'HSI_TEST_DATA is not set'
    if why:
        print(f'llama.py: SKIPPING what needs a real language model: {why}', file=sys.stderr, flush=True)
    return why


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Llama:
    """Serves a model at .url once created; the port may be given to come back at the same address."""

    def __init__(self, path, *flags, context=32768, slots=2, threads=2, port=0, key=None, wait=True):
        self.port = port or free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.key = key
        self.said = tempfile.TemporaryFile('w+', errors='replace')
        command = [*program(), '-m', path, '--host', '127.0.0.1', '--port', str(self.port), '-c', str(context),
                   '-np', str(slots), '-t', str(threads), '--metrics', '--slots', '--offline', '--no-ui', '-fit', 'off']
        command += ['--api-key', key] if key else []
        self.process = subprocess.Popen([*command, *flags], stdin=subprocess.DEVNULL, stdout=self.said,
                                        stderr=self.said)
        atexit.register(self.stop)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f'llama-server has ended:\n{self.tail()}'
            try:
                return self.get('/health')
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f'llama-server is not ready after {seconds} s:\n{self.tail()}')

    def get(self, path):
        headers = {'Authorization': f'Bearer {self.key}'} if self.key else {}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=10) as reply:
            return json.loads(reply.read())

    def busy_slots(self):
        return sum(slot['is_processing'] for slot in self.get('/slots'))

    def metrics(self):
        """Name to value, without the prefix."""
        headers = {'Authorization': f'Bearer {self.key}'} if self.key else {}
        with urllib.request.urlopen(urllib.request.Request(self.url + '/metrics', headers=headers), timeout=10) as reply:
            found = re.findall(r'^llamacpp:(\w+) (\S+)$', reply.read().decode(), re.M)
        return {name: float(value) for name, value in found}

    def tail(self):
        self.said.seek(0)
        return self.said.read()[-2000:]

    def freeze(self):
        """It hangs: connections are accepted by the kernel, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def stop(self):
        """With a request in flight it ignores the first SIGTERM."""
        for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            if number == signal.SIGCONT:
                continue
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass


if __name__ == '__main__':
    start = program() or sys.exit(NOT_THERE)
    os.execv(start[0], [*start, *sys.argv[1:]])
