// A detector that starts from another's weights: the same layers, perhaps other classes.
import { copy, noGrad, scope, tensor } from "@qmimic/torch";
import type { DetectorConfig } from "./config.js";
import type { Detector } from "./detector.js";
import { kindOf } from "./kinds.js";

/** Settings of layers that every kind has. */
const SHARED_LAYERS = ["convolution", "convolutionGroups", "outputStride", "neck"];

/** Settings of a recipe that say what the layers of a kind's detectors are, and what their outputs mean. */
export function layerSettings(kind: string): string[] {
  const { layers, headCoding } = kindOf(kind);
  return [...SHARED_LAYERS, ...layers, ...headCoding];
}

/** What a configuration says of its layers, and of what their outputs mean. */
export function layersOf(config: DetectorConfig): Partial<DetectorConfig> {
  const keys = ["backbone", "shapes", ...layerSettings(config.detector)];
  return Object.fromEntries(Object.entries(config).filter(([key]) => keys.includes(key)));
}

export interface Transferred {
  /** Classes that both have. */
  kept: string[];
  /** Those that the earlier detector does not know. */
  fresh: string[];
  /** Those that are not wanted any more. */
  dropped: string[];
}

/**
 * Overwrites a detector's weights with another's of the same layers. Of what belongs to single classes, the rows of classes
 * that both have are taken; those of new classes stay as they are.
 */
export function transferWeights(to: Detector, from: Detector): Transferred {
  const { names, background } = kindOf(to.config.detector).classLayers;
  const [labels, known] = [to, from].map(({ config }) =>
    background ? [null, ...config.classes] : config.classes,
  );
  const stored = new Map(from.named().map((one) => [one.name, one.tensor]));
  noGrad(() =>
    scope(() => {
      for (const { name, tensor: one } of to.named()) {
        const source = stored.get(name)!.toFloat32();
        const ofClasses = names.includes(name.slice(0, name.lastIndexOf(".")));
        const data = ofClasses ? one.toFloat32() : source;
        // The rows of one label.
        const size = data.length / labels.length;
        if (ofClasses) {
          labels.forEach((label, i) => {
            const at = known.indexOf(label);
            if (at >= 0) data.set(source.subarray(at * size, (at + 1) * size), i * size);
          });
        }
        copy(one, tensor(data, one.shape));
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
