"""risk: what the risk stage adds for each window: processor time and bytes without a model, the time from a window's end
to its stored verdict less the model's own, and what the thread that asks costs beside a bare loop around libcurl."""
import json
import os
import subprocess
import sys
import tempfile

from harness import ROOT, Absent, absent_row, median, row

sys.path += [os.path.join(ROOT, 'tests', 'e2e'), os.path.join(ROOT, 'tests', 'double')]
import llama  # noqa: E402
from llm_server import Double  # noqa: E402

SET = os.path.join(ROOT, 'share', 'evaluate', 'home.jsonl')
ROUNDS = 7
OUTPUT_S_MAX = 70
DOUBLE_WINDOWS, DOUBLE_S = 200, 12
REAL_WINDOWS, REAL_S = 24, 40


def output(*command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=OUTPUT_S_MAX)
    except subprocess.TimeoutExpired as late:
        raise RuntimeError(f'{os.path.basename(command[0])}: not done in {OUTPUT_S_MAX} s') from late
    if result.returncode:
        raise RuntimeError(f'{os.path.basename(command[0])}: {result.stderr.strip()[-300:]}')
    return json.loads(result.stdout)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


# ---- without a model -----------------------------------------------------------------------------

def cost_rows(bench):
    with tempfile.TemporaryDirectory(prefix='hsi-bench-') as folder:
        c = output(bench.program('risk_cost'), folder, SET, str(2 if bench.runs == 1 else ROUNDS))
    us = {name: median(c[name + '_us']) for name in
          ('score', 'write', 'pack', 'judge', 'prompt', 'jansson_read', 'jansson_write', 'zstd', 'store_plain',
           'store_window', 'sqlite')}

    def cpu(part, what, step, beside=None, baseline=None):
        return row('risk.' + part, f'{what}, CPU a window', us[step], 'us', baseline, us.get(beside),
                   us[step] / us[beside] if beside else None)
    return [
        cpu('score', 'scoring by the rules', 'score', 'jansson_read', 'jansson reads the window'),
        cpu('write', 'writing the window', 'write', 'jansson_write', 'jansson writes it'),
        cpu('pack', 'compressing it', 'pack', 'zstd', 'zstd with a context kept'),
        cpu('stage', 'all of the risk stage', 'judge', 'jansson_read', 'jansson reads the window'),
        cpu('store', 'storing event, window and job', 'store_window', 'store_plain', 'the event alone'),
        cpu('store.sqlite', 'storing event, window and job', 'store_window', 'sqlite', 'the same bytes in one row'),
        cpu('prompt', 'evidence and prompt', 'prompt', 'jansson_read', 'jansson reads the window'),
        row('risk.bytes', 'window, compressed', c['packed_bytes'], 'B', 'its JSON', c['window_bytes'],
            c['packed_bytes'] / c['window_bytes']),
        row('risk.bytes.file', 'database, an event with window and job', c['file_window_bytes'], 'B',
            'the event alone', c['file_plain_bytes'], c['file_window_bytes'] / c['file_plain_bytes'],
            floor=c['file_sqlite_bytes']),
    ]


# ---- with one ------------------------------------------------------------------------------------

def live(bench, url, windows, seconds, beside):
    """What bench_risk_live says of so many windows, taken from all over the set."""
    with open(SET, encoding='utf-8') as f:
        lines = f.readlines()
    with tempfile.TemporaryDirectory(prefix='hsi-bench-') as folder:
        some = os.path.join(folder, 'some.jsonl')
        with open(some, 'w', encoding='utf-8') as f:
            f.writelines(lines[::max(1, len(lines) // windows)][:windows])
        return output(bench.program('risk_live'), os.path.join(folder, 'store'), url, some, str(windows), str(seconds),
                      beside)


def latency_rows(part, who, r):
    """Only windows whose first answer was one: a second question comes seconds later, by intent."""
    laps = [lap for lap in r['laps'] if lap[3] == 1]
    added = [(total - model) / 1000 for total, model, _, _ in laps]
    floor = 2 * median(r['commit_us']) / 1000
    name = f'end of window to stored verdict, less the model\'s time, {who}'
    return [row(f'risk.late.{part}.{q}', f'{name}, {q} of {len(laps)}', value, 'ms', 'two commits of the store', floor,
                value / floor) for q, value in (('p50', median(added)), ('p99', quantile(added, 0.99)))]


def client_rows(part, who, r):
    both = [(model / 1000, bare / 1000) for _, model, bare, tries in r['laps'] if tries == 1 and bare]
    mine, bare = [m for m, _ in both], [b for _, b in both]
    return [row(f'risk.cpu.{part}', f'the llm thread, CPU a window, {who}', r['own_us'] / 1000, 'ms',
                'bare libcurl', r['bare_cpu_us'] / 1000, r['own_us'] / r['bare_cpu_us'], idle_ms=r['idle_us'] / 1000),
            row(f'risk.model.{part}', f'one question and its answer, {who}, median', median(mine), 'ms',
                'bare libcurl', median(bare), median(mine) / median(bare))]


def bytes_rows(r):
    kept = r['request_packed_bytes'] + r['reply_packed_bytes']
    plain = r['request_bytes'] + r['reply_bytes']
    return [row('risk.bytes.run', 'request and reply, compressed', kept, 'B', 'as they went', plain, kept / plain,
                request=r['request_packed_bytes'], reply=r['reply_packed_bytes'])]


def double_rows(bench):
    double = Double()
    # A reply in pieces: one that is faster than the store's commit_wait would wait for that.
    double.mode(always='slow')
    double.set(ms=1)
    try:
        r = live(bench, double.url, 20 if bench.runs == 1 else DOUBLE_WINDOWS, DOUBLE_S, 'alone')
    finally:
        double.stop()
    return latency_rows('double', 'a server that only pretends', r)


def real_rows(bench):
    why = llama.missing()
    if why:
        raise Absent(why)
    # One slot and no cache of whole prompts, in which the bare loop would find what hsi has asked before.
    server = llama.Llama(llama.model('tiny-llm.gguf'), '-cram', '0', slots=1, context=16384)
    try:
        r = live(bench, server.url, 6 if bench.runs == 1 else REAL_WINDOWS, REAL_S, 'bare')
    finally:
        server.stop()
    who = 'llama-server, tiny model'
    return latency_rows('llama', who, r) + client_rows('llama', who, r) + bytes_rows(r)


def run(bench):
    rows = cost_rows(bench) + double_rows(bench)
    try:
        return rows + real_rows(bench)
    except (Absent, RuntimeError) as why:
        return rows + [absent_row('risk.late.llama', 'end of window to stored verdict, llama-server', why)]
