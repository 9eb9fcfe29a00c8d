#!/usr/bin/env python3
"""The usual Python way from a decoded I420 picture to a model's input tensor, with OpenCV on one thread.

usage: preprocess.py FRAMES.yuv WIDTH HEIGHT SIDE BATCHES; prints the same JSON as bench/preprocess.c.
"""
import json
import sys
import time

import cv2
import numpy as np


def tensor_of(yuv, side):
    picture = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420)
    height, width = picture.shape[:2]
    scale = min(side / width, side / height)
    w, h = round(width * scale), round(height * scale)
    small = cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR)
    left, top = (side - w) // 2, (side - h) // 2
    boxed = cv2.copyMakeBorder(small, top, side - h - top, left, side - w - left, cv2.BORDER_CONSTANT,
                               value=(114, 114, 114))
    return np.ascontiguousarray(boxed.transpose(2, 0, 1)[None]).astype(np.float32) / 255.0


def main():
    path, width, height, side, batches = sys.argv[1], *map(int, sys.argv[2:6])
    cv2.setNumThreads(1)
    size = width * height * 3 // 2
    with open(path, 'rb') as f:
        data = f.read()
    frames = [np.frombuffer(data, np.uint8, size, i * size).reshape(height * 3 // 2, width)
              for i in range(len(data) // size)]
    times = []
    for _ in range(batches):
        start = time.thread_time()
        for frame in frames:
            tensor = tensor_of(frame, side)
        times.append((time.thread_time() - start) * 1e6 / len(frames))
    json.dump({'frames': len(frames), 'us_per_frame': [round(t, 2) for t in times],
               'mean': round(float(tensor.mean()), 5)}, sys.stdout)
    print()


if __name__ == '__main__':
    main()
