"""Whoever else does the work, as processes that play a clip at its own pace over and over."""
import os
import shutil
import subprocess

from harness import Absent, Process, ROOT

# The Python that Debian's OpenCV and numpy are for.
PYTHON = '/usr/bin/python3'
PIPE_FPS = 5


def decode(bench, clip, mode='', name='decode'):
    """libavcodec and nothing else: the floor. mode: '--key' decodes key frames only, '--demux' nothing."""
    return Process([bench.program('decode_only'), *([mode] if mode else []), clip],
                   os.path.join(bench.out, name + '.log'))


def motion(bench, clip, width, height, fps):
    """The motion daemon, detection only."""
    if not shutil.which('motion'):
        raise Absent('motion is not installed')
    config = os.path.join(bench.out, 'motion.conf')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(f'daemon off\nnetcam_url file://{clip}\nwidth {width}\nheight {height}\nframerate {fps}\n'
                f'threshold 1500\npicture_output off\nmovie_output off\nwebcontrol_port 0\nstream_port 0\n'
                f'target_dir {bench.out}\nlog_level 4\n')
    return Process(['motion', '-n', '-c', config], os.path.join(bench.out, 'motion.log'))


class Pipe:
    """ffmpeg decodes the clip and hands five raw pictures a second through a pipe to a Python program that looks
    for motion, as the usual recorder does for each camera."""

    def __init__(self, bench, clip, width, height):
        if not shutil.which('ffmpeg'):
            raise Absent('ffmpeg is not installed')
        probe = subprocess.run([PYTHON, '-c', 'import cv2, numpy'], capture_output=True, check=False)
        if probe.returncode:
            raise Absent('OpenCV for Python is not installed')
        read, write = os.pipe()
        self.ffmpeg = Process(['ffmpeg', '-hide_banner', '-v', 'warning', '-nostdin', '-re', '-stream_loop', '-1',
                               '-threads', '2', '-i', clip, '-an', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-r',
                               str(PIPE_FPS), 'pipe:'], os.path.join(bench.out, 'pipe-ffmpeg.log'), out=write)
        self.python = Process([PYTHON, os.path.join(ROOT, 'bench', 'pipe_motion.py'), str(width), str(height)],
                              os.path.join(bench.out, 'pipe-python.log'), inp=read)
        os.close(read)
        os.close(write)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ffmpeg.stop()
        self.python.stop()

    def processes(self):
        return {'ffmpeg': self.ffmpeg, 'python': self.python}
