// ImageNet's weights for a teacher of full width: a file with the names of torchvision's vgg16_bn, resnet18 or resnet34, which
// our backbones share. torchvision's last pooling of VGG, its classifiers and the counters of batch norm have no place here.
// Its images are normalised as ours are (data/augment.ts).
import { copy, noGrad, type SafetensorsTensor, scope, type Tensor, tensor } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { firstNonFinite } from "../finite.js";
import { type Detector, parseBackbone } from "../models/index.js";
import { listed, quoted } from "../text.js";
import { readWeights } from "./weights.js";

/** What torchvision's networks have behind their features, and counters that only training without momentum needs. */
const UNUSED = /^(classifier|fc)\.|\.num_batches_tracked$/;

/**
 * Overwrites the weights of a detector's backbone, neck apart.
 * @returns how many tensors the file gives
 * @throws InputError as readBackbone does
 */
export function fillBackbone(detector: Detector, file: string): number {
  const stored = readBackbone(detector, file);
  const wanted = trunkOf(detector);
  noGrad(() =>
    scope(() => {
      for (const [name, one] of wanted) {
        const { data, shape } = stored.get(name)!;
        copy(one, tensor(data as Float32Array, shape).to(one.device));
      }
    }),
  );
  return wanted.size;
}

/**
 * The tensors of a file for a detector's backbone, of which the shapes alone are looked at.
 * @throws InputError naming the tensors that are missing, too many, or of another shape
 */
export function readBackbone(detector: Detector, file: string): ReadonlyMap<string, SafetensorsTensor> {
  const { backbone } = detector.config;
  if (parseBackbone(backbone).divisor !== 1) {
    throw new InputError(
      `teacher-init: ${file} has the weights of a network of full width, and teacher ${backbone} is narrower: say --teacher ${parseBackbone(backbone).family}-1-1`,
    );
  }
  const wanted = trunkOf(detector);
  const stored = readWeights(file).tensors;
  const missing = [...wanted.keys()].filter((name) => !stored.has(name));
  const extra = [...stored.keys()].filter((name) => !wanted.has(name) && !UNUSED.test(name));
  const problems = [
    ...(missing.length > 0 ? [`${missing.length} missing (${listed(missing)})`] : []),
    ...(extra.length > 0 ? [`${extra.length} too many (${listed(extra)})`] : []),
    ...shapeProblems(wanted, stored),
  ];
  if (problems.length > 0) {
    throw new InputError(
      `teacher-init: the tensors of ${file} are not those of ${backbone}: ${problems.join("; ")}. Expected the state dict of torchvision's vgg16_bn, resnet18 or resnet34`,
    );
  }
  return stored;
}

/** The tensors of the network below the neck, by torchvision's names. */
function trunkOf(detector: Detector): Map<string, Tensor> {
  const named = detector.backbone.named();
  const prefix = named.some(({ name }) => name.startsWith("trunk.")) ? "trunk." : "";
  return new Map(
    named
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ name, tensor: one }) => [name.slice(prefix.length), one]),
  );
}

function shapeProblems(
  wanted: ReadonlyMap<string, Tensor>,
  stored: ReadonlyMap<string, SafetensorsTensor>,
): string[] {
  return [...wanted].flatMap(([name, one]) => {
    const found = stored.get(name);
    if (!found) return [];
    const [has, wants] = [found.shape.join(" x "), one.shape.join(" x ")];
    if (has !== wants) return [`${quoted(name)} is ${has}, expected ${wants}`];
    if (!(found.data instanceof Float32Array)) return [`${quoted(name)} is ${found.dtype}, expected F32`];
    return firstNonFinite(found.data) >= 0 ? [`${quoted(name)} holds a number that is not finite`] : [];
  });
}
