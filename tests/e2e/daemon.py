"""hsi run and the camera it watches, as processes of a test."""
import atexit
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
CAMERA_PYTHON = '/usr/bin/python3'  # the one that Debian's python3-gi is for


def spawn(command, **more):
    """A process with pipes that ends with the test at the latest."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace',
                               **more)
    atexit.register(tap.end, process)
    return process


class Lines:
    """What a stream said so far; reads on a thread so that the process never blocks."""

    def __init__(self, stream):
        self.text = ''
        self.thread = threading.Thread(target=self.read, args=[stream], daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.text += line


class Camera:
    """rtsp_server.py, serving a clip to one user."""

    def __init__(self, clip, user, password, scheme, more=()):
        self.clip, self.user, self.password, self.scheme, self.more = clip, user, password, scheme, more
        self.port, self.process = 0, None
        self.start()

    def start(self):
        """Again at the same port, if there was one before."""
        command = [CAMERA_PYTHON, os.path.join(HERE, 'rtsp_server.py'), self.clip, '--port', str(self.port),
                   '--scheme', self.scheme, '--user', self.user, *self.more]
        self.process = spawn(command, stdin=subprocess.PIPE)
        self.process.stdin.write(self.password + '\n')
        self.process.stdin.flush()
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        tap.wait_for(f'port of the camera: {self.err.text}', self.read_port, 30)

    def read_port(self):
        assert self.process.poll() is None, self.err.text
        for line in self.out.text.splitlines():
            if line.startswith('port '):
                self.port = int(line.split()[1])
                return True
        return False

    def connections(self):
        return self.out.text.count('connection')

    def url(self):
        return f'rtsp://127.0.0.1:{self.port}/camera'

    def stop(self):
        tap.end(self.process)


def available():
    """Why there can be no camera here; None: there can."""
    if not os.path.exists(CAMERA_PYTHON):
        return f'there is no {CAMERA_PYTHON}'
    probe = subprocess.run([CAMERA_PYTHON, '-c', 'import gi; gi.require_version("GstRtspServer", "1.0"); '
                            'from gi.repository import GstRtspServer'], capture_output=True, text=True)
    return None if probe.returncode == 0 else 'gst-rtsp-server is not installed'


class Daemon:
    """hsi run at a free port; keeps all that it says and answers."""

    def __init__(self, config, store, env=None):
        self.store = store
        self.answers = []
        self.process = spawn([tap.HSI, 'run', '--config', config, '--data', store, '--port', '0'],
                             env=env or tap.clean_environment(), stdin=subprocess.DEVNULL)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        self.address = None
        tap.wait_for('address on stdout', self.read_address, 15)

    def read_address(self):
        assert self.process.poll() is None, self.err.text
        if self.out.text.startswith('hsi: http://') and self.out.text.endswith('\n'):
            self.address = self.out.text.split()[1]
        return self.address

    def get(self, path):
        """The raw answer."""
        with urllib.request.urlopen(self.address.rstrip('/') + path, timeout=20) as reply:
            body = reply.read()
            self.answers.append(str(reply.headers).encode() + body)
            return body

    def json(self, path):
        return json.loads(self.get(path))

    def status(self, path):
        """The status of an answer that is an error, too."""
        try:
            self.get(path)
            return 200
        except urllib.error.HTTPError as error:
            self.answers.append(error.read())
            return error.code

    def camera(self):
        return self.json('/api/cameras')['items'][0]

    def events(self):
        return self.json('/api/events')['items']

    def signal(self, number):
        """The exit code, and the time it took in seconds."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(60)
        return code, time.monotonic() - begun

    def kill(self):
        tap.end(self.process)

    def everything_said(self):
        """Both streams, all answers, and every byte on disk."""
        self.out.thread.join(5)
        self.err.thread.join(5)
        said = {'stdout': self.out.text.encode(), 'stderr': self.err.text.encode()}
        said.update({f'answer {i}': a for i, a in enumerate(self.answers)})
        for path, _, names in os.walk(self.store):
            for name in names:
                with open(os.path.join(path, name), 'rb') as file:
                    said[name] = file.read()
        return said
