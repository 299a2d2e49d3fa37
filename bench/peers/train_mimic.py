"""The peer for mimic training: the same loop as train_scratch.py, but runs the frozen teacher in every step.

    /usr/bin/python3 train_mimic.py --data FOLDER --steps 20 --teacher resnet18-1-1

The teacher's weights are random: speed does not depend on them.
"""
import torch
from torch import nn

from train_scratch import backbone, detector, measure, options


def quantize(x, stride):
    """Rounds to the nearest of 0, stride, 2 stride, ..., ties down; the gradient passes unchanged."""
    q = ((x.detach() / stride - 0.5).ceil() * stride).clamp(min=0)
    return x + (q - x.detach())


def cell_weights(proposals, shape, stride):
    """[images, 1, height, width]: for each cell, the sum of 1 / (2 N m) over the regions, of m cells each, that cover it."""
    height, width = shape
    weights = torch.zeros(len(proposals), 1, height + 1, width + 1)
    count = sum(len(p) for p in proposals)
    for image, boxes in zip(weights, proposals):
        x0, y0 = (boxes[:, :2] / stride).floor().long().unbind(1)
        x1, y1 = (boxes[:, 2:] / stride).ceil().long().unbind(1)
        x0, x1 = x0.clamp(0, width - 1), x1.clamp(max=width)
        y0, y1 = y0.clamp(0, height - 1), y1.clamp(max=height)
        x1, y1 = torch.maximum(x1, x0 + 1), torch.maximum(y1, y0 + 1)
        value = 1 / (2 * count * (x1 - x0) * (y1 - y0))
        # Mark the four corners of each rectangle, then cumulative sums: one pass for any number of regions.
        for ys, xs, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
            image[0].index_put_((ys, xs), sign * value, accumulate=True)
    return weights.cumsum(2).cumsum(3)[:, :, :height, :width]


def main():
    p = options(__doc__)
    p.add_argument("--teacher", default="resnet18-1-1")
    p.add_argument("--quantizer-stride", type=float, default=1.0)
    p.add_argument("--mimic-lambda", type=float, default=0.0)  # a random teacher should not steer the student
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    student = detector(o).train()
    teacher = backbone(o.teacher, o.output_stride).eval().requires_grad_(False)
    regression = nn.Conv2d(student.backbone.out_channels, teacher.out_channels, 1)

    def losses(images, targets):
        batch, targets = student.transform(images, targets)
        features = student.backbone(batch.tensors)
        maps = {"0": features}
        proposals, rpn = student.rpn(batch, maps, targets)
        _, head = student.roi_heads(maps, proposals, batch.image_sizes, targets)
        with torch.no_grad():
            wanted = quantize(teacher(batch.tensors), o.quantizer_stride)
            weights = cell_weights(proposals, features.shape[-2:], o.output_stride)
        difference = quantize(regression(features), o.quantizer_stride) - wanted
        mimic = (difference**2).sum(1, keepdim=True).mul(weights).sum()
        return {**rpn, **head, "mimic": o.mimic_lambda * mimic}

    measure(o, [*student.parameters(), *regression.parameters()], losses)


if __name__ == "__main__":
    main()
