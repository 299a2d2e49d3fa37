import { expect, it } from "vitest";
import { createRandom, shuffled } from "../../src/data/random.js";
import { nearest } from "../../src/errors.js";

it("repeats for one seed, differs between seeds, and is uniform", () => {
  const take = (seed: number | string, count: number): number[] => {
    const random = createRandom(seed);
    return Array.from({ length: count }, random);
  };
  expect(take(1, 5)).toEqual(take(1, 5));
  // Stored: generated data and runs must stay the same from one version to the next.
  expect(take("stored", 3)).toMatchInlineSnapshot(`
    [
      0.4391560829244554,
      0.8168141413480043,
      0.4693239373154938,
    ]
  `);
  const firsts = new Set([1, 2, 3, "1", "2", ""].map((seed) => take(seed, 1)[0]));
  expect(firsts.size).toBe(6);
  const values = take("uniform", 100_000);
  const bins = new Array<number>(10).fill(0);
  for (const value of values) bins[Math.floor(value * 10)]++;
  for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  // Neighbouring seeds must not give related streams.
  const means = Array.from({ length: 1000 }, (_, seed) => take(seed, 1)[0]);
  expect(means.reduce((sum, v) => sum + v, 0) / 1000).toBeCloseTo(0.5, 1);
});

it("shuffles a copy", () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const mixed = shuffled(items, createRandom(3));
  expect(items).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(mixed).not.toEqual(items);
  expect([...mixed].sort()).toEqual(items);
});

it("names the nearest candidate only when it is near", () => {
  expect(nearest("learningRat", ["learningRate", "epochs"])).toBe("learningRate");
  expect(nearest("HORSE", ["cat", "horse"])).toBe("horse");
  expect(nearest("xyz", ["learningRate", "epochs"])).toBeUndefined();
  expect(nearest("a", ["b"])).toBeUndefined();
});
