"""Cameras over HTTP for tests: MJPEG and single pictures, with a login, and what can go wrong.

Prints nothing; Camera.url(path) names what is served: PATHS says what each path does.
"""
import base64
import hashlib
import http.server
import shutil
import socketserver
import subprocess
import threading
import time

PATHS = {
    '/mjpeg': 'parts with lengths', '/bare': 'parts without lengths, the dashes in the name of the boundary',
    '/still.jpg': 'one picture', '/unclear': 'one picture without a type',
    '/basic.jpg': 'behind Basic', '/digest.jpg': 'behind Digest', '/digest-mjpeg': 'parts behind Digest',
    '/stall': 'parts, then silence', '/truncated.jpg': 'less than was promised', '/wrong-length': 'parts with lengths '
    'that are wrong', '/html': 'a page', '/playlist.m3u8': 'a playlist that names /secret', '/endless-header': '',
    '/huge.jpg': 'promises a picture of 3 GB', '/huge-part': 'a part without an end', '/to-file': 'redirect to a file',
    '/to-host': 'redirect to another name', '/to-still': 'redirect to /still.jpg', '/loop': 'redirect to itself',
    '/hang': 'no answer', '/secret': 'nobody may come here',
}
REALM = 'camera'


def make_pictures(count=4):
    """JPEG pictures, each another one."""
    data = subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=1',
                           '-frames:v', str(count), '-c:v', 'mjpeg', '-f', 'mjpeg', '-'],
                          check=True, stdin=subprocess.DEVNULL, capture_output=True).stdout
    return [b'\xff\xd8' + part for part in data.split(b'\xff\xd8')[1:]]


def available():
    return None if shutil.which('ffmpeg') else 'ffmpeg is not installed'


class Camera:
    """A server on a thread; counts requests by path."""

    def __init__(self, user='viewer', password='secret'):
        self.user, self.password = user, password
        self.pictures = make_pictures()
        self.rate = 10
        self.requests = {}
        self.away = False  # every picture is answered with 503
        self.stopping = threading.Event()
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.camera = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f'http://127.0.0.1:{self.server.server_address[1]}{path}'

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients may go at any time."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        """Not to the terminal."""

    def do_GET(self):
        camera = self.server.camera
        camera.requests[self.path] = camera.requests.get(self.path, 0) + 1
        name = self.path[1:].split('.')[0].replace('-', '_')
        action = getattr(self, 'get_' + name, None)
        if camera.away:
            self.answer(503, 'text/plain', b'later')
        elif action:
            action()
        else:
            self.answer(404, 'text/plain', b'no')

    def answer(self, status, kind, body=b'', length=None, **headers):
        self.send_response(status)
        if kind:
            self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body)

    def picture(self):
        camera = self.server.camera
        return camera.pictures[sum(camera.requests.values()) % len(camera.pictures)]

    # -- single pictures

    def get_still(self):
        self.answer(200, 'image/jpeg', self.picture())

    def get_unclear(self):
        self.answer(200, 'application/octet-stream', self.picture())

    def get_basic(self):
        camera = self.server.camera
        wanted = 'Basic ' + base64.b64encode(f'{camera.user}:{camera.password}'.encode()).decode()
        if self.headers.get('Authorization') == wanted:
            self.get_still()
        else:
            self.answer(401, None, WWW_Authenticate=f'Basic realm="{REALM}"')

    def may_come(self):
        """Digest as in RFC 2617, with qop."""
        camera = self.server.camera
        given = self.headers.get('Authorization', '')
        if given.startswith('Digest '):
            fields = {k.strip(): v.strip().strip('"') for k, _, v in
                      (f.partition('=') for f in given[7:].split(', '))}
            def md5(*parts):
                return hashlib.md5(':'.join(parts).encode()).hexdigest()
            wanted = md5(md5(camera.user, REALM, camera.password), fields.get('nonce', ''), fields.get('nc', ''),
                         fields.get('cnonce', ''), fields.get('qop', ''), md5('GET', self.path))
            if fields.get('username') == camera.user and fields.get('response') == wanted:
                return True
        self.answer(401, None, WWW_Authenticate=f'Digest realm="{REALM}", nonce="4711", qop="auth"')
        return False

    def get_digest(self):
        if self.may_come():
            self.get_still()

    def get_truncated(self):
        picture = self.picture()
        self.answer(200, 'image/jpeg', picture[:len(picture) // 2], len(picture))
        self.close_connection = True

    def get_huge(self):
        self.answer(200, 'image/jpeg', b'\xff\xd8', 3 << 30)
        self.server.camera.stopping.wait(20)

    # -- streams

    def begin_parts(self, boundary='frame'):
        self.send_response(200)
        self.send_header('Content-Type', f'multipart/x-mixed-replace; boundary={boundary}')
        self.end_headers()
        self.close_connection = True

    def parts(self, count=None, length=len, boundary=b'--frame'):
        camera = self.server.camera
        number = 0
        while not camera.stopping.wait(1 / camera.rate) and (count is None or number < count):
            picture = camera.pictures[number % len(camera.pictures)]
            head = f'Content-Length: {length(picture)}\r\n'.encode() if length else b''
            self.wfile.write(boundary + b'\r\nContent-Type: image/jpeg\r\n' + head + b'\r\n' + picture + b'\r\n')
            number += 1

    def get_mjpeg(self):
        self.begin_parts()
        self.parts()

    def get_bare(self):
        self.begin_parts('--frame')
        self.parts(length=None)

    def get_digest_mjpeg(self):
        if self.may_come():
            self.get_mjpeg()

    def get_stall(self):
        self.begin_parts()
        self.parts(count=10)
        self.server.camera.stopping.wait(60)

    def get_wrong_length(self):
        self.begin_parts()
        self.parts(length=lambda picture: len(picture) // 3)

    def get_huge_part(self):
        self.begin_parts()
        self.wfile.write(b'--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8')
        while not self.server.camera.stopping.is_set():
            self.wfile.write(bytes(65536))

    # -- what is no picture

    def get_html(self):
        self.answer(200, 'text/html; charset=utf-8', b'<html><img src="/secret"></html>')

    def get_playlist(self):
        body = f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{self.server.camera.url("/secret")}\n#EXT-X-ENDLIST\n'
        self.answer(200, 'application/vnd.apple.mpegurl', body.encode())

    def get_secret(self):
        self.get_still()

    def get_endless_header(self):
        self.wfile.write(b'HTTP/1.1 200 OK\r\n')
        number = 0
        while not self.server.camera.stopping.is_set():
            self.wfile.write(b''.join(b'Set-Cookie: a%d=%s\r\n' % (number + i, b'x' * 50) for i in range(100)))
            number += 100
            time.sleep(0.001)

    def redirect(self, location):
        self.answer(302, None, Location=location)

    def get_to_file(self):
        self.redirect('file:///etc/passwd')

    def get_to_host(self):
        self.redirect(self.server.camera.url('/still.jpg').replace('127.0.0.1', 'localhost'))

    def get_to_still(self):
        self.redirect('/still.jpg')

    def get_loop(self):
        self.redirect('/loop')

    def get_hang(self):
        self.server.camera.stopping.wait(60)
