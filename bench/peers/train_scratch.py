"""The peer: trains torchvision's Faster R-CNN with a very tiny backbone from scratch, and measures images per second.

    /usr/bin/python3 train_scratch.py --data FOLDER --steps 20      (Debian: python3-torch, python3-torchvision)

Data is in the Pascal VOC layout, with all classes merged into one. In the peer's favour, images are decoded and resized
once and then kept in memory. All other settings are torchvision's defaults; flags have torchvision's names.
"""
import argparse
import json
import re
import resource
import statistics
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.models.resnet import BasicBlock
from torchvision.ops import MultiScaleRoIAlign

VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512]


class VGG(nn.Module):
    """VGG16's convolutions with all widths divided, batch norm, no last pool. For stride 8, without the fourth pool."""

    def __init__(self, divisor, stride):
        super().__init__()
        layers, channels, pools = [], 3, 0
        for item in VGG16:
            if item == "M":
                pools += 1
                layers += [nn.MaxPool2d(2)] if 2**pools <= stride else []
                continue
            width = item // divisor
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.features, self.out_channels = nn.Sequential(*layers), channels

    def forward(self, x):
        return self.features(x)


class ResNet18(nn.Module):
    """ResNet18 with all widths divided and trained batch norm; stages after the output stride keep the resolution."""

    def __init__(self, divisor, stride):
        super().__init__()
        channels, reached = 64 // divisor, 4
        stem = [nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        layers = [*stem, nn.MaxPool2d(3, 2, 1)]
        for width, step in ((64, 1), (128, 2), (256, 2), (512, 2)):
            width, step = width // divisor, step if reached * step <= stride else 1
            reached *= step
            shortcut = None
            if step != 1 or width != channels:
                shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, step, bias=False), nn.BatchNorm2d(width))
            layers += [BasicBlock(channels, width, step, shortcut), BasicBlock(width, width)]
            channels = width
        self.body, self.out_channels = nn.Sequential(*layers), channels

    def forward(self, x):
        return self.body(x)


def backbone(name, stride):
    """vgg-1-32, resnet18-1-1, ...: the family and the divisor of its widths."""
    family, divisor = re.fullmatch(r"(vgg|resnet18)-1-(\d+)", name).groups()
    return {"vgg": VGG, "resnet18": ResNet18}[family](int(divisor), stride)


def detector(o):
    body = backbone(o.backbone, o.output_stride)
    numbers = lambda text: tuple(float(v) for v in text.split(","))
    return FasterRCNN(
        body, min_size=o.side, max_size=o.side,  # the length of the longest side
        rpn_anchor_generator=AnchorGenerator((numbers(o.anchor_sizes),), (numbers(o.anchor_ratios),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2),
        box_head=TwoMLPHead(body.out_channels * 7 * 7, o.head_width),
        box_predictor=FastRCNNPredictor(o.head_width, 2),
        rpn_pre_nms_top_n_train=o.rpn_pre_nms_top_n_train, rpn_post_nms_top_n_train=o.rpn_post_nms_top_n_train,
        rpn_batch_size_per_image=o.rpn_batch_size_per_image, box_batch_size_per_image=o.box_batch_size_per_image,
    )


def names_of(folder, split):
    """The image names of a split."""
    lines = (Path(folder) / "ImageSets/Main" / f"{split}.txt").read_text().split("\n")
    return [line.split()[0] for line in lines if line.strip()]


def resized(image, side):
    """The image, resized to the given longest side."""
    scale = side / max(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)


def pixels_of(image):
    """[3, height, width], uint8"""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def padded(images):
    """Images in one batch, padded at the right and bottom to multiples of 32."""
    up = lambda length: -(-length // 32) * 32
    batch = torch.zeros(len(images), 3, *(up(max(image.shape[k] for image in images)) for k in (1, 2)))
    for place, image in zip(batch, images):
        place[:, : image.shape[1], : image.shape[2]] = image
    return batch


def load(folder, split, side):
    """All images of a split as uint8 tensors, resized to the given longest side, and their boxes."""
    samples = []
    for name in names_of(folder, split):
        root = ElementTree.parse(Path(folder) / "Annotations" / f"{name}.xml").getroot()
        image = Image.open(Path(folder) / "JPEGImages" / f"{name}.jpg").convert("RGB")
        scale = side / max(image.size)
        image = resized(image, side)
        boxes = [[float(b.findtext(k)) * scale for k in ("xmin", "ymin", "xmax", "ymax")] for b in root.iter("bndbox")]
        samples.append((pixels_of(image).contiguous(), torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)))
    return samples


def batches(samples, size):
    """Endless shuffled batches; each image is mirrored with probability 1/2."""
    order = []
    while True:
        images, targets = [], []
        for _ in range(size):
            order = order or torch.randperm(len(samples)).tolist()
            pixels, boxes = samples[order.pop()]
            if torch.rand(()) < 0.5:
                width = pixels.shape[2]
                pixels = pixels.flip(2)
                boxes = torch.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], 1)
            images.append(pixels.float() / 255)
            targets.append({"boxes": boxes, "labels": torch.ones(len(boxes), dtype=torch.int64)})
        yield images, targets


def options(description=__doc__):
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--split", default="train")
    p.add_argument("--backbone", default="vgg-1-32")
    p.add_argument("--output-stride", type=int, default=16, choices=(8, 16))
    p.add_argument("--side", type=int, default=480)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--head-width", type=int, default=32)
    p.add_argument("--anchor-sizes", default="16,32,64,128,256")
    p.add_argument("--anchor-ratios", default="1")
    p.add_argument("--rpn-pre-nms-top-n-train", type=int, default=2000)
    p.add_argument("--rpn-post-nms-top-n-train", type=int, default=2000)
    p.add_argument("--rpn-batch-size-per-image", type=int, default=256)
    p.add_argument("--box-batch-size-per-image", type=int, default=512)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--warmup", type=int, default=3, help="steps before the clock starts")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--turns", type=int, default=0, help="print 'turn' and wait for a line before every this many steps; 0: never")
    p.add_argument("--json", help="file for the result")
    return p


def timed(o, step):
    """Images per second of each step after the warm-up; step() returns how many images it processed."""
    rates = []
    for index in range(o.warmup + o.steps):
        if o.turns and index >= o.warmup and (index - o.warmup) % o.turns == 0:
            print("turn", flush=True)
            sys.stdin.readline()
        start = time.perf_counter()
        images = step()
        if index >= o.warmup:
            rates.append(images / (time.perf_counter() - start))
    return rates


def report(o, rates, phases={}, workers=0, **more):
    """Prints the result and writes it to the file given in the options. `workers`: number of exited processes."""
    peak = lambda who: resource.getrusage(who).ru_maxrss  # of the largest child
    result = {
        "imagesPerSecond": rates,
        "phases": {name: statistics.median(times) for name, times in phases.items()},
        "peakRssBytes": (peak(resource.RUSAGE_SELF) + workers * peak(resource.RUSAGE_CHILDREN)) * 1024,
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "settings": vars(o),
        **more,
    }
    low, _, high = statistics.quantiles(rates) if len(rates) > 1 else rates * 3
    print(f"{statistics.median(rates):.2f} img/s (quartiles {low:.2f} {high:.2f}), peak {result['peakRssBytes'] / 2**20:.0f} MiB")
    print("seconds per step: " + ", ".join(f"{name} {seconds:.3f}" for name, seconds in result["phases"].items()))
    if o.json:
        Path(o.json).write_text(json.dumps(result))


def measure(o, parameters, losses):
    """Runs warm-up and timed steps of SGD; losses(images, targets) returns a dictionary of scalars."""
    optimizer = torch.optim.SGD(parameters, lr=0.02, momentum=0.9, weight_decay=1e-4)
    source = batches(load(o.data, o.split, o.side), o.batch)
    phases = {"data": [], "forward": [], "backward": [], "optimizer": []}
    loss = None

    def step():
        nonlocal loss
        marks = [time.perf_counter()]
        images, targets = next(source)
        marks.append(time.perf_counter())
        loss = sum(losses(images, targets).values())
        marks.append(time.perf_counter())
        optimizer.zero_grad()
        loss.backward()
        marks.append(time.perf_counter())
        optimizer.step()
        marks.append(time.perf_counter())
        for times, a, b in zip(phases.values(), marks, marks[1:]):
            times.append(b - a)
        return o.batch

    rates = timed(o, step)
    report(o, rates, {name: times[o.warmup :] for name, times in phases.items()}, loss=float(loss))
    print(f"loss {float(loss):.3f}")


def main():
    o = options().parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    model = detector(o).train()
    measure(o, model.parameters(), model)


if __name__ == "__main__":
    main()
