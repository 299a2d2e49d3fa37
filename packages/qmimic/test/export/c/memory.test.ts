// Steps have what they read, and what lives at the same time lies apart.
import { setThreads } from "@qmimic/torch";
import { expect, test } from "vitest";
import { createRandom } from "../../../src/data/random.js";
import { placeBlocks } from "../../../src/export/c/arena.js";
import { decoderInputs } from "../../../src/export/c/outputs.js";
import { planSteps } from "../../../src/export/c/steps.js";
import { KINDS_OF_MODELS, modelOf } from "./detectors.js";

setThreads(1);

test("blocks that share a moment lie apart, others in the same place", () => {
  const random = createRandom("blocks");
  for (let round = 0; round < 50; round++) {
    const blocks = Array.from({ length: 1 + Math.floor(30 * random()) }, () => {
      const from = Math.floor(20 * random());
      return { bytes: Math.floor(100 * random()), from, to: from + Math.floor(8 * random()) };
    });
    const { places, bytes } = placeBlocks(blocks);
    blocks.forEach((a, i) => {
      expect(places[i] % 4).toBe(0);
      expect(places[i] + a.bytes).toBeLessThanOrEqual(bytes);
      blocks.slice(0, i).forEach((b, j) => {
        const together = a.from <= b.to && b.from <= a.to;
        const apart = places[i] >= places[j] + b.bytes || places[j] >= places[i] + a.bytes;
        expect(!together || apart).toBe(true);
      });
    });
  }
  const turns = [0, 1, 2].map((from) => ({ bytes: 64, from, to: from }));
  expect(placeBlocks(turns).bytes).toBe(64);
});

test.each(KINDS_OF_MODELS)("every row that a step reads is made and in memory: %s", (name) => {
  const model = modelOf(name);
  const { maps, steps, order } = planSteps(model, 96, 64, decoderInputs(model).kept);
  const made = maps.map(() => 0);
  order.forEach((step, moment) => {
    const y = made[step];
    const { operation, reads } = steps[step];
    for (const map of reads) {
      const { height } = maps[map].shape;
      const rows =
        operation?.op === "conv" || operation?.op === "maxPool"
          ? Array.from({ length: operation.kernel }, (_, k) => y * operation.stride - operation.padding + k)
          : [operation?.op === "upsample" ? Math.floor(y / operation.factor) : y];
      for (const row of rows.filter((one) => one >= 0 && one < height)) {
        expect(row).toBeLessThan(made[map]);
        expect(row).toBeGreaterThanOrEqual(made[map] - maps[map].rows);
      }
    }
    for (const map of [step, ...reads]) {
      expect(maps[map].from).toBeLessThanOrEqual(moment);
      expect(maps[map].to).toBeGreaterThanOrEqual(moment);
    }
    made[step]++;
  });
  expect(made).toEqual(maps.map(({ shape }) => shape.height));
  // Far less than whole maps.
  const held = maps.reduce((sum, { rows, shape }) => sum + rows * shape.width * shape.channels, 0);
  const whole = maps.reduce((sum, { shape }) => sum + shape.height * shape.width * shape.channels, 0);
  expect(held).toBeLessThan(whole / 2);
});
