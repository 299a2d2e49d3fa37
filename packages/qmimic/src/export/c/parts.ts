// The input for writing a source file.
import type { Model } from "@qmimic/runtime";
import type { WeightFormat } from "../modelFile.js";
import type { MemoryPlan } from "./memory.js";
import type { DecoderInputs } from "./outputs.js";
import type { Lowered } from "./parameters.js";
import type { RowProgram } from "./steps.js";

export interface SourceParts {
  name: string;
  format: WeightFormat;
  width: number;
  height: number;
  model: Model;
  inputs: DecoderInputs;
  program: RowProgram;
  lowered: Lowered;
  memory: MemoryPlan;
}
