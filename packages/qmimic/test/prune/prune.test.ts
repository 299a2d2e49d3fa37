// Channels that are known to do nothing are the ones that go: what is left computes what the whole detector did.
import { join } from "node:path";
import { copy, noGrad, scope, setThreads, tensor } from "@qmimic/torch";
import { beforeAll, describe, expect, test } from "vitest";
import { createRandom, shuffled } from "../../src/data/random.js";
import {
  type ChannelGroup,
  DETECTORS,
  type Detector,
  multiplyAdds,
  readChannels,
} from "../../src/models/index.js";
import { PRUNING_METHODS, pruneDetector } from "../../src/prune/prune.js";
import { costOf, silence } from "../../src/prune/shrink.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { openSplits, type Split } from "../../src/train/splits.js";
import { makeShapes } from "../data/shapes.js";
import { temporaryFolder } from "../data/temporary.js";
import { untrainedDetector } from "../export/untrained.js";

setThreads(1);
const root = await temporaryFolder();
let train: Split;
beforeAll(async () => {
  const data = await makeShapes(join(root, "shapes"), { train: 12, val: 2 });
  train = (await openSplits(parseRecipe({ data, side: 96, scales: [1] }, "test"))).train;
});

/** A detector, and the part of its cost that half of its channels make: the others are silent. */
function halfSilent(kind: string): { detector: Detector; part: number; alive: Map<ChannelGroup, number[]> } {
  const detector = untrainedDetector(kind, ["disc", "square"], { backbone: "vgg-1-16", headWidth: 32 });
  const channels = readChannels(detector);
  const random = createRandom(kind);
  // Each channel differs from the others, as those of trained detectors do.
  for (const { name, tensor: one } of detector.named()) {
    if (one.shape.length > 1 || !/weight$/.test(name)) continue;
    const gains = Float32Array.from({ length: one.size }, () => 0.5 + random());
    noGrad(() => scope(() => void copy(one, tensor(gains))));
  }
  const alive = new Map(
    channels.groups.map((group) => {
      const all = Array.from({ length: group.channels }, (_, i) => i);
      return [
        group,
        shuffled(all, random)
          .slice(0, Math.round(group.channels / 2))
          .sort((a, b) => a - b),
      ];
    }),
  );
  for (const [group, kept] of alive) silence(group, kept);
  const cost = (of: Map<ChannelGroup, number[]>) =>
    costOf(channels, (group) => of.get(group)?.length ?? group.channels);
  return { detector, part: cost(alive) / cost(new Map()), alive };
}

const boxes = [Float32Array.of(4, 4, 40, 50, 0, 20, 30, 60)];
function outputsOf(detector: Detector): Record<string, Float32Array> {
  const image = Float32Array.from({ length: 3 * 64 * 64 }, createRandom("image"));
  return noGrad(() =>
    scope(() => {
      const outputs = detector.eval().everyLayer(tensor(image, [1, 3, 64, 64]), boxes);
      return Object.fromEntries(Object.entries(outputs).map(([name, one]) => [name, one.toFloat32()]));
    }),
  );
}

const difference = (a: Detector, b: Detector): number => {
  const [one, other] = [a, b].map(outputsOf);
  const names = Object.keys(one).filter((name) => name !== "features");
  return Math.max(
    ...names.flatMap((name) => [...one[name]].map((value, i) => Math.abs(value - other[name][i]))),
  );
};

describe.each(DETECTORS)("%s", (kind) => {
  test.each(["lasso", "taylor"] as const)("%s removes what is silent", async (method) => {
    const { detector, part, alive } = halfSilent(kind);
    // A little more than what is alive costs.
    const pruned = await pruneDetector(detector, train, { method, budget: part * 1.001, seed: 0 });
    expect(multiplyAdds(pruned) / multiplyAdds(detector)).toBeLessThanOrEqual(part * 1.001);
    expect(pruned.backbone.outChannels).toBeLessThan(detector.backbone.outChannels);
    expect([...alive.values()].every((kept) => kept.length > 0)).toBe(true);
    expect(difference(detector, pruned)).toBeLessThan(method === "lasso" ? 0.01 : 1e-4);
    const random = await pruneDetector(detector, train, { method: "random", budget: part, seed: 0 });
    expect(difference(detector, random)).toBeGreaterThan(10 * difference(detector, pruned));
    // The detector itself is left as it was, and the same seed gives the same.
    const again = await pruneDetector(detector, train, { method, budget: part * 1.001, seed: 0 });
    expect(outputsOf(again)).toEqual(outputsOf(pruned));
    for (const one of [detector, pruned, random, again]) one.dispose();
  });
});

test("the smallest budgets are met by every method, whatever part of a layer would rather stay", async () => {
  const detector = untrainedDetector("fcos", ["disc", "square"], { backbone: "vgg-1-8" });
  for (const method of PRUNING_METHODS) {
    const pruned = await pruneDetector(detector, train, { method, budget: 0.01, seed: 0 });
    expect(multiplyAdds(pruned) / multiplyAdds(detector)).toBeLessThanOrEqual(0.01);
    pruned.dispose();
  }
  detector.dispose();
}, 60_000);

test("a budget that one channel everywhere exceeds is refused", async () => {
  const detector = untrainedDetector("fcos");
  const options = { method: "random", budget: 0.001, seed: 0 } as const;
  await expect(pruneDetector(detector, train, options)).rejects.toThrow(
    /budget 0\.001: one channel in every layer/,
  );
  detector.dispose();
});
