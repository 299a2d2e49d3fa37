"""The peer for evaluate-voc: average precision over all points with NumPy, by the algorithm of the VOC development kit:
class by class, detections by descending score, each compared with all objects of its image.

    /usr/bin/python3 evaluate_voc.py --data IGNORED --steps 3

Objects and detections are generated as in bench/ours/evaluateVoc.mjs: in the same numbers, with other values.
"""
import numpy as np

from train_scratch import options, report, timed

IMAGES, CLASSES, OBJECTS, DETECTIONS = 5000, 20, 4, 50


def make(random):
    corners = random.uniform(0, 300, (IMAGES, OBJECTS, 2))
    boxes = np.concatenate([corners, corners + random.uniform(20, 200, (IMAGES, OBJECTS, 2))], 2)
    labels = random.integers(0, CLASSES, (IMAGES, OBJECTS))
    which = random.integers(0, OBJECTS, (IMAGES, DETECTIONS))
    found = np.take_along_axis(boxes, which[..., None], 1) + random.uniform(-20, 20, (IMAGES, DETECTIONS, 4))
    right = random.uniform(size=(IMAGES, DETECTIONS)) < 0.7
    found_labels = np.where(right, np.take_along_axis(labels, which, 1), random.integers(0, CLASSES, which.shape))
    scores = random.uniform(size=which.shape)
    return boxes, labels, found, found_labels, scores


def average_precision(boxes, labels, found, found_labels, scores, one):
    objects = {image: boxes[image][labels[image] == one] for image in range(IMAGES)}
    taken = {image: np.zeros(len(of), bool) for image, of in objects.items()}
    images, rows = np.nonzero(found_labels == one)
    order = np.argsort(-scores[images, rows], kind="stable")
    hits = np.zeros(len(order))
    for place, index in enumerate(order):
        image, box, of = images[index], found[images[index], rows[index]], objects[images[index]]
        if not len(of):
            continue
        low, high = np.maximum(of[:, :2], box[:2]), np.minimum(of[:, 2:], box[2:])
        inside = np.prod(np.maximum(high - low, 0), 1)
        area = lambda b: (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
        overlap = inside / (area(of) + area(box) - inside)
        best = overlap.argmax()
        if overlap[best] >= 0.5 and not taken[image][best]:
            hits[place], taken[image][best] = 1, True
    right = np.cumsum(hits)
    recall = right / max(1, sum(map(len, objects.values())))
    precision = right / np.arange(1, len(order) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return np.sum(np.diff(recall, prepend=0) * precision)


def main():
    o = options(__doc__).parse_args()
    data = make(np.random.default_rng(o.seed))

    def step():
        np.mean([average_precision(*data, one) for one in range(CLASSES)])
        return IMAGES

    report(o, timed(o, step))


if __name__ == "__main__":
    main()
