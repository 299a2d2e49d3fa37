"""The peer for data-loading: a torch DataLoader that decodes with Pillow, resizes, mirrors and pads, with a worker a thread.

    /usr/bin/python3 data_loading.py --data FOLDER --steps 20
"""
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from train_scratch import options, report, timed


class Photographs(Dataset):
    def __init__(self, folder, split, side):
        names = (Path(folder) / "ImageSets/Main" / f"{split}.txt").read_text().split("\n")
        self.paths = [Path(folder) / "JPEGImages" / f"{name.split()[0]}.jpg" for name in names if name.strip()]
        self.side = side

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = Image.open(self.paths[index])
        image.draft("RGB", (self.side, self.side))  # lets the JPEG decoder reduce, as ours may
        image = image.convert("RGB")
        scale = self.side / max(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)
        return pixels.flip(2) if torch.rand(()) < 0.5 else pixels


def collate(images):
    up = lambda length: -(-length // 32) * 32
    batch = torch.zeros(len(images), 3, *(up(max(image.shape[k] for image in images)) for k in (1, 2)))
    for place, image in zip(batch, images):
        place[:, : image.shape[1], : image.shape[2]] = image
    return batch


def endless(loader):
    while True:
        yield from loader


def main():
    o = options(__doc__).parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    photographs = Photographs(o.data, o.split, o.side)
    loader = DataLoader(photographs, o.batch, shuffle=True, num_workers=o.threads, collate_fn=collate, persistent_workers=True)
    source = endless(loader)
    report(o, timed(o, lambda: len(next(source))))


if __name__ == "__main__":
    main()
