// The stages of a run.
import { isWeightsFile, type Recipe, trainsTeacher } from "./recipe.js";
import { readConfig } from "./weights.js";

/** In execution order. */
export const STAGES = ["teacher", "quantized-teacher", "student"] as const;
export type StageName = (typeof STAGES)[number];

export interface PlannedStage {
  stage: StageName;
  /** For instance "vgg-1-32". */
  network: string;
  epochs: number;
}

/** The stages of a run, in order. @throws InputError if the recipe's teacher is a file that cannot be read */
export function plannedStages(recipe: Recipe): PlannedStage[] {
  const { stage, method, teacher, student, teacherEpochs, quantizedEpochs, epochs } = recipe;
  // Read only if it is used.
  const config = () => (isWeightsFile(teacher) ? readConfig(teacher) : undefined);
  const network = () => config()?.backbone ?? teacher;
  const isQuantized = () => (config()?.quantizer.kind ?? "none") !== "none";
  const wanted = (name: StageName) => stage === "all" || stage === name;
  const stages: PlannedStage[] = [];
  if (trainsTeacher(recipe)) stages.push({ stage: "teacher", network: network(), epochs: teacherEpochs });
  if (method === "quantization-mimic" && wanted("quantized-teacher") && !isQuantized())
    stages.push({ stage: "quantized-teacher", network: network(), epochs: quantizedEpochs });
  if (wanted("student")) stages.push({ stage: "student", network: student, epochs });
  return stages;
}
