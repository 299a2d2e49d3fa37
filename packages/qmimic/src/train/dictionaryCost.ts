// Whether a dictionary costs the teacher too much AP. In the paper it costs none (ResNet18 on VOC: 72.9 and
// 73.3 mAP).

/**
 * Why a dictionary is rejected; undefined if it is acceptable. AP on a few hundred objects is uncertain by a
 * point or two, so one standard error of a fraction of that many objects is added to the allowed cost.
 * @param fullPrecision AP50 of the teacher on val, 0..1
 * @param after the same with its quantizer, fine-tuned
 * @param objects number of objects in val
 * @param allowed AP50 points that it may cost
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
  return `the dictionary costs the teacher ${cost.toFixed(1)} points of AP50 on val; the limit is ${allowed} (quantizer-max-cost) plus ${error.toFixed(1)} for the statistical error of ${objects} objects.`;
}
