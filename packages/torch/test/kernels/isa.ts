// Kernels of one instruction set. A test file names it before the first kernel runs, in its own process.
import { describe, expect, test } from "vitest";
import { simdLevel } from "../../src/index.js";

export type Isa = "portable" | "avx2" | "avx512";

/** Whether this processor has the instruction set that QMIMIC_ISA names. */
function available(): boolean {
  try {
    simdLevel();
    return true;
  } catch {
    return false;
  }
}

/** A suite of `cases` with `isa` in use; skipped where the processor lacks it. */
export function kernelsIn(isa: Isa, cases: () => void): void {
  process.env.QMIMIC_ISA = isa;
  describe.skipIf(!available())(`kernels, ${isa}`, () => {
    test("the instruction set asked for is in use", () => expect(simdLevel()).toBe(isa));
    cases();
  });
}
