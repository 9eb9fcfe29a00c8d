#!/usr/bin/env python3
"""hsi model test on a public picture whose objects are known."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import case, clean_environment, data, expect, folder, hsi, run  # noqa: E402

# Label, score, box. The boxes are pixels of the picture itself, 768x576: the model's own picture is 640x640 with the
# scale 1/1.2 and 80 rows of padding above, and taken as pixels of that the bicycle would be at [150, 58, 679, 418],
# up to 113 px away from where it is. boxes_are_pixels_of_the_picture() keeps that honest.
REFERENCE = [
    ('bicycle', 0.94, (125, 128, 566, 428)),
    ('dog', 0.89, (132, 220, 309, 545)),
    ('truck', 0.80, (462, 72, 685, 169)),
]
SCALE, PADDING_PX = 1.2, 80
TOLERANCE_PX = 3 * SCALE  # three pixels of the model's picture
TOLERANCE_SCORE = 0.02
LINE = re.compile(r'^(\w+)\s+([\d.]+)\s+\[([-\d.]+), ([-\d.]+), ([-\d.]+), ([-\d.]+)\]$')


def found(*args):
    """Label, score and box of every line."""
    result = expect(hsi('model', 'test', *args, data('dog.jpg')), 0)
    lines = [LINE.match(line) for line in result.out.splitlines()]
    assert all(lines), result
    return [(m[1], float(m[2]), tuple(float(m[i]) for i in range(3, 7))) for m in lines]


def distance_px(a, b):
    return max(abs(x - y) for x, y in zip(a, b))


@case('nothing is written about its use', data=True)
def no_diary():
    env = clean_environment()
    expect(hsi('model', 'test', data('yolo26n-320.onnx'), data('dog.jpg'), env=env), 0)
    assert os.listdir(env['HOME']) == [], [os.path.join(*f) for f in os.walk(env['HOME'])]


@case('640: the three reference objects, and nothing else', data=True)
def _():
    got = found(data('yolo26n-640.onnx'))
    assert [g[0] for g in got] == [r[0] for r in REFERENCE], got
    for (label, score, box), (_, want_score, want_box) in zip(got, REFERENCE):
        assert distance_px(box, want_box) <= TOLERANCE_PX, f'{label}: {box} is not {want_box}'
        assert abs(score - want_score) <= TOLERANCE_SCORE, f'{label}: {score} is not {want_score}'


@case('640: the reference boxes are pixels of the picture, not of the model\'s input', data=True)
def boxes_are_pixels_of_the_picture():
    for (label, _, box), (_, _, want) in zip(found(data('yolo26n-640.onnx')), REFERENCE):
        x0, y0, x1, y1 = want
        as_input = (x0 * SCALE, (y0 - PADDING_PX) * SCALE, x1 * SCALE, (y1 - PADDING_PX) * SCALE)
        assert distance_px(box, want) < TOLERANCE_PX < 10 < distance_px(box, as_input), f'{label}: {box}'


@case('320: the same objects', data=True)
def _():
    got = {label: box for label, _, box in reversed(found(data('yolo26n-320.onnx')))}
    for label, _, want in REFERENCE:
        assert label in got and distance_px(got[label], want) < 15, got


@case('boxes stay inside the picture', data=True)
def _():
    for size in (320, 640):
        for _, _, (x0, y0, x1, y1) in found('--threshold', '0.05', data(f'yolo26n-{size}.onnx')):
            assert 0 <= x0 < x1 <= 768 and 0 <= y0 < y1 <= 576


@case('--threshold leaves out what is less certain', data=True)
def _():
    assert [g[0] for g in found('--threshold', '0.85', data('yolo26n-640.onnx'))] == ['bicycle', 'dog']


@case('--output draws the boxes', data=True)
def _():
    path = os.path.join(folder(), 'boxes.jpg')
    found('--output', path, data('yolo26n-640.onnx'))
    with open(path, 'rb') as file:
        assert file.read(2) == b'\xff\xd8'
    again = expect(hsi('model', 'test', data('yolo26n-640.onnx'), path), 0)
    assert 'dog' in again.out, 'what is drawn is no longer the picture'


@case('--output into a folder that is not there: exit 1, the path is named', data=True)
def _():
    path = os.path.join(folder(), 'no', 'boxes.jpg')
    expect(hsi('model', 'test', '--output', path, data('yolo26n-320.onnx'), data('dog.jpg')), 1, err=path)


if __name__ == '__main__':
    sys.exit(run())
