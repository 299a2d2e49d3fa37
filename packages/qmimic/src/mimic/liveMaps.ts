// Runs the teacher in every step on exactly the images that the student sees, including photometric
// augmentation and crops. Slower than stored maps; used to measure how storing them affects AP.
import { noGrad, scope, type Tensor } from "@qmimic/torch";
import type { Detector, Quantizer } from "../models/index.js";
import { encodeFeatures } from "./dictionary.js";
import type { TeacherMaps } from "./teacherMaps.js";

/** @param teacher runs in every batch() */
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
