#!/usr/bin/python3
"""Many RTSP cameras in one process: each path serves a clip over and over, as it was encoded, at its own pace.

    fleet_server.py PATH=CLIP...

Prints "port N" when it answers, then "connection" for every client that connects. Each path starts its clip when
somebody first asks for it, so paths with the same clip do not send their key frames together. The end of standard
input is the end of the server.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tests', 'e2e'))
from rtsp_server import Camera, GLib, Gst, GstRtspServer  # noqa: E402


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address('127.0.0.1')
    server.set_service('0')
    cameras = []  # the library keeps them, but not what Python knows of them
    for argument in sys.argv[1:]:
        path, _, clip = argument.partition('=')
        camera = Camera(clip, 'h264', '')
        cameras.append(camera)
        server.get_mount_points().add_factory('/' + path, camera)
    server.connect('client-connected', lambda *_: print('connection', flush=True))
    if server.attach(None) == 0:
        sys.exit('cannot listen')
    print(f'port {server.get_bound_port()}', flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    loop.run()


if __name__ == '__main__':
    main()
