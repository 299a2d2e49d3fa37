// ImageNet weights for a full-width teacher: a file with the parameter names of torchvision's vgg16_bn,
// resnet18 or resnet34, which our backbones share. torchvision's last pooling of VGG, classifiers and batch
// norm counters are not used. Image normalisation is the same (data/augment.ts).
import { copy, noGrad, type SafetensorsTensor, scope, type Tensor, tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { tensorFault } from "../finite.js";
import { type Detector, parseBackbone } from "../models/index.js";
import { listed, quoted } from "../text.js";
import { readWeights } from "./weights.js";

/** torchvision's layers after the features, and counters needed only for training without momentum. */
const UNUSED = /^(classifier|fc)\.|\.num_batches_tracked$/;

/**
 * Overwrites the weights of a detector's backbone, except the neck.
 * @returns the number of tensors used
 * @throws InputError as readBackbone does
 */
export function fillBackbone(detector: Detector, file: string): number {
  const stored = readBackbone(detector, file);
  const wanted = trunkOf(detector);
  noGrad(() =>
    scope(() => {
      for (const [name, target] of wanted) {
        const { data, shape } = stored.get(name)!;
        copy(target, tensor(data as Float32Array, shape).to(target.device));
      }
    }),
  );
  return wanted.size;
}

/**
 * A file's tensors for a detector's backbone. Only the shapes of the backbone are used.
 * @throws InputError naming tensors that are missing, unexpected, or of another shape
 */
export function readBackbone(detector: Detector, file: string): ReadonlyMap<string, SafetensorsTensor> {
  const { backbone } = detector.config;
  if (parseBackbone(backbone).divisor !== 1) {
    throw new InputError(
      `teacher-init: ${file} is for a full-width network, but teacher ${backbone} is narrower: use --teacher ${parseBackbone(backbone).family}-1-1`,
    );
  }
  const wanted = trunkOf(detector);
  const stored = readWeights(file).tensors;
  const missing = [...wanted.keys()].filter((name) => !stored.has(name));
  const extra = [...stored.keys()].filter((name) => !wanted.has(name) && !UNUSED.test(name));
  const problems = [
    ...(missing.length > 0 ? [`${missing.length} missing (${listed(missing)})`] : []),
    ...(extra.length > 0 ? [`${extra.length} unexpected (${listed(extra)})`] : []),
    ...shapeProblems(wanted, stored),
  ];
  if (problems.length > 0) {
    throw new InputError(
      `teacher-init: the tensors of ${file} are not those of ${backbone}: ${problems.join("; ")}. Expected the state dict of torchvision's vgg16_bn, resnet18 or resnet34`,
    );
  }
  return stored;
}

/** The backbone's tensors, by torchvision's names. */
function trunkOf(detector: Detector): Map<string, Tensor> {
  const named = detector.backbone.named();
  const prefix = named.some(({ name }) => name.startsWith("trunk.")) ? "trunk." : "";
  return new Map(
    named
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, tensor }) => [name.slice(prefix.length), tensor]),
  );
}

function shapeProblems(
  wanted: ReadonlyMap<string, Tensor>,
  stored: ReadonlyMap<string, SafetensorsTensor>,
): string[] {
  return [...wanted].flatMap(([name, target]) => {
    const found = stored.get(name);
    if (!found) return [];
    const [has, wants] = [found.shape.join(" x "), target.shape.join(" x ")];
    if (has !== wants) return [`${quoted(name)} is ${has}, expected ${wants}`];
    if (!(found.data instanceof Float32Array)) return [`${quoted(name)} is ${found.dtype}, expected F32`];
    const fault = tensorFault(name, found.data);
    return fault === undefined ? [] : [`${quoted(name)} ${fault}`];
  });
}
