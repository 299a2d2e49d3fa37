// When a dictionary is refused.
import { expect, test } from "vitest";
import { dictionaryRefusal } from "../../src/train/dictionaryCost.js";

const given = { fullPrecision: 0.8, objects: 400, allowed: 1 };

test("a dictionary that costs more than is allowed and chance explains is refused, with the numbers", () => {
  // sqrt(0.16 / 400) = 0.02
  expect(dictionaryRefusal({ ...given, after: 0.771 })).toBeUndefined();
  expect(dictionaryRefusal({ ...given, after: 0.768 })).toMatch(
    /costs the teacher 3\.2 points of AP50 on val; the limit is 1 \(quantizer-max-cost\) plus 2\.0 for the statistical error of 400 objects/,
  );
  expect(dictionaryRefusal({ ...given, after: 0.768, allowed: 2 })).toBeUndefined();
});

test("a teacher that gains, or a val split that says nothing, is no reason", () => {
  expect(dictionaryRefusal({ ...given, after: 0.9 })).toBeUndefined();
  expect(dictionaryRefusal({ ...given, fullPrecision: 0.3, after: 0, objects: 2 })).toBeUndefined();
  expect(dictionaryRefusal({ ...given, fullPrecision: Number.NaN, after: 0 })).toBeUndefined();
});
