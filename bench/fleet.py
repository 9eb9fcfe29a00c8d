#!/usr/bin/env python3
"""Many simulated RTSP cameras on this machine, and what hsi alone takes for them over a long time.

usage: bench/fleet.py [--build DIR] [--cameras 16] [--moving 2] [--minutes 30] [--size 720|432]
                      [--slope 4,8,16,24,32,48,64] [--slope-minutes 1] [--daemons 1]

Its own command: `make bench` does not run it. The cameras are fleet_server.py's, whose CPU is counted apart. Writes
BUILD/bench/fleet.json with every sample. Ends with 1 if memory grew in the long run. --minutes 0 leaves that one out,
--slope '' the other one: idle cameras only, more and more of them, until the simulator no longer delivers what they
would or hsi no longer takes it. --daemons: as many hsi share them, the first 64 to the first; one hsi takes no more.
"""
import argparse
import contextlib
import datetime
import json
import os
import re
import subprocess
import sys
import time

import peers
import recordings
from harness import (Absent, Bench, Hsi, Process, ROOT, config_text, median, memory_mb, print_table, row,
                     threads_s)

CAMERAS_MAX = 64  # of one hsi
SAMPLE_S = 5
WARM_S = 30
SETTLED_S = 120  # of a process: from then on its memory is to stay what it is
LEVEL_S = 120  # a level is the median over so long
GROWN_KIB = 256  # of each camera: what an allocator may waste yet
PAGES_MB = 8  # the database's page cache, which fills with what is committed (store/db.c limits it)
ONLINE_WITHIN_S = 60
MODEL = 'yolo26n-320.onnx'
# Less than that of what its cameras would send, and the simulator is at its end.
DELIVERED_MIN = 0.98
# More than that of their packets skipped, and the daemons are.
SKIPPED_MAX = 0.01
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


def walk_clip(bench, size):
    """47 s in which somebody comes into view, walks about and goes: an event each time, with its pictures."""
    path = os.path.join(bench.out, f'walk-{size}.mp4')
    if not os.path.exists(path):
        scale, rate = ('1280:720', '2M') if size == 720 else ('768:432', '800k')
        subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-y', '-ss', '92', '-i', bench.data('person-walk.mp4'),
                        '-an', '-vf', f'scale={scale}:flags=bicubic', '-r', '10', '-c:v', 'libx264', '-preset',
                        'veryfast', '-profile:v', 'main', '-bf', '0', '-g', '20', '-keyint_min', '20', '-sc_threshold',
                        '0', '-b:v', rate, '-maxrate', rate, '-bufsize', rate, '-pix_fmt', 'yuv420p', '-f', 'mp4',
                        path + '.new'], check=True)
        os.rename(path + '.new', path)
    return path


def clips_of(bench, cameras, moving, size):
    """path -> clip: moving cameras first, then static ones."""
    still = recordings.recording(bench, f'idle-{size}').path
    walk = walk_clip(bench, size) if moving else None
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


def mappings_mb(pid):
    """Resident memory by what it is for. glibc keeps what threads allocate in arenas: heaps of 64 MiB, each at a
    multiple of that."""
    result, kind = {}, ''
    with open(f'/proc/{pid}/smaps', encoding='utf-8') as f:
        for line in f:
            head = re.match(r'([0-9a-f]+)-([0-9a-f]+) .{4} \S+ \S+ \d+\s*(.*)', line)
            if head:
                start, end, name = int(head[1], 16), int(head[2], 16), head[3]
                kind = ('file' if name.startswith('/') else name.strip('[]') if name else
                        f'arena {start >> 26:x}' if start % (64 << 20) == 0 else
                        'stack' if end - start == 1 << 20 else 'mmap')
            elif line.startswith('Rss:') and line.split()[1] != '0':
                result[kind] = result.get(kind, 0) + int(line.split()[1]) / 1024
    return result


def sums(dicts):
    """What they hold, key by key: numbers, or tuples of them."""
    result = {}
    for d in dicts:
        for key, value in d.items():
            had = result.get(key)
            result[key] = (value if had is None else tuple(map(sum, zip(had, value))) if isinstance(value, tuple)
                           else had + value)
    return result


def busiest_s(pid):
    """Thread -> seconds so far, each thread for itself."""
    result = {}
    for task in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f'/proc/{pid}/task/{task}/schedstat', encoding='utf-8') as f:
                result[task] = int(f.read().split()[0]) / 1e9
    return result


def ages_s(cameras):
    """How old the newest picture of each is."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return [(now - datetime.datetime.fromisoformat(c['picture_at'].replace('Z', '+00:00'))).total_seconds()
            for c in cameras if c.get('picture_at')]


def sample(daemons, server):
    """Everything that counts up or lies around, at this moment, of all daemons together."""
    for hsi in daemons:
        if not hsi.alive():
            raise RuntimeError(f'{hsi.log.name}: the program ended with {hsi.child.returncode}')
    memory = [memory_mb(hsi.pid) for hsi in daemons]
    cameras, ages = [], []
    for hsi in daemons:
        answer = hsi.cameras()
        cameras += answer
        ages += ages_s(answer)
    simulator = threads_s(server.pid)
    return {'at_s': time.monotonic(), 'up_s': time.monotonic() - daemons[0].started,
            'rss_mb': sum(rss for rss, _ in memory), 'anon_mb': sum(anonymous for _, anonymous in memory),
            'mappings_mb': sums(mappings_mb(hsi.pid) for hsi in daemons),
            'fds': sum(descriptors(hsi.pid) for hsi in daemons),
            'threads': sums(threads_s(hsi.pid) for hsi in daemons),
            'server_s': sum(used for used, _ in simulator.values()),
            'server_waited_s': sum(waited for _, waited in simulator.values()),
            'server_tasks': busiest_s(server.pid), 'all_s': cpu_all_s(), 'server_connections': server.connections(),
            'health': sums(hsi.get('/health')['pipeline'] for hsi in daemons),
            'system': sums(hsi.get('/api/system').get('memory', {}) for hsi in daemons),
            'stored': sums(hsi.get('/api/system')['store'] for hsi in daemons), 'cameras': cameras, 'ages_s': ages}


def wait_online(hsi):
    start = time.monotonic()
    while time.monotonic() - start < ONLINE_WITHIN_S:
        states = [c['state'] for c in hsi.cameras()]
        if all(s == 'online' for s in states):
            return
        time.sleep(0.5)
    raise RuntimeError(f'{states.count("online")} of {len(states)} cameras are online after {ONLINE_WITHIN_S} s')


def start_daemons(bench, server, clips, model, idle, stack):
    """As many as it takes, one after another, so that each finds the simulator free."""
    paths, daemons = list(clips), []
    for first in range(0, len(paths), CAMERAS_MAX):
        urls = {path: f'rtsp://127.0.0.1:{server.port}/{path}' for path in paths[first:first + CAMERAS_MAX]}
        text = config_text(urls, model, snapshots=True, idle=idle)
        hsi = stack.enter_context(Hsi(bench, f'fleet-hsi-{len(daemons)}', text))
        hsi.wait_health(lambda h: 'pipeline' in h)
        wait_online(hsi)
        daemons.append(hsi)
    return daemons


def watch(bench, clips, seconds, model, idle=None):
    """Samples of hsi on those simulated cameras, the first one after a while to settle."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(bench, clips))
        daemons = start_daemons(bench, server, clips, model, idle, stack)
        time.sleep(min(WARM_S, seconds / 2))
        samples, start = [sample(daemons, server)], time.monotonic()
        samples[0]['sent_bytes_per_s'] = sent_bytes_per_s(clips)
        while time.monotonic() - start < seconds:
            time.sleep(min(SAMPLE_S, max(0.0, start + seconds - time.monotonic())))
            samples.append(sample(daemons, server))
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


def growth_rows(samples, cameras):
    """What a settled process took and kept, and in which mappings. What a burst took and gave back is no growth."""
    settled = [s for s in samples if s['up_s'] >= SETTLED_S]
    if not settled or settled[-1]['up_s'] < SETTLED_S + 2 * LEVEL_S:
        return []
    before = [s for s in settled if s['up_s'] <= SETTLED_S + LEVEL_S]
    after = [s for s in settled if s['up_s'] >= settled[-1]['up_s'] - LEVEL_S]

    def level(of, read):
        return median([read(s) for s in of])
    start, end = level(before, lambda s: s['rss_mb']), level(after, lambda s: s['rss_mb'])
    bound, minutes = PAGES_MB + GROWN_KIB * cameras / 1024, (settled[-1]['up_s'] - SETTLED_S) / 60
    rows = [row('F1.grown', f'RSS after {minutes:.0f} min', end, 'MiB', f'after {SETTLED_S} s', start, end / start,
                f'<= +{bound:g} MiB', end - start <= bound)]
    for kind in sorted({kind for s in before + after for kind in s['mappings_mb']}):
        was, now = (level(of, lambda s: s['mappings_mb'].get(kind, 0)) for of in (before, after))
        if abs(now - was) >= 0.1:
            rows.append(row('F1.grown', f'of it {kind}', now, 'MiB', f'after {SETTLED_S} s', was))
    rows.append(row('F1.grown', 'RSS for a moment, at its most', max(s['rss_mb'] for s in settled), 'MiB'))
    return rows


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
    rows += growth_rows(samples, count)
    rows.append(row('F1.fds', 'open descriptors', last['fds'], '', 'at the start', first['fds'],
                    last['fds'] / first['fds'], 'no growth', last['fds'] <= first['fds'] + 2))
    rows.append(row('F1.reconnects', 'connections that the simulator saw anew',
                    last['server_connections'] - first['server_connections'], ''))
    rows.append(row('F1.events', 'versions of events committed',
                    last['stored']['events'] - first['stored']['events'], ''))
    rows.append(row('F1.delivered', 'video received', delivered(samples), 'of those sent'))
    rows += [row('F1.count', f'{key}, all cameras', grown(samples, key), '') for key in COUNTS]
    rows += [row('F1.count', f'{key}, pipeline', last['health'][key] - first['health'][key], '')
             for key in HEALTH_COUNTS if key in last['health']]
    rows += [row('F1.where', f'memory: {key}', value / 2 ** 20, 'MiB') for key, value in last['system'].items()]
    return rows


def idle_share(samples):
    cameras = [c for s in samples for c in s['cameras']]
    return sum(bool(c.get('idle', {}).get('idle')) for c in cameras) / len(cameras)


def quantile(values, share):
    return sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else None


def lost(samples):
    """What the daemons could not keep up with, by reason."""
    result = {key: grown(samples, key) for key in ('skipped_packets', 'dropped_frames', 'damaged_frames', 'losses')}
    for key in ('overwritten_looks', 'stale_looks'):
        result[key] = samples[-1]['health'].get(key, 0) - samples[0]['health'].get(key, 0)
    return result


def waited(samples):
    """Cores that the daemons' threads were ready for and did not get."""
    first, last = samples[0], samples[-1]
    seconds = sum(last['threads'][name][1] - first['threads'].get(name, (0, 0))[1] for name in last['threads'])
    return seconds / (last['at_s'] - first['at_s'])


def busiest(samples):
    """Of a core, the simulator's thread that had the most of one."""
    first, last = samples[0], samples[-1]
    spent = [used - first['server_tasks'].get(task, 0) for task, used in last['server_tasks'].items()]
    return max(spent) / (last['at_s'] - first['at_s'])


def at_end(samples):
    """Who can no longer keep up, None if both can."""
    if delivered(samples) < DELIVERED_MIN:
        return 'the simulator is'
    packets = sum(c['idle']['packets'] for c in samples[-1]['cameras'])
    packets -= sum(c['idle']['packets'] for c in samples[0]['cameras'])
    skipped = grown(samples, 'skipped_packets')
    return 'the daemons are' if skipped > SKIPPED_MAX * (packets + skipped) else None


def point_rows(count, samples):
    """One number of idle cameras: who takes what of the machine, and what comes of it."""
    cpu, came, machine = sum(stages(samples).values()), delivered(samples), rate(samples, 'all_s')
    server, losses = rate(samples, 'server_s'), lost(samples)
    ages = [age for s in samples for age in s['ages_s']]
    rows = [row('F2', f'{count} idle cameras', cpu, 'cores', 'the simulator', server, cpu / server, delivered=came,
                machine_cores=machine, rss_mb=median([s['rss_mb'] for s in samples]), idle=idle_share(samples),
                stages=stages(samples)),
            row('F2.delivered', f'video received, {count} idle cameras, machine at {machine:.2f} cores', came,
                'of those sent')]
    rows.append(row('F2.others', 'what is neither', machine - cpu - server, 'cores'))
    rows.append(row('F2.wait', 'ready and without a core: hsi', waited(samples), 'cores', 'the simulator',
                    rate(samples, 'server_waited_s')))
    rows.append(row('F2.thread', 'busiest thread of the simulator', busiest(samples), 'cores'))
    rows.append(row('F2.age', 'newest pictures, p99 of their age', quantile(ages, .99), 's', 'half of them',
                    quantile(ages, .5)))
    reasons = ', '.join(f'{key} {n}' for key, n in losses.items() if n)
    rows.append(row('F2.lost', reasons or 'nothing dropped or late', sum(losses.values()), '', **losses))
    return rows


def slope_run(bench, counts, seconds, size, model):
    """Idle cameras only. Rows, and the samples by count."""
    rows, kept, points = [], {}, []
    for count in counts:
        try:
            samples = watch(bench, clips_of(bench, count, 0, size), seconds, model)
        except (RuntimeError, OSError) as why:
            rows.append(row('F2.end', f'{count} idle cameras: {why}', count, 'cameras'))
            break
        kept[count] = samples
        more = point_rows(count, samples)
        rows += more
        print('\n'.join(f'{r["name"]}: {r["value"]} {r["unit"]}' for r in more), file=sys.stderr, flush=True)
        points.append((count, more[0]['value'], more[0]['rss_mb']))
        who = at_end(samples)
        if who:
            rows.append(row('F2.end', f'cameras, at which {who} saturated', count, 'cameras'))
            break
    else:
        rows.append(row('F2.end', 'cameras, and neither side is at its end', counts[-1], 'cameras'))
    if len(points) > 1:
        (n0, cpu0, mb0), (n1, cpu1, mb1) = points[0], points[-1]
        rows.append(row('F2.slope', f'each further idle camera, {n0} to {n1}', (cpu1 - cpu0) / (n1 - n0), 'cores'))
        rows.append(row('F2.memory', f'each further idle camera, {n0} to {n1}, RSS', (mb1 - mb0) / (n1 - n0), 'MiB'))
    return rows, kept


def slope_counts(text, daemons):
    """Numbers of idle cameras, those that so many daemons take."""
    most = CAMERAS_MAX * daemons
    if text is None:
        return [4, 8, 16, 24, 32, 48, 64] + list(range(96, most + 1, 32))
    counts = [int(n) for n in text.split(',') if n]
    if any(n > most for n in counts):
        sys.exit(f'fleet: {daemons} daemon takes {most} cameras at most: --daemons N for more')
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build')
    parser.add_argument('--cameras', type=int, default=16)
    parser.add_argument('--moving', type=int, default=2)
    parser.add_argument('--minutes', type=float, default=30)
    parser.add_argument('--size', type=int, choices=[432, 720], default=720)
    parser.add_argument('--slope', help='numbers of idle cameras')
    parser.add_argument('--slope-minutes', type=float, default=1)
    parser.add_argument('--daemons', type=int, default=1, help=f'at {CAMERAS_MAX} cameras each')
    args = parser.parse_args()
    counts = slope_counts(args.slope, args.daemons)
    bench = Bench(args.build, seconds=0, runs=0)
    rows, raw = [], {}
    try:
        model = bench.data(MODEL)
        if args.minutes > 0:
            raw['long'] = watch(bench, clips_of(bench, args.cameras, args.moving, args.size), 60 * args.minutes, model)
            rows += long_rows(raw['long'], args.cameras, args.moving)
        if counts:
            more, raw['slope'] = slope_run(bench, counts, 60 * args.slope_minutes, args.size, model)
            rows += more
    except Absent as why:
        sys.exit(f'fleet: {why}')
    print_table(rows)
    with open(os.path.join(bench.out, 'fleet.json'), 'w', encoding='utf-8') as f:
        json.dump({'rows': rows, 'samples': raw}, f)
        f.write('\n')
    return int(any(r['met'] is False for r in rows))


if __name__ == '__main__':
    sys.exit(main())
