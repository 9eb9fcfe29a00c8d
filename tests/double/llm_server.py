#!/usr/bin/env python3
"""A model server that behaves, or fails in the way it is told: MODES says how.

It speaks as llama-server does (or as vLLM or Ollama), makes its answer out of the schema it is given, the same for the
same question, and keeps count. As a program it prints "port N" and serves until its standard input ends; a test in
Python uses Double. What it does next is set by requests, so that a test in any language can:

    /double/mode?next=500,ok,hang    the next three requests for a reply (not probes), then what always= said
    /double/mode?always=slow&ms=20   all of them
    /double/set?health=loading       more of SETTINGS
    /double/state                    what was asked, as JSON
"""
import argparse
import base64
import hashlib
import http.server
import json
import re
import select
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.parse

MODES = {
    'ok': 'a reply that the schema allows', 'slow': 'the same, a piece every ms= milliseconds',
    'die': 'the connection ends in the middle of the reply', 'drop': 'it ends before there is an answer',
    'hang': 'nothing comes', 'stall': 'nothing comes any more, in the middle', 'reset': 'the connection is reset',
    '500': 'server error', 'utf8-500': 'as llama-server fails on a broken reply', '503': 'no slot, with Retry-After',
    '400': 'wrong request', 'context': '400: longer than the context', '401': 'wrong key', '404': 'no such model',
    '429': 'too many', 'redirect': 'another address', 'garbage': 'bytes', 'html': 'a page',
    'no-stream': 'the reply in one piece', 'half': 'half the JSON, and it says that it was done',
    'wrong-schema': 'other fields', 'ignore-schema': 'prose', 'huge': '10 MB of reply',
    'huge-line': '10 MB without a line end', 'huge-headers': '1 MB of headers', 'length': 'cut off at max_tokens',
    'broken-utf8': 'bytes that are no text', 'error-inside': 'an error in the stream', 'no-done': 'no [DONE]',
    'empty': 'a reply without a word', 'slowloris': 'a byte every ms=, for ever', 'ghost': 'evidence that is not there',
}
SETTINGS = {
    'kind': 'llama.cpp, vLLM, Ollama or NIM', 'health': 'ok, loading, hang or 500', 'props': 'ok, garbage or missing',
    'models': 'ok, garbage, missing or empty', 'slots': 'how many requests at a time', 'context': 'tokens',
    'vision': '1: sees pictures', 'blind': '1: takes pictures and sees nothing', 'probe': 'mode of all probes',
    'key': 'asks for this key', 'schema': 'ignored: prose, whatever the schema says',
    'model': 'its name', 'ms': 'for slow and slowloris', 'retry_after': 'seconds, of 503 and 429',
}
DEFAULTS = {'kind': 'llama.cpp', 'health': 'ok', 'props': 'ok', 'models': 'ok', 'slots': 2, 'context': 16384,
            'vision': 0, 'blind': 0, 'probe': 'ok', 'key': '', 'schema': 'enforced', 'model': 'double-7b', 'ms': 20,
            'retry_after': 1}
COLOURS = {'red': (255, 0, 0), 'green': (0, 160, 0), 'blue': (0, 0, 255), 'yellow': (255, 255, 0), 'white': (255,) * 3,
           'black': (0, 0, 0), 'grey': (128,) * 3, 'orange': (255, 165, 0), 'purple': (128, 0, 128)}
WORDS = 'a person came up the path and left again by the gate after a while at the door'.split()


class Fields:
    """Chooses within a schema, always the same for the same question."""

    def __init__(self, question):
        self.state = hashlib.sha256(question.encode()).digest()

    def number(self, below):
        self.state = hashlib.sha256(self.state).digest()
        return int.from_bytes(self.state[:8], 'big') % max(1, below)

    def text(self, schema):
        words = [WORDS[self.number(len(WORDS))] for _ in range(4 + self.number(8))]
        return ' '.join(words)[:schema.get('maxLength', 200)].ljust(schema.get('minLength', 0), '.')

    def make(self, schema, root=None):
        root = root if root is not None else schema
        if '$ref' in schema:
            name = schema['$ref'].rsplit('/', 1)[-1]
            return self.make((root.get('$defs') or root.get('definitions'))[name], root)
        if 'const' in schema:
            return schema['const']
        if 'enum' in schema:
            return schema['enum'][self.number(len(schema['enum']))]
        for choice in ('anyOf', 'oneOf'):
            if choice in schema:
                return self.make(schema[choice][0], root)
        kind = schema.get('type', 'object')
        if kind == 'object':
            return {name: self.make(part, root) for name, part in schema.get('properties', {}).items()}
        if kind == 'array':
            least, most = schema.get('minItems', 0), schema.get('maxItems', 3)
            count = max(least, min(most, 1 + self.number(3)))
            return [self.make(schema.get('items', {'type': 'string'}), root) for _ in range(count)]
        if kind in ('integer', 'number'):
            low, high = schema.get('minimum', 0), schema.get('maximum', 100)
            return low + self.number(int(high - low) + 1)
        if kind == 'boolean':
            return bool(self.number(2))
        return None if kind == 'null' else self.text(schema)


def picture_colour(messages):
    """The colour of the first picture in it, by name; None: there is none, or nothing to look with."""
    for message in messages:
        parts = message.get('content')
        for part in parts if isinstance(parts, list) else []:
            url = (part.get('image_url') or {}).get('url', '')
            if url.startswith('data:image/jpeg;base64,') and shutil.which('ffmpeg'):
                shown = subprocess.run(['ffmpeg', '-v', 'error', '-i', '-', '-vf', 'scale=1:1', '-f', 'rawvideo',
                                        '-pix_fmt', 'rgb24', '-'], input=base64.b64decode(url.split(',', 1)[1]),
                                       capture_output=True).stdout
                if len(shown) >= 3:
                    return min(COLOURS, key=lambda c: sum((a - b) ** 2 for a, b in zip(COLOURS[c], shown)))
    return None


def has_picture(messages):
    return 'image_url' in json.dumps(messages)


class Double:
    """The server, on a thread of its own."""

    def __init__(self, port=0, **settings):
        self.lock = threading.Condition()
        self.settings = {**DEFAULTS, **settings}
        self.next, self.always = [], 'ok'
        self.requests, self.asked = {}, []
        self.cancels = self.active = self.most_active = self.finished = 0
        self.stopping = threading.Event()
        self.server = Server(('127.0.0.1', port), Handler)
        self.server.double = self
        self.port = self.server.server_address[1]
        self.url = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def mode(self, *following, always=None):
        """The modes of the next requests for a reply, and of all after them."""
        for name in [*following, *([always] if always else [])]:
            if name not in MODES:
                raise ValueError(f'no mode {name}')
        with self.lock:
            self.next += following
            self.always = always or self.always

    def set(self, **settings):
        for name, value in settings.items():
            if name not in SETTINGS:
                raise ValueError(f'no setting {name}')
            self.settings[name] = type(DEFAULTS[name])(value)

    def take_mode(self):
        with self.lock:
            return self.next.pop(0) if self.next else self.always

    def enter(self, gone):
        """Waits for a free slot as llama-server does. False: who asked has gone meanwhile."""
        with self.lock:
            while self.active >= self.settings['slots']:
                self.lock.wait(0.02)
                if self.stopping.is_set() or gone():
                    return False
            self.active += 1
            self.most_active = max(self.most_active, self.active)
            return True

    def leave(self):
        with self.lock:
            self.active -= 1
            self.lock.notify_all()

    def state(self):
        with self.lock:
            return {'requests': dict(self.requests), 'asked': list(self.asked), 'cancels': self.cancels,
                    'active': self.active, 'most_active': self.most_active, 'finished': self.finished}

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.server.close_all()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *args):
        self.open, self.open_lock = set(), threading.Lock()
        super().__init__(*args)

    def process_request(self, request, client_address):
        with self.open_lock:
            self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self.open_lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def close_all(self):
        """A server that goes takes its connections along."""
        with self.open_lock:
            for request in list(self.open):
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def handle_error(self, *_):
        """Clients may go at any time."""


class Gone(Exception):
    """Who asked has closed the connection."""


class Died(Exception):
    """The server closes it."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Not to the terminal."""

    @property
    def double(self):
        return self.server.double

    # -- plain answers

    def answer(self, status, body, kind='application/json', **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        for key, value in headers.items():
            self.send_header(key.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(data)

    def error(self, status, message, kind='server_error', more=None, **headers):
        self.answer(status, {'error': {'code': status, 'message': message, 'type': kind, **(more or {})}}, **headers)

    def do_GET(self):
        self.route()

    def do_POST(self):
        self.route()

    def route(self):
        path, _, query = self.path.partition('?')
        double = self.double
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        if path.startswith('/double/'):
            self.control(path[8:], dict(urllib.parse.parse_qsl(query)))
            return
        with double.lock:
            double.requests[path] = double.requests.get(path, 0) + 1
        wanted = double.settings['key']
        if wanted and path != '/health' and self.headers.get('Authorization') != f'Bearer {wanted}':
            self.error(401, 'Invalid API Key', 'authentication_error')
            return
        name = {'/health': 'health', '/props': 'props', '/v1/models': 'models', '/slots': 'slots',
                '/api/version': 'version', '/version': 'version', '/v1/chat/completions': 'chat'}.get(path)
        if name == 'chat':
            self.chat(body)
        elif name:
            getattr(self, 'get_' + name)()
        else:
            self.error(404, 'File Not Found', 'not_found_error')

    def control(self, what, query):
        double = self.double
        try:
            if what == 'mode':
                if 'ms' in query:
                    double.set(ms=query['ms'])
                double.mode(*[m for m in query.get('next', '').split(',') if m], always=query.get('always'))
            elif what == 'set':
                double.set(**query)
        except ValueError as error:
            self.answer(400, {'error': str(error)})
            return
        self.answer(200, double.state())

    def get_health(self):
        health = self.double.settings['health']
        if health == 'loading':
            self.error(503, 'Loading model', 'unavailable_error')
        elif health == 'hang':
            self.double.stopping.wait(60)
        elif health == '500':
            self.error(500, 'broken')
        elif self.double.settings['kind'] == 'Ollama':
            self.answer(404, b'404 page not found', 'text/plain')
        else:
            self.answer(200, {'status': 'ok'} if self.double.settings['kind'] == 'llama.cpp' else b'')

    def get_props(self):
        s = self.double.settings
        if s['kind'] != 'llama.cpp' or s['props'] == 'missing':
            self.error(404, 'File Not Found', 'not_found_error')
        elif s['props'] == 'garbage':
            self.answer(200, b'{"total_slots": "many", \xff\xfe')
        else:
            self.answer(200, {'default_generation_settings': {'n_ctx': s['context']}, 'total_slots': s['slots'],
                              'model_path': f'/models/{s["model"]}.gguf', 'build_info': 'b4711-double',
                              'modalities': {'vision': bool(s['vision'] or s['blind']), 'audio': False}})

    def get_models(self):
        s = self.double.settings
        if s['models'] == 'garbage':
            self.answer(200, b'<html>')
        elif s['models'] == 'missing':
            self.error(404, 'File Not Found', 'not_found_error')
        else:
            owner = {'llama.cpp': 'llamacpp', 'vLLM': 'vllm', 'Ollama': 'library', 'NIM': 'nvidia'}[s['kind']]
            more = {'max_model_len': s['context']} if s['kind'] in ('vLLM', 'NIM') else {}
            models = [{'id': s['model'], 'object': 'model', 'owned_by': owner, **more}]
            self.answer(200, {'object': 'list', 'data': models if s['models'] == 'ok' else []})

    def get_version(self):
        if self.double.settings['kind'] in ('Ollama', 'vLLM'):
            self.answer(200, {'version': '0.12.3'})
        else:
            self.error(404, 'File Not Found', 'not_found_error')

    def get_slots(self):
        s = self.double.settings
        self.answer(200, [{'id': i, 'n_ctx': s['context'], 'is_processing': i < self.double.active}
                          for i in range(s['slots'])])

    # -- replies

    def gone(self):
        """Whether who asked has closed the connection."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b''
        except OSError:
            return True

    def chat(self, body):
        double = self.double
        try:
            question = json.loads(body)
            messages = question['messages']
        except (ValueError, KeyError, TypeError):
            self.error(400, "'messages' is required", 'invalid_request_error')
            return
        probing = self.is_probe(question)
        mode = double.settings['probe'] if probing else double.take_mode()
        with double.lock:
            double.asked.append({'mode': mode, 'probe': probing, 'seed': question.get('seed'),
                                 'stream': question.get('stream'), 'temperature': question.get('temperature'),
                                 'bytes': len(body), 'pictures': body.count(b'"image_url":'),
                                 'sha256': hashlib.sha256(json.dumps(messages).encode()).hexdigest()})
        if has_picture(messages) and not (double.settings['vision'] or double.settings['blind']):
            self.error(500, 'image input is not supported - hint: if this is unexpected, you may need to provide the '
                       'mmproj')
            return
        if not double.enter(self.gone):
            with double.lock:
                double.cancels += 1
            self.close_connection = True
            return
        try:
            self.reply(mode, question)
            with double.lock:
                double.finished += 1
        except (Gone, OSError):
            with double.lock:
                double.cancels += 1
            self.close_connection = True
        except Died:
            self.close_connection = True
        finally:
            double.leave()

    @staticmethod
    def is_probe(question):
        """Whether it is asked what it can do, not about an event."""
        return (question.get('response_format') or {}).get('json_schema', {}).get('name') == 'probe'

    def content(self, question):
        """What a model would say; its text when the schema is not kept to."""
        wanted = (question.get('response_format') or {}).get('json_schema', {}).get('schema')
        if not wanted or self.double.settings['schema'] == 'ignored':
            return 'I see that somebody came to the door. {"const": "nothing", "verdict": "confirmed"}'
        asked = json.dumps([question['messages'], question.get('seed'), question.get('temperature')])
        made = Fields(asked).make(wanted)
        colour = None if self.double.settings['blind'] else picture_colour(question['messages'])
        for name, part in wanted.get('properties', {}).items():
            if colour in part.get('enum', []):
                made[name] = colour
        return json.dumps(made)

    def refuse(self, mode):
        """Answers that are no reply. True: that was one."""
        later = {'Retry_After': str(self.double.settings['retry_after'])}
        context = self.double.settings['context']
        plain = {
            '500': (500, 'the model has failed'), '404': (404, 'no such model', 'not_found_error'),
            'utf8-500': (500, 'The model produced output that does not match the expected peg-native format'),
            '503': (503, 'no slot available', 'unavailable_error'), '429': (429, 'too many requests', 'rate_limit'),
            '400': (400, 'failed to parse grammar', 'invalid_request_error'),
            '401': (401, 'Invalid API Key', 'authentication_error'),
            'context': (400, f'request (99999 tokens) exceeds the available context size ({context} tokens)',
                        'exceed_context_size_error', {'n_prompt_tokens': 99999, 'n_ctx': context}),
        }
        if mode in plain:
            self.error(*plain[mode], **(later if mode in ('503', '429') else {}))
        elif mode == 'redirect':
            self.answer(307, b'', Location='/double/state')
        elif mode == 'html':
            self.answer(200, b'<!DOCTYPE html>\n<html><body>Welcome to your router</body></html>\n', 'text/html')
        elif mode == 'garbage':
            self.answer(200, bytes(range(256)) * 40, 'text/event-stream')
        elif mode == 'huge-headers':
            self.send_response(200)
            for i in range(1000):
                self.send_header(f'X-Filler-{i}', 'x' * 1000)
            self.end_headers()
            self.close_connection = True
        elif mode in ('drop', 'reset'):
            if mode == 'reset':
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
                self.connection.close()
            self.close_connection = True
        elif mode == 'hang':
            self.idle()
        else:
            return False
        return True

    def idle(self, seconds=600):
        """Says nothing until who asked has gone."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.double.stopping.wait(0.01):
            if self.gone():
                raise Gone

    def begin(self):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()

    def send(self, data):
        if self.gone():
            raise Gone
        self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
        self.wfile.flush()

    def chunk(self, delta, finish=None, **more):
        body = {'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}], 'created': 1, 'id': 'chatcmpl-1',
                'model': self.double.settings['model'], 'object': 'chat.completion.chunk'}
        if self.double.settings['kind'] == 'llama.cpp':
            body['system_fingerprint'] = 'b4711-double'
        self.send(b'data: ' + json.dumps({**body, **more}).encode() + b'\n\n')

    def reply(self, mode, question):
        if self.refuse(mode):
            return
        text = self.content(question)
        if mode == 'half':
            text = text[:len(text) // 2]
        elif mode == 'length':
            text = text[:len(text) * 2 // 3]
        elif mode == 'wrong-schema':
            text = '{"answer": 42}'
        elif mode == 'ignore-schema':
            text = 'Certainly! Here is what I think happened: nothing.'
        elif mode == 'ghost':
            text = re.sub(r'"e\d+"', '"e999"', text)
        elif mode == 'empty':
            text = ''
        if mode == 'no-stream' or not question.get('stream'):
            self.answer(200, {'choices': [{'message': {'role': 'assistant', 'content': text},
                                           'finish_reason': 'stop', 'index': 0}], 'object': 'chat.completion'})
            return
        self.begin()
        self.chunk({'role': 'assistant', 'content': None})
        self.speak(mode, text)
        if mode == 'error-inside':
            self.send(b'data: {"error": {"code": 500, "message": "the model has failed", "type": "server_error"}}\n\n')
        elif mode != 'no-done':
            self.conclude(mode, question, text)
        self.send(b'')  # the last chunk

    def speak(self, mode, text):
        """The pieces, and what goes wrong among them."""
        pieces = [text[i:i + 4] for i in range(0, len(text), 4)]
        pause = self.double.settings['ms'] / 1000 if mode == 'slow' else 0
        for i, piece in enumerate(pieces):
            if pause and self.double.stopping.wait(pause):
                raise Gone
            self.chunk({'content': piece})
            if i < len(pieces) // 2:
                continue
            if mode == 'die':
                raise Died
            if mode == 'stall':
                self.idle()
            if mode == 'error-inside':
                return
        if mode == 'huge':
            for _ in range(10 * 64):
                self.chunk({'content': 'x' * 16384})
        elif mode == 'huge-line':
            for _ in range(10 * 64):
                self.send(b'x' * 16384)
        elif mode == 'broken-utf8':
            self.send(b'data: {"choices":[{"delta":{"content":"\xff\xc3\x28"}}]}\n\n')
        while mode == 'slowloris':
            self.send(b':')
            if self.double.stopping.wait(self.double.settings['ms'] / 1000):
                raise Gone

    def conclude(self, mode, question, text):
        self.chunk({}, 'length' if mode == 'length' else 'stop')
        if (question.get('stream_options') or {}).get('include_usage'):
            prompt, said = max(1, len(json.dumps(question['messages'])) // 4), len(text) // 4
            usage = {'prompt_tokens': prompt, 'completion_tokens': said, 'total_tokens': prompt + said,
                     'prompt_tokens_details': {'cached_tokens': prompt // 2}}
            self.send(b'data: ' + json.dumps({'choices': [], 'usage': usage, 'model': self.double.settings['model']})
                      .encode() + b'\n\n')
        self.send(b'data: [DONE]\n\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--set', action='append', default=[], metavar='NAME=VALUE', help=', '.join(SETTINGS))
    args = parser.parse_args()
    double = Double(args.port)
    double.set(**dict(s.split('=', 1) for s in args.set))
    print(f'port {double.port}', flush=True)
    sys.stdin.read()
    double.stop()


if __name__ == '__main__':
    main()
