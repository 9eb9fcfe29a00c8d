"""What the rows share: clips, processes measured from outside, and the form of a row.

CPU time comes from /proc/PID/task/*/schedstat, which counts nanoseconds per thread, the same way for every
program that is compared. A figure is the median of several windows, its baseline taken in between.
"""
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_S_MAX = 60
STOP_S_MAX = 10


class Absent(Exception):
    """Something a row needs is not on this machine; the text says what."""


def median(values):
    return statistics.median(values)


def row(row_id, name, value, unit, baseline=None, baseline_value=None, ratio=None, goal=None, met=None, **more):
    """One line of the table. met is None where there is nothing to meet or no baseline to meet it against."""
    def short(number):
        return round(number, 4) if isinstance(number, float) else number
    return {'id': row_id, 'name': name, 'value': short(value), 'unit': unit,
            'baseline': baseline or 'none', 'baseline_value': short(baseline_value),
            'ratio': short(ratio), 'goal': goal or '', 'met': met, **more}


def absent_row(row_id, name, why):
    return row(row_id, name, None, '', baseline=f'baseline absent: {why}')


class Bench:
    """One run of the benchmark: where things are, and how long to look."""

    def __init__(self, build, seconds, runs):
        self.build = os.path.join(ROOT, build)
        self.out = os.path.join(self.build, 'bench')
        self.seconds = seconds
        self.runs = runs
        self.hsi = os.path.join(self.build, 'hsi')
        os.makedirs(self.out, exist_ok=True)

    def program(self, name):
        return os.path.join(self.out, 'bench_' + name)

    def data(self, name):
        folder = os.environ.get('HSI_TEST_DATA')
        path = os.path.join(folder, name) if folder else ''
        if not os.path.isfile(path):
            raise Absent(f'{name} is not in HSI_TEST_DATA')
        return path

    def model(self):
        """A real model if there is one; the demonstration's is too small to stand for it."""
        return self.data('yolo26n-640.onnx')

    def runtime(self):
        path = os.path.join(ROOT, 'deps', 'onnxruntime', 'lib', 'libonnxruntime.so.1')
        if os.path.exists(path):
            return path
        for name in ('libonnxruntime.so.1', 'libonnxruntime.so.1.21', 'libonnxruntime.so'):
            found = subprocess.run(['ldconfig', '-p'], capture_output=True, text=True, check=False).stdout
            if name in found:
                return name
        raise Absent('ONNX Runtime is not installed')

    def clip(self, name, scale, bitrate):
        """24 s in which somebody is always moving, as a camera would encode it: no B frames, 2 s GOP."""
        path = os.path.join(self.out, name + '.mp4')
        if os.path.exists(path):
            return path
        tail = ['-an', '-vf', f'scale={scale}:flags=bicubic', '-r', '10', '-c:v', 'libx264', '-preset',
                'veryfast', '-profile:v', 'main', '-bf', '0', '-g', '20', '-keyint_min', '20',
                '-sc_threshold', '0', '-b:v', bitrate, '-maxrate', bitrate, '-bufsize', bitrate,
                '-pix_fmt', 'yuv420p', '-f', 'mp4', path + '.new']
        try:
            source = ['-ss', '94', '-t', '24', '-i', self.data('person-walk.mp4')]
        except Absent:
            source = ['-f', 'lavfi', '-t', '24', '-i', 'testsrc2=size=768x432:rate=10']
        subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-y', *source, *tail], check=True)
        os.rename(path + '.new', path)
        return path

    def clip_1080(self):
        return self.clip('moving-1080', '1920:1080', '4M')

    def clip_720(self):
        return self.clip('moving-720', '1280:720', '2M')

    def clip_432(self):
        return self.clip('moving-432', '768:432', '800k')


# ---- processes -----------------------------------------------------------------------------------

def threads_s(pid):
    """Seconds so far by thread name: (on a core, ready but waiting for one)."""
    result = {}
    for task in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{task}/comm', encoding='utf-8') as f:
                name = f.read().strip()
            with open(f'/proc/{pid}/task/{task}/schedstat', encoding='utf-8') as f:
                used, waited = [int(n) / 1e9 for n in f.read().split()[:2]]
        except (FileNotFoundError, ProcessLookupError):
            continue
        had = result.get(name, (0, 0))
        result[name] = had[0] + used, had[1] + waited
    return result


def memory_mb(pid):
    """(RSS, anonymous part of it) in MiB."""
    values = {}
    with open(f'/proc/{pid}/status', encoding='utf-8') as f:
        for line in f:
            key, _, rest = line.partition(':')
            if key in ('VmRSS', 'RssAnon'):
                values[key] = int(rest.split()[0]) / 1024
    return values['VmRSS'], values['RssAnon']


class Process:
    """A program that runs until it is stopped; what it says goes to a file, unless somebody takes it."""

    def __init__(self, command, log, inp=subprocess.DEVNULL, out=None):
        self.log = open(log, 'w', encoding='utf-8')
        self.started = time.monotonic()
        self.child = subprocess.Popen(command, stdin=inp, stdout=self.log if out is None else out,
                                      stderr=self.log)
        self.pid = self.child.pid
        self.waited = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def alive(self):
        return self.child.poll() is None

    def stop(self):
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()

    def window(self, seconds):
        """(CPU seconds by thread, wall seconds) over the next seconds. waited holds, for the same window,
        the seconds each thread was ready but had no core: what others took from it."""
        before, start = threads_s(self.pid), time.monotonic()
        time.sleep(seconds)
        return self.since(before), time.monotonic() - start

    def since(self, before):
        """CPU seconds by thread since threads_s() was before."""
        if not self.alive():
            raise RuntimeError(f'{self.log.name}: the program ended with {self.child.returncode}')
        spent = {name: tuple(now - then for now, then in zip(times, before.get(name, (0, 0))))
                 for name, times in threads_s(self.pid).items()}
        self.waited = {name: times[1] for name, times in spent.items()}
        return {name: times[0] for name, times in spent.items()}


def shares(processes, seconds):
    """CPU over wall by thread of each of them, over the same next seconds. processes: name -> Process."""
    before, start = {name: threads_s(p.pid) for name, p in processes.items()}, time.monotonic()
    time.sleep(seconds)
    wall = time.monotonic() - start
    return {name: {thread: used / wall for thread, used in p.since(before[name]).items()}
            for name, p in processes.items()}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def config_text(cameras, model='', fps=5, motion=True, enabled=True, snapshots=False, idle=None):
    """A configuration for hsi. cameras: name -> clip or URL; idle: options of that group, all cameras alike."""
    lines = ['detect:', f'  fps: {fps}']
    if model:
        lines.append(f'  model: {json.dumps(model)}')
    lines += ['storage:', f'  snapshots: {json.dumps(snapshots)}', 'cameras:']
    for name, url in cameras.items():
        lines += [f'  {name}:', f'    url: {json.dumps(url)}', '    loop: true']
        if not enabled:
            lines.append('    enabled: false')
        if not motion:
            lines += ['    motion:', '      enabled: false']
        if idle:
            lines += ['    idle:'] + [f'      {option}: {json.dumps(value)}' for option, value in idle.items()]
    return '\n'.join(lines) + '\n'


def looks_of(health):
    """Inferences so far. A look that a newer frame overtook was never run; before the model is loaded the
    answer has neither member."""
    pipeline = health.get('pipeline', {})
    return pipeline.get('looks', 0) - pipeline.get('overwritten_looks', 0)


class Hsi(Process):
    """`hsi run` with a configuration of its own, in a folder of its own."""

    def __init__(self, bench, name, text):
        self.folder = tempfile.TemporaryDirectory(prefix='hsi-bench-')
        self.port = free_port()
        config = os.path.join(self.folder.name, 'hsi.yaml')
        with open(config, 'w', encoding='utf-8') as f:
            f.write(text)
        super().__init__([bench.hsi, 'run', '--config', config, '--data', os.path.join(self.folder.name, 'data'),
                          '--port', str(self.port)], os.path.join(bench.out, name + '.log'))

    def stop(self):
        super().stop()
        self.folder.cleanup()

    def get(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=5)
        try:
            connection.request('GET', path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def wait_health(self, ready=lambda health: True):
        """Seconds from exec until /health answers and ready agrees."""
        while time.monotonic() - self.started < START_S_MAX:
            try:
                health = self.get('/health')
                if ready(health):
                    return time.monotonic() - self.started
            except (OSError, http.client.HTTPException):
                pass
            if not self.alive():
                break
            time.sleep(0.001)
        raise RuntimeError(f'{self.log.name}: no answer from /health in {START_S_MAX} s')

    def looks(self):
        return looks_of(self.get('/health'))

    def cameras(self):
        return self.get('/api/cameras')['items']


# ---- output --------------------------------------------------------------------------------------

def show(number):
    if number is None:
        return '-'
    if isinstance(number, float):
        return f'{number:.3g}' if abs(number) < 1000 else f'{number:.0f}'
    return str(number)


def print_table(rows):
    head = ['id', 'what', 'value', 'unit', 'baseline', 'its value', 'ratio', 'goal', 'met']
    body = [[r['id'], r['name'], show(r['value']), r['unit'], r['baseline'], show(r['baseline_value']),
             show(r['ratio']), r['goal'], {True: 'yes', False: 'NO', None: ''}[r['met']]] for r in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    for line in [head, ['-' * w for w in widths], *body]:
        print('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
