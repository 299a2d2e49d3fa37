// What is compared with what, and how the page says it.
import { expect, it } from "vitest";
import type { ApName } from "../../src/eval/compareSeeds.js";
import { allPairs, type ComparedArm, differenceOf } from "../../src/reproduce/differences.js";
import { formatTable } from "../../src/reproduce/page.js";
import type { ArmResults, TableResults } from "../../src/reproduce/results.js";

/** An arm with the same AP on all resamples. */
function arm(
  name: string,
  aps: readonly number[],
  seeds = [...aps.keys()],
  match: (number | null)[] = aps.map(() => null),
): ComparedArm {
  const whole = aps.map((value): Record<ApName, number> => ({ ap50: value, ap: value / 2 }));
  const resampled = whole.map(({ ap50, ap }) => ({ ap50: Array(500).fill(ap50), ap: Array(500).fill(ap) }));
  return { name, seeds, ap: { whole, resampled }, match };
}

const all = { matches: true };
const scratch = arm("scratch", [0.5, 0.6, 0.4]);
const mimic = arm("mimic", [0.6, 0.7, 0.5], [0, 1, 2], [0.3, 0.3, 0.3]);
const quantized = arm("quantized", [0.8, 0.9, 0.7], [0, 1, 2], [0.4, 0.4, 0.4]);
const teacher = arm("teacher", [0.9], [0]);

it("seeds are paired: what all seeds gain alike is decided, however different they are", () => {
  const { difference, matchDifference } = differenceOf(mimic, scratch, all);
  expect(difference!.ap50!.difference).toBeCloseTo(0.1, 12);
  expect(difference!.ap50!.decided).toBe(true);
  expect(difference!.ap!.difference).toBeCloseTo(0.05, 12);
  // Scratch mimics nothing.
  expect(matchDifference).toBe(null);
  expect(differenceOf(quantized, mimic, all).matchDifference!.difference).toBeCloseTo(0.1, 12);
  expect(differenceOf(quantized, mimic, { matches: false }).matchDifference).toBe(null);
});

it("an arm with one seed is compared with that seed, which decides nothing; without the seed there is no difference", () => {
  const { ap50 } = differenceOf(teacher, scratch, all).difference!;
  expect(ap50!.difference).toBeCloseTo(0.4, 12);
  expect(ap50!.decided).toBe(false);
  expect(differenceOf(scratch, teacher, all).difference).toBe(null);
  expect(differenceOf(scratch, scratch, all).difference).toBe(null);
  expect(differenceOf(scratch, undefined, all).difference).toBe(null);
});

it("the page has differences from the base, and of each arm from those before it", () => {
  const spread = { mean: 0.5, deviation: 0.1 };
  const row = (one: ComparedArm): ArmResults => ({
    name: one.name,
    label: one.name.toUpperCase(),
    isTeacher: one === teacher,
    seeds: [...one.seeds],
    ...{ trainingSide: 96, side: 96, parameters: 1, bytesFp32: 1, bytesInt8: 1, multiplyAdds: 1, epochs: 1 },
    ...{ trainingImagesPerSecond: spread, imagesPerSecond: spread },
    values: { ap50: [], ap75: [], ap: [], val: [] },
    spread: { ap50: spread, ap75: spread, ap: spread, val: spread },
    ...{ match: null, matchActive: null },
    ...differenceOf(one, scratch, all),
  });
  const results: TableResults = {
    ...{
      table: "main",
      question: "Why?",
      note: "Because.",
      base: "scratch",
      split: "test",
      images: 9,
      objects: 9,
    },
    ...{ scored: { first: "2026-01-01", last: "2026-01-02" }, detector: "fcos", recipe: {}, runs: [] },
    arms: [teacher, scratch, mimic, quantized].map(row),
    pairs: allPairs([mimic, quantized], all),
  };
  const page = formatTable(results, "npx qmimic reproduce main");
  expect(page).toContain("Why? Because.");
  expect(page).toContain("| TEACHER | +40.0 (+40.0 to +40.0; images only) |");
  expect(page).toMatch(/\| MIMIC \| \*\*\+10\.0\*\* \(\+10\.0 to \+10\.0\) \|/);
  expect(page).toMatch(/\| QUANTIZED minus MIMIC \| \*\*\+20\.0\*\* .*\| \*\*\+10\.0\*\* /);
  expect(page).toContain("Teachers have only one seed");
  expect(formatTable({ ...results, pairs: [] }, "x")).not.toContain("Between the others");
});
