"""The peer for data-loading: a torch DataLoader that decodes with Pillow, resizes, mirrors and pads, with one worker per
thread.

    /usr/bin/python3 data_loading.py --data FOLDER --steps 20
"""
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from train_scratch import names_of, options, padded, pixels_of, report, resized, timed


class Photographs(Dataset):
    def __init__(self, folder, split, side):
        self.paths = [Path(folder) / "JPEGImages" / f"{name}.jpg" for name in names_of(folder, split)]
        self.side = side

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = Image.open(self.paths[index])
        image.draft("RGB", (self.side, self.side))  # lets the JPEG decoder downscale, as in ours
        pixels = pixels_of(resized(image.convert("RGB"), self.side)).float().div_(255)
        return pixels.flip(2) if torch.rand(()) < 0.5 else pixels


def endless(loader):
    while True:
        yield from loader


def main():
    o = options(__doc__).parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    photographs = Photographs(o.data, o.split, o.side)
    loader = DataLoader(photographs, o.batch, shuffle=True, num_workers=o.threads, collate_fn=padded, persistent_workers=True)
    source = endless(loader)
    rates = timed(o, lambda: len(next(source)))
    del source, loader  # ends the workers, so that their memory is known
    report(o, rates, workers=o.threads)


if __name__ == "__main__":
    main()
