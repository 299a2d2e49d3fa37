import { expect, it } from "vitest";
import type { Sample } from "../../src/data/types.js";
import { type BatchSettings, epochOrder } from "../../src/train/batches.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { batchSettings } from "../../src/train/step.js";

const samples = Array.from({ length: 10 }, (_, i) => ({
  ...{ id: String(i), width: 60, height: i < 3 ? 80 : 40 },
})) as Sample[];
const settings = (epochImages: number): BatchSettings => ({
  ...batchSettings(parseRecipe({ batch: 2 }, "test"), 4),
  epochImages,
});
const visits = (epochImages: number, epochs: number): number[] => {
  const all = Array.from({ length: epochs }, (_, epoch) => epochOrder(samples, settings(epochImages), epoch));
  const counts = new Array<number>(samples.length).fill(0);
  for (const index of all.flat(2)) counts[index]++;
  return counts;
};

it("an epoch is each image once", () => {
  expect(visits(0, 1)).toEqual(new Array(10).fill(1));
  expect(epochOrder(samples, settings(10), 4)).toEqual(epochOrder(samples, settings(0), 4));
});

it("a shorter epoch begins where the one before ended; all have as many steps", () => {
  const steps = [0, 1, 2, 3, 4].map((epoch) => epochOrder(samples, settings(5), epoch).length);
  expect(new Set(steps).size).toBe(1);
  // Two of three portraits, four of seven others.
  expect(visits(5, 1).reduce((sum, value) => sum + value)).toBe(6);
  const twentyOne = visits(5, 21);
  expect(new Set(twentyOne.slice(0, 3))).toEqual(new Set([14]));
  expect(new Set(twentyOne.slice(3))).toEqual(new Set([12]));
});

it("a longer epoch comes to each image several times", () => {
  expect(visits(30, 1)).toEqual(new Array(10).fill(3));
  const counts = visits(25, 1);
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([2, 3]);
});
