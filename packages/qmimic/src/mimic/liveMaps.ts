// The teacher run in every step, on the very images that the student sees, photometric noise and crops included. Slower
// than stored maps; there to measure what storing them does to AP.
import { noGrad, scope, type Tensor } from "@qmimic/torch";
import type { Detector, Quantizer } from "../models/index.js";
import { encodeFeatures } from "./dictionary.js";
import type { TeacherMaps } from "./teacherMaps.js";

/** @param teacher is run in every batch() */
export function liveMaps(teacher: Detector, quantizer: Quantizer): TeacherMaps {
  teacher.eval();
  return {
    channels: teacher.backbone.outChannels,
    bytes: 0,
    batch: ({ images }): Tensor =>
      noGrad(() => scope(() => encodeFeatures(teacher.backbone.forward(images), quantizer))),
    close: () => {},
  };
}
