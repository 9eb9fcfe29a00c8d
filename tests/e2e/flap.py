"""Cameras that come and go under one hsi: how soon each loss is noticed, how soon each camera is back, and what the
process holds meanwhile."""
import os
import random
import re
import threading
import time

import flaky_rtsp
import tap

# Fault, share of the flaps, shortest and longest time it lasts. Credentials that are denied longer than two quick tries
# would be left alone for five minutes, as they should; what is missing or garbage is asked for less and less often.
MIX = [
    ('refused', 14, 0.3, 4), ('reset', 14, 0.3, 4), ('closed', 10, 0.3, 4), ('hung', 14, 3.2, 6),
    ('half-open', 14, 3.2, 6), ('silent', 8, 3.2, 6), ('reports', 4, 3.2, 6), ('garbage', 6, 3.2, 6),
    ('garbage-rtp', 6, 3.2, 6), ('bye', 4, 0.3, 3), ('garbage-answer', 2, 0.2, 1), ('missing', 2, 0.2, 1),
    ('denied', 2, 0.1, 1),
]
UP_S = (0.4, 1.6)
RATE = 5


class Flap:
    """What happened once."""

    def __init__(self, fault, begun):
        self.fault, self.begun = fault, begun
        self.noticed = self.ended = self.back = None


def config_text(cameras):
    """A configuration that looks at pictures and keeps nothing."""
    lines = ['storage:', '  snapshots: false', 'cameras:']
    for name, url in cameras.items():
        lines += [f'  {name}:', f'    url: {url}', '    username: viewer', '    password: secret',
                  '    motion:', '      enabled: false']
    return '\n'.join(lines) + '\n'


class Flapping:
    """So many cameras, each flapping by itself until enough flaps are counted."""

    def __init__(self, cameras, clip, seed=1, mix=None, reports=5):
        units, sets = flaky_rtsp.read_units(clip)
        self.random = random.Random(seed)
        self.mix = mix or MIX
        self.server = flaky_rtsp.Server()
        self.cameras = {f'cam{i}': self.server.add(flaky_rtsp.Camera(units, sets, RATE, reports))
                        for i in range(cameras)}
        self.flaps = []
        self.current = dict.fromkeys(self.cameras)
        self.changed = threading.Condition()
        self.stopping = False
        self.online = dict.fromkeys(self.cameras, False)
        self.stuck = []
        for name, camera in self.cameras.items():
            camera.play_listener = lambda name=name: self.on_play(name)

    def urls(self):
        return {name: camera.url() for name, camera in self.cameras.items()}

    def on_play(self, name):
        with self.changed:
            flap = self.current[name]
            if flap and flap.ended and not flap.back:
                flap.back = time.monotonic()
                self.changed.notify_all()

    def on_line(self, line):
        """A line of the program's log."""
        match = re.search(r'\b(cam\d+)\b.*?\b(online|trying again)', line)
        if not match:
            return
        now, name = time.monotonic(), match[1]
        with self.changed:
            self.online[name] = match[2] == 'online'
            flap = self.current[name]
            if flap and not self.online[name] and not flap.noticed:
                flap.noticed = now
            self.changed.notify_all()

    def read_log(self, stream):
        for line in stream:
            self.on_line(line)

    def wait(self, condition, seconds):
        with self.changed:
            return self.changed.wait_for(lambda: self.stopping or condition(), seconds)

    def pick(self):
        fault, _, least, most = self.random.choices(self.mix, [m[1] for m in self.mix])[0]
        return fault, self.random.uniform(least, most)

    def flap_once(self, name, patience_s):
        camera = self.cameras[name]
        if not self.wait(lambda: self.online[name], patience_s) or self.stopping:
            return False
        time.sleep(self.random.uniform(*UP_S))
        fault, seconds = self.pick()
        flap = Flap(fault, time.monotonic())
        with self.changed:
            self.current[name] = flap
        self.server.begin(camera, fault)
        time.sleep(seconds)
        noticed = self.wait(lambda: flap.noticed, patience_s)
        with self.changed:
            flap.ended = time.monotonic()
        self.server.end(camera)
        back = noticed and self.wait(lambda: flap.back, patience_s)
        with self.changed:
            self.current[name] = None
            if not self.stopping:
                self.flaps.append(flap)
            if not back and not self.stopping:
                self.stuck.append((name, flap.fault, 'noticed' if noticed else 'not noticed'))
        return bool(back)

    def keep_flapping(self, name, count, patience_s):
        while not self.stopping and len(self.flaps) < count:
            if not self.flap_once(name, patience_s):
                break

    def run(self, count, patience_s=60, every=lambda: None):
        """Flaps until there were count of them; every is called twice a second meanwhile."""
        threads = [threading.Thread(target=self.keep_flapping, args=[name, count, patience_s], daemon=True)
                   for name in self.cameras]
        self.stopping = False
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads) and len(self.flaps) < count:
            every()
            time.sleep(0.5)
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        for thread in threads:
            thread.join(patience_s)


    def all_online(self, patience_s=60):
        """Waits until all cameras are there at once: what the program holds can be compared then."""
        for camera in self.cameras.values():
            if camera.fault:
                self.server.end(camera)
        with self.changed:
            return self.changed.wait_for(lambda: all(self.online.values()), patience_s)


def percentile(values, share):
    values = sorted(values)
    return values[min(int(share * len(values)), len(values) - 1)] if values else None


def times(flaps, fault=None):
    """(seconds to notice, seconds to recover), of one fault or all."""
    chosen = [f for f in flaps if fault in (None, f.fault)]
    return ([f.noticed - f.begun for f in chosen if f.noticed], [f.back - f.ended for f in chosen if f.back])


def holdings(pid):
    """What a process holds: descriptors, threads, anonymous memory in KiB."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        anon = int(re.search(r'RssAnon:\s+(\d+)', file.read())[1])
    return len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task')), anon
