// What a run's numbers say to do next.
import { expect, test } from "vitest";
import { teacherAdvice } from "../../src/train/advice.js";
import { SETTINGS } from "../../src/train/schema.js";

test("a student above its teacher is said, with settings that exist", () => {
  const advice = teacherAdvice([
    { stage: "quantized-teacher", val: 0.81 },
    { stage: "student", val: 0.827, teacherVal: 0.81 },
  ]);
  expect(advice).toMatch(/AP50 82\.7 on val.*beats its teacher \(81\.0\)/);
  expect(advice).toMatch(/teacher-epochs.*vgg-1-4.*scales.*method scratch/);
  for (const key of ["teacherEpochs", "teacher", "scales", "method"]) expect(SETTINGS.has(key)).toBe(true);
});

test.each([
  ["below its teacher", { stage: "student", val: 0.7, teacherVal: 0.8 }],
  ["as good as its teacher", { stage: "student", val: 0.8, teacherVal: 0.8 }],
  ["without a teacher", { stage: "student", val: 0.8 }],
  ["not evaluated", { stage: "student", val: null, teacherVal: 0.8 }],
])("nothing to say of a student %s", (_, student) => {
  expect(teacherAdvice([student])).toBeUndefined();
});
