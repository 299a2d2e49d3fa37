// Tests the kernels of one instruction set, which a test file selects before the first kernel runs, in its own process.
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

/** A suite of `cases` that uses `isa`; skipped if the processor lacks it. */
export function kernelsIn(isa: Isa, cases: () => void): void {
  process.env.QMIMIC_ISA = isa;
  describe.skipIf(!available())(`kernels, ${isa}`, () => {
    test("the requested instruction set is in use", () => expect(simdLevel()).toBe(isa));
    cases();
  });
}
