// One suite for every instruction set.
import { type Isa, kernelsIn } from "../../../../torch/test/kernels/isa.js";
import { crc32cCases } from "./crc32c.cases.js";
import { imageCases } from "./images.cases.js";
import { mimicCases } from "./mimicLoss.cases.js";
import { quantizeCases } from "./quantize.cases.js";

export const kernelSuite = (isa: Isa): void =>
  kernelsIn(isa, () => {
    quantizeCases();
    mimicCases();
    imageCases();
    crc32cCases();
  });
