"""The peer for teacher-forward: the backbone in PyTorch on whole batches, without gradients.

    /usr/bin/python3 teacher_forward.py --data FOLDER --steps 20 --teacher resnet18-1-1
"""
import torch

from train_scratch import backbone, load, options, padded, report, timed


def main():
    p = options(__doc__)
    p.add_argument("--teacher", default="resnet18-1-1")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    teacher = backbone(o.teacher, o.output_stride).eval()
    images = [pixels.float() / 255 for pixels, _ in load(o.data, o.split, o.side)[: o.batch]]
    batch = padded(images)

    def step():
        with torch.no_grad():
            teacher(batch)
        return o.batch

    report(o, timed(o, step))


if __name__ == "__main__":
    main()
