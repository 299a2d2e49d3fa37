// The loss between the box heads' outputs, against its formula written out over proposals.
import { backward, Conv2d, operator, scope, sum, type Tensor, tensor, zeros } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { headLoss } from "../../src/mimic/headLoss.js";
import type { HeadOutputs, Quantizer } from "../../src/models/index.js";
import { expectClose } from "../models/torchvision.js";

const [count, labels] = [5, 3];
const random = createRandom("head loss");
const fill = (length: number) => Float32Array.from({ length }, () => 4 * random() - 2);
const own = { logits: fill(count * labels), deltas: fill(count * labels * 4) };
const goal = { logits: fill(count * labels), deltas: fill(count * labels * 4) };
const boxes = [new Float32Array(8), new Float32Array(12)];
const quantizer: Quantizer = { kind: "uniform", stride: 0.5 };
const codes = Uint8Array.of(0, 1, 2, 3);
const codesMap = () => tensor(codes, [1, 1, 2, 2]);
const stored = () => ({
  stored: codesMap(),
  ...{ quantizer, predictionQuantizer: quantizer as Quantizer },
  ...{ regions: [], stride: 8, teacherScale: 1 },
});
/** A pass whose features are not read. */
const passOf = (heads: HeadOutputs) => ({ heads, features: zeros([0]) });

const softmax = (logits: Float32Array): Float32Array => {
  const all = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i += labels) {
    const powers = [...logits.subarray(i, i + labels)].map(Math.exp);
    const total = powers.reduce((sum, value) => sum + value, 0);
    powers.forEach((one, c) => {
      all[i + c] = one / total;
    });
  }
  return all;
};

function formula(): number {
  const [p, q] = [softmax(goal.logits), softmax(own.logits)];
  let loss = 0;
  for (let i = 0; i < count * labels; i++) {
    loss -= p[i] * Math.log(q[i]);
    if (i % labels === 0) continue;
    for (let k = 4 * i; k < 4 * i + 4; k++) {
      const gap = Math.abs(own.deltas[k] - goal.deltas[k]);
      loss += p[i] * (gap < 1 / 9 ? (gap * gap * 9) / 2 : gap - 1 / 18);
    }
  }
  return loss / count;
}

test("cross-entropy with the teacher's probabilities, and its offsets where it sees an object", () => {
  scope(() => {
    const logits = tensor(own.logits, [count, labels]);
    const deltas = tensor(own.deltas, [count, 4 * labels]);
    logits.requiresGrad = true;
    deltas.requiresGrad = true;
    const student: HeadOutputs = { of: "regions", boxes, logits, deltas };
    const seen: Tensor[] = [];
    const teacher = {
      config: { quantizer },
      headOutputs(features: Tensor, like: HeadOutputs): HeadOutputs {
        expect(like).toBe(student);
        seen.push(features);
        return {
          of: "regions",
          boxes,
          logits: tensor(goal.logits, [count, labels]),
          deltas: tensor(goal.deltas, [count, 4 * labels]),
        };
      },
    };
    const loss = headLoss(passOf(student), stored(), teacher);
    // The teacher's head reads the dictionary's entries, not the codes.
    expect([...seen[0].toFloat32()]).toEqual([0, 0.5, 1, 1.5]);
    expect(loss.item()).toBeCloseTo(formula(), 5);

    backward(loss);
    const [p, q] = [softmax(goal.logits), softmax(own.logits)];
    expectClose(
      logits.grad!.toFloat32(),
      p.map((one, i) => (q[i] - one) / count),
      1e-5,
    );
    const gradient = deltas.grad!.toFloat32();
    const background = gradient.filter((_, i) => i % (4 * labels) < 4);
    expect(background.every((one) => one === 0)).toBe(true);
  });
});

test("offsets that all classes share weigh as much as the teacher sees any object", () => {
  scope(() => {
    const shared = { student: fill(4 * count), teacher: fill(4 * count) };
    const outputs = (logits: Float32Array, deltas: Float32Array): HeadOutputs => ({
      of: "regions",
      boxes,
      logits: tensor(logits, [count, labels]),
      deltas: tensor(deltas, [count, 4]),
    });
    const teacher = { config: { quantizer }, headOutputs: () => outputs(goal.logits, shared.teacher) };
    const student = outputs(own.logits, shared.student);
    const loss = headLoss(passOf(student), stored(), teacher);
    const [p, q] = [softmax(goal.logits), softmax(own.logits)];
    let expected = 0;
    for (let row = 0; row < count; row++) {
      for (let c = 0; c < labels; c++) expected -= p[row * labels + c] * Math.log(q[row * labels + c]);
      for (let k = 4 * row; k < 4 * row + 4; k++) {
        const gap = Math.abs(shared.student[k] - shared.teacher[k]);
        expected += (1 - p[row * labels]) * (gap < 1 / 9 ? (gap * gap * 9) / 2 : gap - 1 / 18);
      }
    }
    expect(loss.item()).toBeCloseTo(expected / count, 5);
  });
});

test("no proposals: no loss, and still a gradient", () => {
  scope(() => {
    const logits = tensor(new Float32Array(0), [0, labels]);
    const deltas = tensor(new Float32Array(0), [0, 4 * labels]);
    logits.requiresGrad = true;
    const teacher = {
      config: { quantizer },
      headOutputs: () => {
        throw new Error("asked for nothing");
      },
    };
    const loss = headLoss(passOf({ of: "regions", boxes: [], logits, deltas }), stored(), teacher);
    expect(loss.item()).toBe(0);
    backward(loss);
  });
});

test("cells: the teacher's scores and boxes, weighted inside the regions", () => {
  const [classes, height, width, stride] = [2, 3, 4, 8];
  const size = height * width;
  const uniform = (length: number, low: number, high: number) =>
    Float32Array.from({ length }, () => low + (high - low) * random());
  const student = { logits: uniform(2 * classes * size, -3, 3), distances: uniform(8 * size, 0.2, 3) };
  const teacher = { logits: uniform(2 * classes * size, -3, 3), distances: uniform(8 * size, 0.2, 3) };
  // Cells (1..2, 0..1) of the first image, all of the second, and its first cell again.
  const regions = [Float32Array.of(8, 0, 24, 16), Float32Array.of(0, 0, 32, 24, 0, 0, 8, 8)];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const giou = (image: number, cell: number) => {
    const [a, b] = [student, teacher].map((one) =>
      [0, 1, 2, 3].map((k) => one.distances[(4 * image + k) * size + cell]),
    );
    const area = (sides: number[]) => (sides[0] + sides[2]) * (sides[1] + sides[3]);
    const both = area(a.map((side, k) => Math.min(side, b[k])));
    const around = area(a.map((side, k) => Math.max(side, b[k])));
    const either = area(a) + area(b) - both;
    return both / either - (around - either) / around;
  };
  let expected = 0;
  for (let image = 0; image < 2; image++) {
    for (let cell = 0; cell < size; cell++) {
      const [x, y] = [cell % width, Math.floor(cell / width)];
      const weight = image === 0 ? (x > 0 && x < 3 && y < 2 ? 1 / 4 : 0) : 1 / size + Number(cell === 0);
      let best = 0;
      let entropy = 0;
      for (let c = 0; c < classes; c++) {
        const at = (image * classes + c) * size + cell;
        const [p, q] = [sigmoid(teacher.logits[at]), sigmoid(student.logits[at])];
        best = Math.max(best, p);
        entropy -= p * Math.log(q) + (1 - p) * Math.log(1 - q);
      }
      expected += (weight / 3) * (entropy + best * (1 - giou(image, cell)));
    }
  }
  scope(() => {
    const outputs = (of: typeof student): HeadOutputs => ({
      of: "cells",
      logits: tensor(of.logits, [2, classes, height, width]),
      distances: tensor(of.distances, [2, 4, height, width]),
    });
    const maps = { ...stored(), regions, stride };
    const loss = headLoss(passOf(outputs(student)), maps, {
      ...{ config: { quantizer }, headOutputs: () => outputs(teacher) },
    });
    expect(loss.item()).toBeCloseTo(expected, 5);
  });
});

/** Heads whose outputs are sums of the map, so that gradients reach it; notes what it reads. */
function summingHeads(read: { maps: Tensor[]; boxes: Float32Array[][] }) {
  const repeat = operator("aten::expand");
  return {
    config: { quantizer },
    headOutputs: (map: Tensor, like: HeadOutputs): HeadOutputs => {
      read.maps.push(map);
      read.boxes.push([...(like as { boxes: readonly Float32Array[] }).boxes]);
      const total = sum(map);
      return {
        of: "regions",
        boxes: (like as { boxes: readonly Float32Array[] }).boxes,
        logits: repeat(total, [count, labels]),
        deltas: repeat(total, [count, 4 * labels]),
      };
    },
  };
}

test("across scales, the teacher's head reads its own finer map, and boxes in its own input", () => {
  scope(() => {
    const student: HeadOutputs = {
      of: "regions",
      boxes: [Float32Array.of(1, 2, 3, 4), new Float32Array(16).fill(5)],
      logits: tensor(own.logits, [count, labels]),
      deltas: tensor(own.deltas, [count, 4 * labels]),
    };
    const read = { maps: [] as Tensor[], boxes: [] as Float32Array[][] };
    const maps = { ...stored(), stored: tensor(codes, [1, 4, 1, 1]), teacherScale: 2 };
    headLoss(passOf(student), maps, summingHeads(read));
    expect(read.maps[0].shape).toEqual([1, 1, 2, 2]);
    expect([...read.maps[0].toFloat32()]).toEqual([0, 0.5, 1, 1.5]);
    expect([...read.boxes[0][0]]).toEqual([2, 4, 6, 8]);
  });
});

test("with plain mimic, the head of a teacher that is quantized already reads the quantized map", () => {
  scope(() => {
    const student: HeadOutputs = {
      of: "regions",
      boxes,
      logits: tensor(own.logits, [count, labels]),
      deltas: tensor(own.deltas, [count, 4 * labels]),
    };
    const none: Quantizer = { kind: "none" };
    const map = tensor(Float32Array.of(0.2, 0.3, 0.75, 1.9), [1, 1, 2, 2]);
    const raw = { ...stored(), quantizer: none, predictionQuantizer: none, stored: map };
    for (const [config, expected] of [
      [{ quantizer }, [0, 0.5, 0.5, 2]],
      [{ quantizer: none }, [0.2, 0.3, 0.75, 1.9]],
    ] as const) {
      const read = { maps: [] as Tensor[], boxes: [] as Float32Array[][] };
      headLoss(passOf(student), raw, { ...summingHeads(read), config });
      expectClose(read.maps[0].toFloat32(), Float32Array.from(expected), 1e-6);
    }
  });
});

test.each<[string, Quantizer]>([
  ["quantized like the teacher's", quantizer],
  ["as it is, without quantize-prediction", { kind: "none" }],
])("with cross-head, the teacher's head reads the student's map through r, %s", (_, predictionQuantizer) => {
  scope(() => {
    const features = tensor(Float32Array.of(0.2, 0.9), [1, 2, 1, 1]);
    features.requiresGrad = true;
    const regressor = new Conv2d(2, 1, createRandom("r"), { kernel: 1 });
    const student: HeadOutputs = {
      of: "regions",
      boxes,
      logits: tensor(own.logits, [count, labels]),
      deltas: tensor(own.deltas, [count, 4 * labels]),
    };
    const read = { maps: [] as Tensor[], boxes: [] as Float32Array[][] };
    const maps = { ...stored(), predictionQuantizer, stored: tensor(Uint8Array.of(1), [1, 1, 1, 1]) };
    const loss = headLoss({ heads: student, features }, maps, summingHeads(read), regressor);
    const [first, second] = read.maps.map((map) => map.toFloat32()[0]);
    const r = regressor.forward(features).toFloat32()[0];
    const rounded = 0.5 * Math.max(0, Math.ceil(r / 0.5 - 0.5));
    expect(first).toBeCloseTo(predictionQuantizer.kind === "none" ? r : rounded, 6);
    expect(second).toBe(0.5);
    backward(loss);
    expect(features.grad!.toFloat32().some((value) => value !== 0)).toBe(true);
  });
});
