"""P7: a decoded 1080p picture into a 640 tensor, a batch of pictures, against the Python way on one core."""
import json
import os
import subprocess

from harness import ROOT, absent_row, median, row

WIDTH, HEIGHT, SIDE, FRAMES, BATCHES = 1920, 1080, 640, 8, 12
GOAL = 8
# Both compute the same picture; scaling before or after the change of colours moves the mean a little.
MEAN_DIFFERENCE_MAX = 0.02


def run(bench):
    name = '1080p picture to 640 tensor, per picture and core'
    frames = os.path.join(bench.out, 'frames-1080.yuv')
    if not os.path.exists(frames):
        subprocess.run(['ffmpeg', '-hide_banner', '-v', 'error', '-y', '-i', bench.clip_1080(), '-frames:v',
                        str(FRAMES), '-pix_fmt', 'yuv420p', '-f', 'rawvideo', frames], check=True)
    arguments = [frames, str(WIDTH), str(HEIGHT), str(SIDE), str(BATCHES)]
    ours, theirs, means = [], [], None
    for _ in range(max(bench.runs, 3)):
        out = subprocess.run([bench.program('preprocess'), *arguments], check=True, capture_output=True, text=True)
        mine = json.loads(out.stdout)
        ours += mine['us_per_frame'][2:]
        python = subprocess.run(['/usr/bin/python3', os.path.join(ROOT, 'bench', 'preprocess.py'), *arguments],
                                capture_output=True, text=True, check=False)
        if python.returncode:
            why = python.stderr.strip().splitlines()[-1] if python.stderr.strip() else 'python3 failed'
            return [absent_row('P7', name, why)]
        python = json.loads(python.stdout)
        theirs += python['us_per_frame'][2:]
        means = mine['mean'], python['mean']
    if abs(means[0] - means[1]) > MEAN_DIFFERENCE_MAX:
        raise RuntimeError(f'the two tensors differ: means {means[0]} and {means[1]}')
    ratio = median(theirs) / median(ours)
    return [row('P7', name, median(ours), 'us', 'Python with OpenCV, one thread', median(theirs), ratio,
                f'>= {GOAL} times faster', ratio >= GOAL, means=means)]
