import { describe, expect, it } from "vitest";
import {
  anchorsPerCell,
  boxArea,
  clipBoxes,
  decodeBoxes,
  encodeBoxes,
  generateAnchors,
  iou,
  removeSmallBoxes,
} from "../src/index.js";
import { expectClose, geometry, randomBoxes, randomNumbers } from "./fixture.js";

const floats = (values: number[]) => Float32Array.from(values);

describe("boxes", () => {
  it("iou equals torchvision's box_iou, bit for bit", () => {
    const a = floats(geometry.boxes.a);
    const b = floats(geometry.boxes.b);
    const expected = floats(geometry.boxes.iou);
    const columns = b.length / 4;
    for (let e = 0; e < expected.length; e++) {
      expect(iou(a, Math.floor(e / columns), b, e % columns)).toBe(expected[e]);
    }
  });

  it("computes areas, and IoU 0 for boxes that only touch or have no area", () => {
    const boxes = floats([0, 0, 10, 10, 10, 0, 20, 10, 5, 5, 5, 5, 0, 5, 10, 15]);
    expect(boxArea(boxes, 0)).toBe(100);
    expect(iou(boxes, 0, boxes, 0)).toBe(1);
    expect(iou(boxes, 0, boxes, 1)).toBe(0);
    expect(iou(boxes, 2, boxes, 2)).toBe(0);
    expect(iou(boxes, 0, boxes, 3)).toBe(Math.fround(1 / 3));
  });

  it("clips in place like clip_boxes_to_image", () => {
    const { outside, clipped, width, height } = geometry.boxes;
    const boxes = floats(outside);
    expect(clipBoxes(boxes, [0, 0, width, height])).toBe(boxes);
    expect(boxes).toEqual(floats(clipped));
  });

  it("keeps the boxes that remove_small_boxes keeps", () => {
    expect([...removeSmallBoxes(floats(geometry.boxes.thin), 1)]).toEqual(geometry.boxes.kept);
  });
});

describe("box coding", () => {
  const reference = floats(geometry.boxCoding.reference);
  const proposals = floats(geometry.boxCoding.proposals);
  const deltas = floats(geometry.boxCoding.deltas);

  for (const { weights, encoded, decoded } of geometry.boxCoding.cases) {
    it(`equals torchvision's BoxCoder with weights ${weights}`, () => {
      // Offsets are differences of centres: float32 steps at coordinates of 100 are 8e-6.
      expectClose(encodeBoxes(reference, proposals, weights), encoded, 1e-5);
      expectClose(decodeBoxes(deltas, proposals, weights), decoded, 1e-5);
    });
  }

  it("decodes what it encodes", () => {
    const from = randomBoxes(50, 300, randomNumbers(1));
    const to = randomBoxes(50, 300, randomNumbers(2));
    const offsets = encodeBoxes(to, from, [10, 10, 5, 5]);
    expectClose(decodeBoxes(offsets, from, [10, 10, 5, 5]), [...to], 1e-4);
  });

  it("decodes in place", () => {
    const expected = decodeBoxes(deltas, proposals, [1, 1, 1, 1]);
    const inPlace = deltas.slice();
    expect(decodeBoxes(inPlace, proposals, [1, 1, 1, 1], inPlace)).toEqual(expected);
  });

  it("names mismatched lengths", () => {
    expect(() => encodeBoxes(new Float32Array(8), new Float32Array(4), [1, 1, 1, 1])).toThrow(
      /8 reference.* 4 /,
    );
    expect(() => decodeBoxes(new Float32Array(6), new Float32Array(4), [1, 1, 1, 1])).toThrow(
      /6 deltas for 4/,
    );
    expect(() => decodeBoxes(new Float32Array(4), new Float32Array(0), [1, 1, 1, 1])).toThrow(
      /4 deltas for 0/,
    );
    expect(() =>
      decodeBoxes(new Float32Array(4), new Float32Array(4), [1, 1, 1, 1], new Float32Array(8)),
    ).toThrow(/8 elements, expected 4/);
    expect(decodeBoxes(new Float32Array(0), new Float32Array(0), [1, 1, 1, 1]).length).toBe(0);
  });
});

describe("anchors", () => {
  for (const { anchors, ...options } of geometry.anchors) {
    it(`equals torchvision's AnchorGenerator for sizes ${options.sizes}, ratios ${options.aspectRatios}`, () => {
      expect(generateAnchors(options)).toEqual(floats(anchors));
      expect(anchors.length / 4).toBe(options.height * options.width * anchorsPerCell(options));
    });
  }

  it("names the invalid option", () => {
    const options = { sizes: [8], aspectRatios: [1], stride: 4, height: 2, width: 2 };
    expect(() => generateAnchors({ ...options, sizes: [8, 0] })).toThrow(/sizes \[8, 0\]/);
    expect(() => generateAnchors({ ...options, stride: Number.NaN })).toThrow(/stride \[NaN, NaN\]/);
    expect(() => generateAnchors({ ...options, width: 1.5 })).toThrow(/2 x 1.5 cells/);
  });
});
