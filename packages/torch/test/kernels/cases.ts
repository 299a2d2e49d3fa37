// One suite for every instruction set. A test file names its own before the first kernel runs, in its own process.
import { describe, expect, test } from "vitest";
import { simdLevel } from "../../src/index.js";
import { batchNormCases } from "./batchNorm.cases.js";
import { convolutionCases } from "./convolution.cases.js";
import { crc32cCases } from "./crc32c.cases.js";
import { imageCases } from "./images.cases.js";
import { mimicCases } from "./mimicLoss.cases.js";
import { quantizeCases } from "./quantize.cases.js";
import { roiAlignCases } from "./roiAlign.cases.js";

/** Whether this processor has the instruction set that QMIMIC_ISA names. */
function available(): boolean {
  try {
    simdLevel();
    return true;
  } catch {
    return false;
  }
}

export function kernelSuite(isa: "portable" | "avx2" | "avx512"): void {
  process.env.QMIMIC_ISA = isa;
  describe.skipIf(!available())(`kernels, ${isa}`, () => {
    test("the instruction set asked for is in use", () => expect(simdLevel()).toBe(isa));
    convolutionCases();
    batchNormCases();
    roiAlignCases();
    quantizeCases();
    mimicCases();
    imageCases();
    crc32cCases();
  });
}
