// Tests the kernels of one instruction set, which a test file selects before the first kernel runs, in its own process.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { simdLevel } from "../../src/index.js";

export type Isa = "portable" | "avx2" | "avx512";

/** What Linux calls the instruction sets that the kernels need. */
const FLAGS: Record<Isa, readonly string[]> = {
  portable: [],
  avx2: ["avx2", "fma"],
  avx512: ["avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512dq"],
};

/** Whether this processor has an instruction set, by a source other than the code under test. */
function available(isa: Isa): boolean {
  const flags = process.platform === "linux" ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return FLAGS[isa].every((flag) => new RegExp(`\\b${flag}\\b`).test(flags));
}

/** A suite of `cases` that uses `isa`; skipped if the processor lacks it. */
export function kernelsIn(isa: Isa, cases: () => void): void {
  process.env.QMIMIC_ISA = isa;
  describe.skipIf(!available(isa))(`kernels, ${isa}`, () => {
    test("the requested instruction set is in use", () => expect(simdLevel()).toBe(isa));
    cases();
  });
}
