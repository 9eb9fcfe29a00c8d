#!/usr/bin/python3
"""A camera for tests: serves the video of one clip over RTSP, over and over, to who knows the password.

    rtsp_server.py CLIP [--port N] [--scheme basic|digest] [--user U] [--codec h264|h265|jpeg] [--more PIPELINE]

The password comes on the first line of standard input; the end of the input is the end of the server. Prints "port N"
when it answers, then "connection" for every client that connects. The stream's path is /camera. --more adds other
tracks as GStreamer writes them; demux is the clip's demuxer, their payloaders are named pay1, pay2... Needs Debian's
gir1.2-gst-rtsp-server-1.0, good and bad plugins.
"""
import argparse
import sys
import time

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstRtsp', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ROLE = 'viewer'
PAYLOADERS = {'h264': 'h264parse config-interval=-1 ! rtph264pay config-interval=-1',
              'h265': 'h265parse config-interval=-1 ! rtph265pay config-interval=-1',
              'jpeg': 'jpegparse ! rtpjpegpay'}


class Camera(GstRtspServer.RTSPMediaFactory):
    """One shared stream without an end.

    The demuxer is played in segments: at the end of one it says SEGMENT_DONE instead of end of stream, and a seek
    without a flush starts the next. Clients see stamps that go back by the clip's length and no interruption.
    """

    def __init__(self, clip, codec, more):
        super().__init__()
        self.set_shared(True)
        quoted = clip.replace('\\', '\\\\').replace('"', '\\"')
        self.set_launch(f'( filesrc location="{quoted}" ! qtdemux name=demux demux.video_0 ! queue ! '
                        f'{PAYLOADERS[codec]} name=pay0 pt={26 if codec == "jpeg" else 96} {more} )')

    def do_configure(self, media):
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        pipeline = media.get_element()
        pad = pipeline.get_by_name('pay0').get_static_pad('src')
        pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self.on_event, pipeline)
        media.connect('prepared', self.on_prepared)

    def on_event(self, _, info, pipeline):
        if info.get_event().type == Gst.EventType.SEGMENT_DONE:
            GLib.idle_add(self.play_segment, pipeline, Gst.SeekFlags.NONE)
        return Gst.PadProbeReturn.OK

    def on_prepared(self, media):
        """Turns the first pass into a segment. The flush takes away the stream's segment event, without which the
        library aborts at a client's PLAY, so this waits for the new one."""
        stream = media.get_stream(0)
        self.play_segment(media.get_element(), Gst.SeekFlags.FLUSH)
        pad = stream.get_srcpad().get_peer()
        for _ in range(400):
            if pad.get_sticky_event(Gst.EventType.SEGMENT, 0):
                return
            time.sleep(0.005)

    @staticmethod
    def play_segment(pipeline, flags):
        pipeline.seek(1.0, Gst.Format.TIME, flags | Gst.SeekFlags.SEGMENT, Gst.SeekType.SET, 0, Gst.SeekType.NONE, 0)
        return False


def require_login(server, factory, scheme, user, password):
    token = GstRtspServer.RTSPToken.new()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    auth = GstRtspServer.RTSPAuth.new()
    if scheme == 'digest':
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions.new()
    for what in (GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT):
        permissions.add_permission_for_role(ROLE, what, True)
    factory.set_permissions(permissions)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('clip')
    parser.add_argument('--port', default='0')
    parser.add_argument('--scheme', choices=['basic', 'digest'], default='digest')
    parser.add_argument('--user', default='viewer')
    parser.add_argument('--codec', choices=PAYLOADERS, default='h264')
    parser.add_argument('--more', default='')
    args = parser.parse_args()
    password = sys.stdin.readline().rstrip('\n')
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address('127.0.0.1')
    server.set_service(args.port)
    factory = Camera(args.clip, args.codec, args.more)
    require_login(server, factory, args.scheme, args.user, password)
    server.get_mount_points().add_factory('/camera', factory)
    server.connect('client-connected', lambda *_: print('connection', flush=True))
    if server.attach(None) == 0:
        sys.exit(f'cannot listen at port {args.port}')
    print(f'port {server.get_bound_port()}', flush=True)
    loop = GLib.MainLoop()
    # Whoever started this is gone when the input ends, however it went.
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
    loop.run()


if __name__ == '__main__':
    main()
