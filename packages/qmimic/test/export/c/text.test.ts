// Numbers and names as C has them.
import { singleAtLeast, singleAtMost } from "@qmimic/runtime";
import { expect, test } from "vitest";
import { cArray, cFloat, cString } from "../../../src/export/c/text.js";

test("floats are written so that they are read back", () => {
  expect([1, -2.5, 0.25, 0].map(cFloat)).toEqual(["1.0f", "-2.5f", "0.25f", "0.0f"]);
  expect([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(cFloat)).toEqual([
    "INFINITY",
    "(-INFINITY)",
  ]);
  for (const value of [0.1, 1 / 3, 1e-7, 1e30, 16777217, 1.17549435e-38, 3.4028234e38])
    expect(Math.fround(Number(cFloat(value).slice(0, -1)))).toBe(Math.fround(value));
});

test.each([0.7, 0.6, 0.5, 0, -0.7, 1e-50, 0.1])("thresholds fall between the same floats: %f", (value) => {
  const [least, most] = [singleAtLeast(value), singleAtMost(value)];
  expect(least).toBeGreaterThanOrEqual(value);
  expect(most).toBeLessThanOrEqual(value);
  expect([least, most]).toEqual([least, most].map(Math.fround));
  // There is no other float between them.
  const middle = Math.fround((least + most) / 2);
  expect([least, most]).toContain(middle);
});

test("strings have no letter that C takes for something else", () => {
  expect(cString('a b-1 "\\?')).toBe('"a b-1 \\042\\134\\077"');
  expect(cString("ü\n")).toBe('"\\303\\274\\012"');
});

test("long tables are broken into lines", () => {
  const text = cArray("int8_t", "many", new Int8Array(100).fill(-128));
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThan(120);
  expect(text.match(/-128,/g)).toHaveLength(100);
});
