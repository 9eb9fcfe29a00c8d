#!/usr/bin/env python3
"""Many simulated RTSP cameras on this machine, and what hsi alone takes for them over a long time.

usage: bench/fleet.py [--build DIR] [--cameras 16] [--moving 2] [--minutes 30] [--size 720|432]
                      [--slope 4,8,16,24,32,48,64] [--slope-minutes 1]

Its own command: `make bench` does not run it. The cameras are fleet_server.py's, whose CPU is counted apart. Writes
BUILD/bench/fleet.json with every sample. --minutes 0 leaves out the long run, --slope '' the other one: idle cameras
only, more and more of them, until the simulator no longer delivers what they would.
"""
import argparse
import json
import os
import sys
import time

import peers
import recordings
from harness import (Absent, Bench, Hsi, Process, ROOT, config_text, median, memory_mb, print_table, row,
                     threads_s)

SAMPLE_S = 5
WARM_S = 30
ONLINE_WITHIN_S = 60
MODEL = 'yolo26n-320.onnx'
# Less than that of what its cameras would send, and the simulator is at its end.
DELIVERED_MIN = 0.98
COUNTS = ['skipped_packets', 'dropped_frames', 'damaged_frames', 'connections', 'losses', 'ignored_objects']
HEALTH_COUNTS = ['frames', 'looks', 'overwritten_looks', 'stale_looks', 'skipped_packets', 'dropped_frames']


class Server(Process):
    """The simulated cameras: path -> clip."""

    def __init__(self, bench, clips):
        self.port, self.said = 0, os.path.join(bench.out, 'fleet-server.log')
        read, self.life = os.pipe()
        super().__init__([peers.PYTHON, os.path.join(ROOT, 'bench', 'fleet_server.py'),
                          *[f'{path}={clip}' for path, clip in clips.items()]], self.said, inp=read)
        os.close(read)
        while not self.port:
            if not self.alive():
                raise Absent(f'the simulated cameras do not start, see {self.said}')
            time.sleep(0.1)
            for line in self.lines():
                if line.startswith('port '):
                    self.port = int(line.split()[1])

    def lines(self):
        with open(self.said, encoding='utf-8', errors='replace') as f:
            return f.read().splitlines()

    def connections(self):
        return self.lines().count('connection')

    def stop(self):
        if self.life is not None:
            os.close(self.life)
            self.life = None
        super().stop()


def clips_of(bench, cameras, moving, size):
    """path -> clip: moving cameras first, then static ones."""
    still = recordings.recording(bench, f'idle-{size}').path
    walk = bench.clip_720() if size == 720 else bench.clip_432()
    return {f'{"moving" if i < moving else "still"}{i}': walk if i < moving else still for i in range(cameras)}


def sent_bytes_per_s(clips):
    """By all cameras together."""
    facts = {clip: recordings.stream_facts(clip) for clip in set(clips.values())}
    return sum(facts[clip]['payload'] / facts[clip]['seconds'] for clip in clips.values())


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def cpu_all_s():
    """Seconds that all cores together have worked so far, for whomever."""
    with open('/proc/stat', encoding='utf-8') as f:
        ticks = [int(n) for n in f.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf('SC_CLK_TCK')


def sample(hsi, server):
    """Everything that counts up or lies around, at this moment."""
    rss, anonymous = memory_mb(hsi.pid)
    health, cameras = hsi.get('/health'), hsi.cameras()
    return {'at_s': time.monotonic(), 'rss_mb': rss, 'anon_mb': anonymous, 'fds': descriptors(hsi.pid),
            'threads': threads_s(hsi.pid), 'server_s': sum(used for used, _ in threads_s(server.pid).values()),
            'all_s': cpu_all_s(), 'server_connections': server.connections(), 'health': health['pipeline'],
            'system': hsi.get('/api/system').get('memory', {}), 'cameras': cameras}


def wait_online(hsi):
    start = time.monotonic()
    while time.monotonic() - start < ONLINE_WITHIN_S:
        states = [c['state'] for c in hsi.cameras()]
        if all(s == 'online' for s in states):
            return
        time.sleep(0.5)
    raise RuntimeError(f'{states.count("online")} of {len(states)} cameras are online after {ONLINE_WITHIN_S} s')


def watch(bench, clips, seconds, model, idle=None):
    """Samples of hsi on those simulated cameras, the first one after a while to settle."""
    with Server(bench, clips) as server:
        urls = {path: f'rtsp://127.0.0.1:{server.port}/{path}' for path in clips}
        with Hsi(bench, 'fleet-hsi', config_text(urls, model, snapshots=True, idle=idle)) as hsi:
            hsi.wait_health(lambda h: 'pipeline' in h)
            wait_online(hsi)
            time.sleep(min(WARM_S, seconds / 2))
            samples, start = [sample(hsi, server)], time.monotonic()
            samples[0]['sent_bytes_per_s'] = sent_bytes_per_s(clips)
            while time.monotonic() - start < seconds:
                time.sleep(min(SAMPLE_S, max(0.0, start + seconds - time.monotonic())))
                samples.append(sample(hsi, server))
                if sys.stderr.isatty():
                    print(f'\r{time.monotonic() - start:6.0f} s', end='', file=sys.stderr)
            return samples


# ---- what the samples say ------------------------------------------------------------------------

def stages(samples):
    """CPU over wall by kind of thread."""
    first, last = samples[0], samples[-1]
    result = {}
    for thread, (used, _) in last['threads'].items():
        stage = thread.split(':')[0]
        result[stage] = result.get(stage, 0) + used - first['threads'].get(thread, (0, 0))[0]
    return {stage: used / (last['at_s'] - first['at_s']) for stage, used in result.items()}


def rate(samples, key):
    return (samples[-1][key] - samples[0][key]) / (samples[-1]['at_s'] - samples[0]['at_s'])


def slope_per_hour(samples, key):
    """Least squares."""
    at = [s['at_s'] / 3600 for s in samples]
    mean_at, mean = sum(at) / len(at), sum(s[key] for s in samples) / len(samples)
    spread = sum((t - mean_at) ** 2 for t in at)
    return sum((t - mean_at) * (s[key] - mean) for t, s in zip(at, samples)) / spread if spread else 0.0


def grown(samples, key):
    """By how much a count of the cameras grew, all of them together."""
    return sum(c.get(key, 0) for c in samples[-1]['cameras']) - sum(c.get(key, 0) for c in samples[0]['cameras'])


def delivered(samples):
    """Bytes that came, over those that the cameras would have sent."""
    wall = samples[-1]['at_s'] - samples[0]['at_s']
    return grown(samples, 'received_bytes') / (wall * samples[0]['sent_bytes_per_s'])


def end_means(samples, key):
    """Mean over the first and the last tenth."""
    n = max(len(samples) // 10, 1)
    return sum(s[key] for s in samples[:n]) / n, sum(s[key] for s in samples[-n:]) / n


def long_rows(samples, count, moving):
    first, last = samples[0], samples[-1]
    minutes = (last['at_s'] - first['at_s']) / 60
    cpu = stages(samples)
    server = rate(samples, 'server_s')
    rows = [row('F1', f'hsi, {count} cameras, {moving} moving, {minutes:.1f} min', sum(cpu.values()), 'cores',
                'the simulator', server, sum(cpu.values()) / server),
            row('F1.without', 'the same without the detect thread', sum(cpu.values()) - cpu.get('detect', 0), 'cores')]
    rows += [row('F1.stage', f'stage {name}', value, 'cores', 'hsi', sum(cpu.values()), value / sum(cpu.values()))
             for name, value in sorted(cpu.items(), key=lambda item: -item[1])]
    for key, name in (('rss_mb', 'RSS'), ('anon_mb', 'RssAnon')):
        start, end = end_means(samples, key)
        rows.append(row('F1.memory', f'{name} at the end', end, 'MiB', 'at the start', start, end / start))
        rows.append(row('F1.memory', f'{name}, slope', slope_per_hour(samples, key), 'MiB/h'))
    rows.append(row('F1.fds', 'open descriptors', last['fds'], '', 'at the start', first['fds'],
                    last['fds'] / first['fds'], 'no growth', last['fds'] <= first['fds'] + 2))
    rows.append(row('F1.reconnects', 'connections that the simulator saw anew',
                    last['server_connections'] - first['server_connections'], ''))
    rows.append(row('F1.delivered', 'video received', delivered(samples), 'of those sent'))
    rows += [row('F1.count', f'{key}, all cameras', grown(samples, key), '') for key in COUNTS]
    rows += [row('F1.count', f'{key}, pipeline', last['health'][key] - first['health'][key], '')
             for key in HEALTH_COUNTS if key in last['health']]
    rows += [row('F1.where', f'memory: {key}', value / 2 ** 20, 'MiB') for key, value in last['system'].items()]
    return rows


def idle_share(samples):
    cameras = [c for s in samples for c in s['cameras']]
    return sum(bool(c.get('idle', {}).get('idle')) for c in cameras) / len(cameras)


def slope_run(bench, counts, seconds, size, model):
    """Idle cameras only. Rows, and the samples by count."""
    rows, kept, points = [], {}, []
    for count in counts:
        try:
            samples = watch(bench, clips_of(bench, count, 0, size), seconds, model)
        except RuntimeError as why:
            rows.append(row('F2.end', f'{count} idle cameras: {why}', count, 'cameras'))
            break
        kept[count] = samples
        cpu, came, machine = sum(stages(samples).values()), delivered(samples), rate(samples, 'all_s')
        memory = median([s['rss_mb'] for s in samples])
        points.append((count, cpu, memory))
        rows.append(row('F2', f'{count} idle cameras', cpu, 'cores', 'the simulator', rate(samples, 'server_s'),
                        cpu / rate(samples, 'server_s'), delivered=came, machine_cores=machine, rss_mb=memory,
                        idle=idle_share(samples), stages=stages(samples)))
        rows.append(row('F2.delivered', f'video received, {count} idle cameras, machine at {machine:.2f} cores', came,
                        'of those sent'))
        if came < DELIVERED_MIN:
            rows.append(row('F2.end', 'cameras that the simulator can no longer serve', count, 'cameras'))
            break
    else:
        rows.append(row('F2.end', 'cameras, and the simulator is not at its end', counts[-1], 'cameras'))
    if len(points) > 1:
        (n0, cpu0, mb0), (n1, cpu1, mb1) = points[0], points[-1]
        rows.append(row('F2.slope', f'each further idle camera, {n0} to {n1}', (cpu1 - cpu0) / (n1 - n0), 'cores'))
        rows.append(row('F2.memory', f'each further idle camera, {n0} to {n1}, RSS', (mb1 - mb0) / (n1 - n0), 'MiB'))
    return rows, kept


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build')
    parser.add_argument('--cameras', type=int, default=16)
    parser.add_argument('--moving', type=int, default=2)
    parser.add_argument('--minutes', type=float, default=30)
    parser.add_argument('--size', type=int, choices=[432, 720], default=720)
    parser.add_argument('--slope', default='4,8,16,24,32,48,64', help='numbers of idle cameras')
    parser.add_argument('--slope-minutes', type=float, default=1)
    args = parser.parse_args()
    bench = Bench(args.build, seconds=0, runs=0)
    rows, raw = [], {}
    try:
        model = bench.data(MODEL)
        if args.minutes > 0:
            raw['long'] = watch(bench, clips_of(bench, args.cameras, args.moving, args.size), 60 * args.minutes, model)
            rows += long_rows(raw['long'], args.cameras, args.moving)
        if args.slope:
            more, raw['slope'] = slope_run(bench, [int(n) for n in args.slope.split(',')], 60 * args.slope_minutes,
                                           args.size, model)
            rows += more
    except Absent as why:
        sys.exit(f'fleet: {why}')
    print_table(rows)
    with open(os.path.join(bench.out, 'fleet.json'), 'w', encoding='utf-8') as f:
        json.dump({'rows': rows, 'samples': raw}, f)
        f.write('\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
