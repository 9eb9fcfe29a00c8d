#!/usr/bin/python3
"""Trains the demonstration detector on frames of the built-in scene, from nothing, on one CPU core.

    tools/train_demo.py --dump build/tools/scene_dump --out share/demo/scene.onnx

Needs Debian's python3-torch. The data are rendered by scene_dump from fixed seeds: practice crowds to
learn from, the street itself with other seeds to measure on. The network follows CenterNet: a heat map
per class at a quarter of the resolution, whose peaks are the objects, so that no suppression of
overlapping boxes is needed outside the graph. The exported graph takes what the YOLO family takes
(images [1,3,320,320], RGB 0..1, letter-boxed with 114/255) and gives what YOLO26 gives (output0
[1,300,6]: x1, y1, x2, y2, score, class).
"""
import argparse
import math
import os
import random
import struct
import subprocess
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES = ["person", "bicycle", "car", "truck", "cat", "dog"]
NOTE = "hsi demonstration model: knows only the built-in rendered scene"
WIDTH, HEIGHT = 320, 180  # of a letter-boxed 640x360 picture
INPUT = 320
PAD = (INPUT - HEIGHT) // 2
# The scene is always 16:9, so the grey bars above and below are cut away inside the graph, all but six
# rows on either side, which make the height divide by 16.
CROP, CROP_HEIGHT = 64, 192
STRIDE = 4
GRID_W, GRID_H = INPUT // STRIDE, CROP_HEIGHT // STRIDE
SCORE, IOU = 0.4, 0.5
NIGHT = 0.35


# Data

def read_dump(command):
    """Frames as uint8 [n, 3, 180, 320] (Y, U, V), rows of (class, x0, y0, x1, y1), daylight."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    stream = process.stdout
    if stream.read(8) != b"HSISCENE":
        raise SystemExit("not a scene dump: " + " ".join(command))
    width, height, count = struct.unpack("<3i", stream.read(12))
    assert (width, height) == (WIDTH, HEIGHT)
    planes = np.empty((count, 3, HEIGHT, WIDTH), np.uint8)
    boxes, daylight = [], np.empty(count, np.float32)
    for i in range(count):
        _, _, daylight[i], rows = struct.unpack("<2ifi", stream.read(16))
        raw = np.frombuffer(stream.read(20 * rows), np.float32).reshape(rows, 5).copy()
        raw[:, 0] = raw[:, 0].view(np.int32)
        boxes.append(raw)
        planes[i] = np.frombuffer(stream.read(3 * WIDTH * HEIGHT), np.uint8).reshape(
            3, HEIGHT, WIDTH)
    process.wait()
    return torch.from_numpy(planes), boxes, daylight


def to_rgb(planes):
    """BT.601 limited range to the cropped input [n, 3, CROP_HEIGHT, 320], 0..1, bars included."""
    p = planes.float()
    y = (p[:, 0] - 16) / 219
    u, v = (p[:, 1] - 128) / 224, (p[:, 2] - 128) / 224
    rgb = torch.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], 1)
    top = PAD - CROP
    return F.pad(rgb.clamp(0, 1), (0, 0, top, CROP_HEIGHT - HEIGHT - top), value=114 / 255)


def targets(batch_boxes):
    """Heat maps with a Gaussian per object, and the boxes to be learnt at the cells around peaks."""
    heat = np.zeros((len(batch_boxes), len(CLASSES), GRID_H, GRID_W), np.float32)
    cells, wanted = [], []
    ys, xs = np.mgrid[0:GRID_H, 0:GRID_W].astype(np.float32)
    for n, rows in enumerate(batch_boxes):
        taken = {}
        for row in sorted(rows.tolist(), key=lambda r: -(r[3] - r[1]) * (r[4] - r[2])):
            cls, x0, y0, x1, y1 = row
            y0, y1 = y0 + PAD - CROP, y1 + PAD - CROP
            cx, cy = (x0 + x1) / 2 / STRIDE, (y0 + y1) / 2 / STRIDE
            sx = max((x1 - x0) / STRIDE * 0.11, 0.55)
            sy = max((y1 - y0) / STRIDE * 0.11, 0.55)
            ix, iy = min(int(cx), GRID_W - 1), min(int(cy), GRID_H - 1)
            blob = np.exp(-((xs - ix) ** 2 / (2 * sx * sx) + (ys - iy) ** 2 / (2 * sy * sy)))
            np.maximum(heat[n, int(cls)], blob, out=heat[n, int(cls)])
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if 0 <= ix + dx < GRID_W and 0 <= iy + dy < GRID_H:
                        near = dx == 0 and dy == 0
                        key = (iy + dy, ix + dx)
                        if near or not taken.get(key, (False,))[0]:
                            taken[key] = (near, (x0, y0, x1, y1))
        for (iy, ix), (_, box) in taken.items():
            cells.append((n, iy, ix))
            wanted.append(box)
    return (torch.from_numpy(heat), torch.tensor(cells, dtype=torch.long).reshape(-1, 3),
            torch.tensor(wanted, dtype=torch.float32).reshape(-1, 4))


# Network

def block(inputs, outputs, stride=1, dilation=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Core(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.c2b = block(3, 12, 2), block(12, 24, 2), block(24, 24)
        self.c3, self.c3b = block(24, 40, 2), block(40, 40)
        self.c4, self.c4b, self.c4c = block(40, 48, 2), block(48, 48, 1, 2), block(48, 48, 1, 3)
        self.up3, self.mix3 = nn.Conv2d(48, 40, 1), block(40, 40)
        self.up2, self.mix2 = nn.Conv2d(40, 24, 1), block(24, 32)
        self.heat = nn.Conv2d(32, len(CLASSES), 1)
        self.box = nn.Conv2d(32, 4, 1)
        nn.init.constant_(self.heat.bias, -4.0)
        nn.init.zeros_(self.box.bias)

    def forward(self, x):
        a = self.c2b(self.c2(self.c1(x)))
        b = self.c3b(self.c3(a))
        c = self.c4(b)
        c = c + self.c4b(c)
        c = c + self.c4c(c)
        b = self.mix3(b + F.interpolate(self.up3(c), scale_factor=2.0, mode="nearest"))
        a = self.mix2(a + F.interpolate(self.up2(b), scale_factor=2.0, mode="nearest"))
        return self.heat(a), self.box(a)


def boxes_of(raw, ix, iy):
    """Raw head values [n, 4] at cells to x0, y0, x1, y1 in pixels of the crop."""
    cx = (ix + 0.5 + raw[:, 0]) * STRIDE
    cy = (iy + 0.5 + raw[:, 1]) * STRIDE
    size = torch.exp(raw[:, 2:4].clamp(-4, 4)) * 16
    return torch.stack([cx - size[:, 0] / 2, cy - size[:, 1] / 2,
                        cx + size[:, 0] / 2, cy + size[:, 1] / 2], 1)


class Exported(nn.Module):
    """The core with everything a caller of a YOLO26 model does not expect to do itself."""

    def __init__(self, core, rows=300):
        super().__init__()
        self.core, self.rows = core, rows

    def forward(self, images):
        heat, box = self.core(images[:, :, CROP:CROP + CROP_HEIGHT])
        heat = torch.sigmoid(heat)
        peak = (F.max_pool2d(heat, 3, 1, 1) == heat).float() * heat
        cells = GRID_W * GRID_H
        score, index = torch.topk(peak.reshape(1, len(CLASSES) * cells), self.rows)
        cls = torch.div(index, cells, rounding_mode="floor")
        cell = index - cls * cells
        iy = torch.div(cell, GRID_W, rounding_mode="floor")
        ix = cell - iy * GRID_W
        raw = box.reshape(4, cells)[:, cell[0]].transpose(0, 1)
        found = boxes_of(raw, ix[0].float(), iy[0].float())
        found = found + torch.tensor([0.0, CROP, 0.0, CROP])
        return torch.cat([found, score[0][:, None], cls[0][:, None].float()], 1)[None]


# Training

def heat_loss(logits, wanted):
    """CenterNet's focal loss: cells near a peak count less as negatives."""
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    positive = wanted.eq(1).float()
    loss = -(positive * (1 - p) ** 2 * torch.log(p)
             + (1 - positive) * (1 - wanted) ** 4 * p ** 2 * torch.log(1 - p))
    return loss.sum() / positive.sum().clamp(min=1)


def box_loss(raw, ix, iy, wanted):
    got = boxes_of(raw, ix, iy)
    lo, hi = torch.maximum(got[:, :2], wanted[:, :2]), torch.minimum(got[:, 2:], wanted[:, 2:])
    common = (hi - lo).clamp(min=0).prod(1)
    union = (got[:, 2:] - got[:, :2]).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1) - common
    hull = (torch.maximum(got[:, 2:], wanted[:, 2:])
            - torch.minimum(got[:, :2], wanted[:, :2])).prod(1)
    giou = common / union - (hull - union) / hull
    size = torch.log(((wanted[:, 2:] - wanted[:, :2]) / 16).clamp(min=0.05))
    return (1 - giou).mean() + 0.3 * F.smooth_l1_loss(raw[:, 2:4], size)


def train(core, planes, boxes, epochs, batch, minutes):
    core.train()
    core.to(memory_format=torch.channels_last)
    average = {k: v.clone() for k, v in core.state_dict().items()}
    optimiser = torch.optim.AdamW(core.parameters(), lr=4e-3, weight_decay=1e-3)
    steps = epochs * (len(boxes) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1,
                                                   pct_start=0.15)
    start, step = time.time(), 0
    for epoch in range(epochs):
        order, total = torch.randperm(len(boxes)).tolist(), 0.0
        for at in range(0, len(order) - batch + 1, batch):
            chosen = order[at:at + batch]
            images = to_rgb(planes[chosen])
            gain = torch.empty(batch, 1, 1, 1).uniform_(0.85, 1.15)
            images = (images * gain + torch.randn_like(images) * 0.01).clamp(0, 1)
            heat, cells, wanted = targets([boxes[i] for i in chosen])
            got_heat, got_box = core(images.contiguous(memory_format=torch.channels_last))
            loss = heat_loss(got_heat, heat)
            if len(cells):
                raw = got_box[cells[:, 0], :, cells[:, 1], cells[:, 2]]
                loss = loss + box_loss(raw, cells[:, 2].float(), cells[:, 1].float(), wanted)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(core.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            step += 1
            keep = min(0.998, (1 + step) / (10 + step))
            for k, v in core.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].mul_(keep).add_(v, alpha=1 - keep)
                else:
                    average[k].copy_(v)
            total += float(loss)
        print("epoch %d/%d: loss %.3f, %.0f s" % (epoch + 1, epochs,
              total / (len(order) // batch), time.time() - start), flush=True)
        if time.time() - start > minutes * 60:
            print("stopped by --minutes: the result will not be reproduced exactly")
            break
    core.load_state_dict(average)
    core.to(memory_format=torch.contiguous_format)
    core.eval()


# Measurement

def overlap(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    common = w * h
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def measure(core, planes, boxes, daylight):
    """Per class and light: objects, found, wrong at SCORE and IOU, each box matched once."""
    counts = {(c, night): [0, 0, 0] for c in range(len(CLASSES)) for night in (False, True)}
    model = Exported(core, 50).eval()
    grey = torch.full((1, 3, INPUT, INPUT), 114 / 255)
    with torch.no_grad():
        for i in range(len(boxes)):
            grey[:, :, CROP:CROP + CROP_HEIGHT] = to_rgb(planes[i:i + 1])
            found = [r for r in model(grey)[0].tolist() if r[4] >= SCORE]
            truth = [[int(r[0]), r[1], r[2] + PAD, r[3], r[4] + PAD] for r in boxes[i].tolist()]
            night = bool(daylight[i] < NIGHT)
            for t in truth:
                counts[(t[0], night)][0] += 1
            for row in found:
                cls = int(row[5])
                best = max((t for t in truth if t[0] == cls), default=None,
                           key=lambda t: overlap(row[:4], t[1:]))
                if best is not None and overlap(row[:4], best[1:]) >= IOU:
                    truth.remove(best)
                    counts[(cls, night)][1] += 1
                else:
                    counts[(cls, night)][2] += 1
    return counts


def table(title, counts):
    print("\n" + title)
    print("| class | light | objects | found | wrong | precision | recall |")
    print("|---|---|---:|---:|---:|---:|---:|")
    rows = [(name, night, counts[(c, night)]) for c, name in enumerate(CLASSES)
            for night in (False, True)]
    for night in (False, True):
        rows.append(("all", night, [sum(v[k] for (_, n), v in counts.items() if n == night)
                                    for k in range(3)]))
    for name, night, (objects, found, wrong) in rows:
        precision = found / (found + wrong) if found + wrong else float("nan")
        recall = found / objects if objects else float("nan")
        print("| %s | %s | %d | %d | %d | %.3f | %.3f |" % (name, "night" if night else "day",
              objects, found, wrong, precision, recall))


# Export

def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def add_metadata(path, values):
    """metadata_props is field 14 of ModelProto; repeated fields may be appended to the file."""
    with open(path, "ab") as out:
        for key, value in values.items():
            entry = b""
            for field, text in ((1, key), (2, value)):
                data = text.encode()
                entry += bytes([field << 3 | 2]) + varint(len(data)) + data
            out.write(bytes([14 << 3 | 2]) + varint(len(entry)) + entry)


def export(core, path):
    torch.onnx.export(Exported(core).eval(), torch.zeros(1, 3, INPUT, INPUT), path,
                      opset_version=12, input_names=["images"], output_names=["output0"],
                      do_constant_folding=True)
    add_metadata(path, {
        "names": str(dict(enumerate(CLASSES))),
        "description": NOTE,
        "hsi_note": NOTE,
        "license": "MIT",
        "author": "the hsi authors",
        "task": "detect",
        "stride": str(STRIDE),
        "imgsz": "[%d, %d]" % (INPUT, INPUT),
    })
    print("\n%s: %d bytes, %d parameters" % (path, os.path.getsize(path),
          sum(p.numel() for p in core.parameters())))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dump", required=True, help="the scene_dump program")
    parser.add_argument("--out", required=True, help="where to write the .onnx")
    parser.add_argument("--weights", help="also keep the torch weights here; with --epochs 0: read")
    parser.add_argument("--train-seeds", type=int, default=250)
    parser.add_argument("--frames", type=int, default=20, help="per training seed")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60, help="stop training after this long")
    args = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    core = Core()
    if args.epochs:
        planes, boxes, _ = read_dump([args.dump, "practice", "1000", str(args.train_seeds),
                                      str(args.frames), "100", "0"])
        print("training on %d frames, %d objects" % (len(boxes), sum(map(len, boxes))), flush=True)
        train(core, planes, boxes, args.epochs, args.batch, args.minutes)
        if args.weights:
            torch.save(core.state_dict(), args.weights)
    else:
        core.load_state_dict(torch.load(args.weights))
        core.eval()
    export(core, args.out)
    for title, command in (
            ("Street, 20 unseen seeds, the second cycle of the story of each",
             ["street", "9001", "20", "200", "650", "130000"]),
            ("Practice crowds, 20 unseen seeds (crowded, odd poses, strong noise)",
             ["practice", "8001", "20", "20", "100", "0"])):
        table(title, measure(core, *read_dump([args.dump] + command)))


if __name__ == "__main__":
    main()
