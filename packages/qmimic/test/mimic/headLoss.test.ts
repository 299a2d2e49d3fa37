// The loss between the box heads' outputs, against its formula written out over proposals.
import { backward, scope, type Tensor, tensor } from "@qmimic/torch";
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

const softmax = (logits: Float32Array): Float32Array => {
  const all = new Float32Array(logits.length);
  for (let i = 0; i < logits.length; i += labels) {
    const powers = [...logits.subarray(i, i + labels)].map(Math.exp);
    const total = powers.reduce((sum, one) => sum + one, 0);
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
    const loss = headLoss(student, tensor(codes, [1, 1, 2, 2]), quantizer, teacher);
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
    const teacher = { headOutputs: () => outputs(goal.logits, shared.teacher) };
    const student = outputs(own.logits, shared.student);
    const loss = headLoss(student, tensor(codes, [1, 1, 2, 2]), quantizer, teacher);
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
      headOutputs: () => {
        throw new Error("asked for nothing");
      },
    };
    const loss = headLoss(
      { of: "regions", boxes: [], logits, deltas },
      tensor(codes, [1, 1, 2, 2]),
      quantizer,
      teacher,
    );
    expect(loss.item()).toBe(0);
    backward(loss);
  });
});
