"""Cameras that misbehave on purpose: a minimal RTSP server over plain sockets, real H.264 in it.

Each Camera has a port of its own and streams one clip, interleaved, to whoever plays it. begin(fault) makes it
misbehave from now on, end() makes it answer properly again; connections that suffered stay broken for ever, so that
only a client which notices gets well. All of it runs on one thread, that of Server.
"""
import asyncio
import base64
import random
import socket
import struct
import subprocess
import threading
import time

FAULTS = {
    'refused': 'nobody listens',
    'reset': 'connections are reset, old and new',
    'closed': 'connections are closed, old and new',
    'hung': 'connections are accepted, but nothing is answered; the old one gets no more data',
    'half-open': 'as after a cut cable: no data, no answer, no end',
    'silent': 'all is answered, but no pictures come',
    'reports': 'all is answered, but only sender reports come',
    'garbage': 'noise instead of interleaved packets',
    'garbage-rtp': 'noise inside of RTP packets',
    'garbage-answer': 'noise as answer to everything',
    'bye': 'the stream says goodbye; new ones are refused with 503',
    'missing': 'the stream is not known: 404',
    'denied': '401, whatever the credentials',
}
NTP_OFFSET_S = 2208988800
RTP_HZ = 90000


def make_clip(path, codec='libx264', size='160x120', rate=5, gop=5, seconds=4, more=()):
    """Bare H.264 or H.265 without B frames, as from a small camera."""
    form = 'h264' if codec == 'libx264' else 'hevc'
    subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-y', '-f', 'lavfi', '-i',
                    f'testsrc2=size={size}:rate={rate}', '-t', str(seconds), '-c:v', codec, '-preset', 'ultrafast',
                    '-bf', '0', '-g', str(gop), '-pix_fmt', 'yuv420p', *more, '-f', form, path],
                   check=True, stdin=subprocess.DEVNULL)
    return path


def read_units(path):
    """The clip's pictures: lists of NAL units, and the parameter sets."""
    with open(path, 'rb') as file:
        data = file.read()
    starts = []
    at = data.find(b'\0\0\1')
    while at >= 0:
        starts.append(at + 3)
        at = data.find(b'\0\0\1', at + 3)
    nals = [data[a:b].rstrip(b'\0') for a, b in zip(starts, [s - 3 for s in starts[1:]] + [len(data)])]
    sets = {n[0] & 31: n for n in nals if n[0] & 31 in (7, 8)}
    units, unit = [], []
    for nal in nals:
        kind = nal[0] & 31
        if kind in (7, 8, 6, 9):
            continue
        unit = [nal]
        if kind == 5:
            unit = [sets[7], sets[8], nal]
        if nal[1] & 0x80:  # first_mb_in_slice is 0: a new picture
            units.append(unit)
        else:
            units[-1] += [nal]
    return units, [sets[7], sets[8]]


class Connection:
    """One client."""

    def __init__(self, camera, reader, writer):
        self.camera, self.reader, self.writer = camera, reader, writer
        self.broken = None  # the fault it suffered, for ever
        self.playing = None
        self.ssrc = random.getrandbits(32)
        self.sequence = random.getrandbits(16)
        self.base = random.getrandbits(32) if camera.first_stamp is None else camera.first_stamp
        self.packets = self.octets = 0
        self.kept_alive = 0

    def reset(self):
        try:
            self.writer.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                            struct.pack('ii', 1, 0))
        except OSError:
            pass  # it is closed already
        self.close()

    def close(self):
        if self.playing:
            self.playing.cancel()
        self.writer.transport.abort() if self.broken == 'reset' else self.writer.close()

    def send(self, data):
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def serve(self):
        try:
            while True:
                head = await self.reader.readuntil(b'\r\n\r\n')
                if not await self.answer(head.decode(errors='replace')):
                    return
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, struct.error):
            pass
        finally:
            self.camera.connections.discard(self)
            self.close()

    def fault(self):
        """What is wrong with this connection; a fault that came with the camera sticks to it."""
        self.broken = self.broken or self.camera.fault
        return self.broken

    async def answer(self, text):
        lines = text.split('\r\n')
        method = lines[0].split(' ')[0]
        headers = {k.strip().lower(): v.strip() for k, _, v in (l.partition(':') for l in lines[1:])}
        fault = self.fault()
        if fault in ('hung', 'half-open'):
            await asyncio.sleep(3600)
        if fault == 'garbage-answer':
            self.send(random.randbytes(200) + b'\r\n\r\n')
            return False
        status = {'missing': '404 Not Found', 'bye': '503 Service Unavailable'}.get(fault, '200 OK')
        more, body = [], ''
        if fault == 'denied':
            status, more = '401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"']
        elif status == '200 OK':
            more, body = self.reply(method, headers)
        if body:
            more += ['Content-Type: application/sdp', f'Content-Length: {len(body)}']
        self.send('\r\n'.join([f'RTSP/1.0 {status}', f'CSeq: {headers.get("cseq", "0")}', *more, '', body]).encode())
        if method == 'PLAY' and status == '200 OK':
            self.playing = asyncio.ensure_future(self.play())
        return method != 'TEARDOWN'

    def reply(self, method, headers):
        if method == 'OPTIONS':
            return ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER'], ''
        if method == 'DESCRIBE':
            return [f'Content-Base: {self.camera.url()}/'], self.camera.sdp()
        if method == 'SETUP':
            return ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', f'Session: 1;timeout={self.camera.session_s}'], ''
        if method == 'PLAY':
            self.camera.on_play(self)
        if method in ('GET_PARAMETER', 'OPTIONS'):
            self.kept_alive += 1
            self.camera.kept_alive += 1
        return ['Session: 1'], ''

    def interleaved(self, channel, data):
        self.send(struct.pack('>cBH', b'$', channel, len(data)) + data)

    def report(self, stamp):
        now = time.time() + self.camera.clock_s + NTP_OFFSET_S
        self.interleaved(1, struct.pack('>BBHIIIIII', 0x80, 200, 6, self.ssrc, int(now) & 0xffffffff,
                                        int(now % 1 * 2**32), stamp, self.packets, self.octets))

    def picture(self, unit, stamp):
        for i, nal in enumerate(unit):
            if self.broken == 'garbage-rtp':
                nal = random.randbytes(len(nal))
            marker = 0x80 if i == len(unit) - 1 else 0
            self.interleaved(0, struct.pack('>BBHII', 0x80, 96 | marker, self.sequence, stamp, self.ssrc) + nal)
            self.sequence = (self.sequence + 1) & 0xffff
            self.packets += 1
            self.octets += len(nal)

    async def play(self):
        camera, loop = self.camera, asyncio.get_running_loop()
        begun = loop.time()
        for number in range(1 << 30):
            unit = camera.units[number % len(camera.units)]
            stamp = (self.base + int(number * RTP_HZ * camera.pace)) & 0xffffffff
            fault = self.fault()
            if fault == 'garbage':
                self.send(random.randbytes(random.randint(10, 3000)))
            elif fault in (None, 'garbage-rtp') and not (camera.keyless and len(unit) > 1):
                self.picture(unit, stamp)
            if fault in (None, 'reports') and camera.reports and number % camera.reports == 0:
                self.report(stamp)
            await asyncio.sleep(max(begun + (number + 1) * camera.pace - loop.time(), 0))


class Camera:
    """One port. Only to be used on the server's thread, except for what says otherwise."""

    def __init__(self, units, sets, rate, reports=0):
        self.units, self.sets, self.pace, self.reports = units, sets, 1 / rate, reports
        self.fault = None
        self.keyless = False  # no key frames
        self.clock_s = 0      # how far its clock is ahead
        self.first_stamp = None  # of RTP; else anything
        self.session_s = 60
        self.connections = set()
        self.listener, self.port = None, 0
        self.plays, self.kept_alive = 0, 0
        self.play_listener = lambda: None

    def url(self):
        return f'rtsp://127.0.0.1:{self.port}/camera'

    def sdp(self):
        sprop = ','.join(base64.b64encode(s).decode() for s in self.sets)
        return '\r\n'.join(['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=camera', 'c=IN IP4 0.0.0.0', 't=0 0',
                            'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000',
                            f'a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}', 'a=control:track0', ''])

    def on_play(self, connection):
        self.plays += 1
        if not connection.broken:
            self.play_listener()

    async def listen(self):
        self.listener = await asyncio.start_server(self.accept, '127.0.0.1', self.port, reuse_address=True)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        self.connections.add(connection)
        if self.fault in ('reset', 'closed'):
            connection.broken = self.fault
            connection.reset() if self.fault == 'reset' else connection.close()
            self.connections.discard(connection)
            return
        await connection.serve()

    async def begin(self, fault):
        assert fault in FAULTS, fault
        self.fault = fault
        if fault == 'refused':
            self.listener.close()
        for connection in list(self.connections):
            connection.broken = connection.broken or fault
            if fault == 'reset':
                connection.reset()
            elif fault in ('refused', 'closed', 'garbage-answer', 'missing', 'denied'):
                connection.close()
            elif fault == 'bye' and connection.playing:
                connection.interleaved(1, struct.pack('>BBHI', 0x81, 203, 1, connection.ssrc))
            if connection.playing and fault not in ('garbage', 'garbage-rtp', 'reports'):
                connection.playing.cancel()

    async def end(self):
        if self.fault == 'refused':
            await self.listen()
        self.fault = None


class Server:
    """Cameras on a thread of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        """From any other thread: waits for the result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def add(self, camera):
        self.run(camera.listen())
        return camera

    def begin(self, camera, fault):
        self.run(camera.begin(fault))

    def end(self, camera):
        self.run(camera.end())
