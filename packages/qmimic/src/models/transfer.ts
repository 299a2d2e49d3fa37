// Initializes a detector with another's weights: the same layers, possibly other classes.
import { copy, noGrad, scope, tensor } from "@qmimic/torch";
import type { DetectorConfig } from "./config.js";
import type { Detector } from "./detector.js";
import { kindOf } from "./kinds.js";

/** Layer settings common to all kinds. */
const SHARED_LAYERS = ["convolution", "convolutionGroups", "outputStride", "neck"];

/** Recipe settings that determine a kind's layers, and the meaning of their outputs. */
export function layerSettings(kind: string): string[] {
  const { layers, headCoding } = kindOf(kind);
  return [...SHARED_LAYERS, ...layers, ...headCoding];
}

/** The part of a configuration that determines layers, and the meaning of their outputs. */
export function layersOf(config: DetectorConfig): Partial<DetectorConfig> {
  const keys = ["backbone", "shapes", ...layerSettings(config.detector)];
  return Object.fromEntries(Object.entries(config).filter(([key]) => keys.includes(key)));
}

export interface Transferred {
  /** Classes in both. */
  kept: string[];
  /** Classes that the earlier detector lacks. */
  fresh: string[];
  /** Classes that the new detector lacks. */
  dropped: string[];
}

/**
 * Overwrites a detector's weights with those of another with the same layers. In layers with rows per class,
 * copies the rows of classes in both; rows of new classes are unchanged.
 */
export function transferWeights(to: Detector, from: Detector): Transferred {
  const { names, background } = kindOf(to.config.detector).classLayers;
  const [labels, known] = [to, from].map(({ config }) =>
    background ? [null, ...config.classes] : config.classes,
  );
  const stored = new Map(from.named().map((entry) => [entry.name, entry.tensor]));
  noGrad(() =>
    scope(() => {
      for (const { name, tensor: target } of to.named()) {
        const source = stored.get(name)!.toFloat32();
        const ofClasses = names.includes(name.slice(0, name.lastIndexOf(".")));
        const data = ofClasses ? target.toFloat32() : source;
        // The rows of one label.
        const size = data.length / labels.length;
        if (ofClasses) {
          labels.forEach((label, i) => {
            const at = known.indexOf(label);
            if (at >= 0) data.set(source.subarray(at * size, (at + 1) * size), i * size);
          });
        }
        copy(target, tensor(data, target.shape));
      }
    }),
  );
  const [wanted, had] = [to.config.classes, from.config.classes];
  return {
    kept: wanted.filter((name) => had.includes(name)),
    fresh: wanted.filter((name) => !had.includes(name)),
    dropped: had.filter((name) => !wanted.includes(name)),
  };
}
