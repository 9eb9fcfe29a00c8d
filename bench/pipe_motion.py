#!/usr/bin/env python3
"""The Python end of a pipe of raw pictures: a running background on a small grey picture, as recorders written in
Python look for motion. What it finds it counts; its cost is what is measured.

usage: ffmpeg ... -f rawvideo -pix_fmt yuv420p -r 5 pipe: | pipe_motion.py WIDTH HEIGHT
"""
import sys

import cv2
import numpy as np

SMALL_HEIGHT = 100
THRESHOLD = 30       # steps of 255
AREA = 10            # px of the small picture
LEARN = 0.02         # share of the newest picture in the background


class Background:
    def __init__(self, width, height):
        self.height = height
        self.size = SMALL_HEIGHT * width // height, SMALL_HEIGHT
        self.mean = None

    def moving(self, yuv):
        """Boxes of what differs from the background, on the small picture."""
        small = cv2.resize(yuv[:self.height], self.size, interpolation=cv2.INTER_LINEAR)
        small = cv2.GaussianBlur(small, (3, 3), 0)
        low, high = np.percentile(small, [4, 96])
        small = np.clip((small - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
        if self.mean is None:
            self.mean = small.astype(np.float32)
        differs = cv2.absdiff(small, cv2.convertScaleAbs(self.mean))
        _, mask = cv2.threshold(differs, THRESHOLD, 255, cv2.THRESH_BINARY)
        mask = cv2.dilate(mask, None, iterations=1)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.accumulateWeighted(small, self.mean, LEARN)
        return [cv2.boundingRect(o) for o in outlines if cv2.contourArea(o) > AREA]


def main():
    width, height = map(int, sys.argv[1:3])
    cv2.setNumThreads(1)
    size = width * height * 3 // 2
    background = Background(width, height)
    pictures = moving = 0
    while True:
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            break
        pictures += 1
        moving += bool(background.moving(np.frombuffer(data, np.uint8).reshape(height * 3 // 2, width)))
    print(f'{moving} of {pictures} pictures moving')


if __name__ == '__main__':
    main()
