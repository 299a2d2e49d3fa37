// The test suite that is run for every instruction set.
import { batchNormCases } from "./batchNorm.cases.js";
import { convolutionCases } from "./convolution.cases.js";
import { type Isa, kernelsIn } from "./isa.js";
import { roiAlignCases } from "./roiAlign.cases.js";

export const kernelSuite = (isa: Isa): void =>
  kernelsIn(isa, () => {
    convolutionCases();
    batchNormCases();
    roiAlignCases();
  });
