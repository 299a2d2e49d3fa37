// Whether a dictionary costs the teacher too much. The paper's cost it nothing (ResNet18 on VOC: 72.9 and 73.3 mAP).

/**
 * Why a dictionary is refused; undefined where it is not. AP on a few hundred objects is itself uncertain by a point or two:
 * what is allowed is counted from one standard error of a fraction of that many on.
 * @param fullPrecision AP50 of the teacher on val, 0..1
 * @param after the same behind its quantizer, fine-tuned
 * @param objects of val
 * @param allowed points that it may cost
 */
export function dictionaryRefusal(given: {
  fullPrecision: number;
  after: number;
  objects: number;
  allowed: number;
}): string | undefined {
  const { fullPrecision, after, objects, allowed } = given;
  const cost = 100 * (fullPrecision - after);
  const error = 100 * Math.sqrt((fullPrecision * (1 - fullPrecision)) / Math.max(1, objects));
  if (!(cost > allowed + error)) return undefined;
  return `the dictionary costs the teacher ${cost.toFixed(1)} points of AP50 on val; ${allowed} are allowed (quantizer-max-cost), and ${error.toFixed(1)} for chance among ${objects} objects.`;
}
