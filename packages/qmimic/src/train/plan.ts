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
  const given = isWeightsFile(teacher);
  const network = given ? readConfig(teacher).backbone : teacher;
  const quantized = given && readConfig(teacher).quantizer.kind !== "none";
  const wanted = (name: StageName) => stage === "all" || stage === name;
  const stages: PlannedStage[] = [];
  if (trainsTeacher(recipe)) stages.push({ stage: "teacher", network, epochs: teacherEpochs });
  if (method === "quantization-mimic" && wanted("quantized-teacher") && !quantized)
    stages.push({ stage: "quantized-teacher", network, epochs: quantizedEpochs });
  if (wanted("student")) stages.push({ stage: "student", network: student, epochs });
  return stages;
}
