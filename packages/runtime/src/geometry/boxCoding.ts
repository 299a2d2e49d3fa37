// Boxes as deltas relative to a reference box: (tx, ty, tw, th) of Girshick et al., "Rich feature hierarchies for
// accurate object detection" (CVPR 2014), appendix C, with the weights and clamping of torchvision's BoxCoder.

/**
 * Weights by which the four deltas are multiplied: [wx, wy, ww, wh]. RPN uses [1, 1, 1, 1], Fast R-CNN heads [10, 10,
 * 5, 5].
 */
export type BoxWeights = readonly [wx: number, wy: number, ww: number, wh: number];

/** Maximum log-scale for decodeBoxes: a box grows at most 1000/16 times (in float32, as clamped by torch). */
export const MAX_LOG_SCALE = Math.fround(Math.log(1000 / 16));

/**
 * The deltas from each proposal to its reference box; the inverse of decodeBoxes.
 * @param reference [N, 4] xyxy, the boxes to reach (ground truth)
 * @param proposals [N, 4] xyxy, the boxes to start from (anchors or proposals), with positive sides
 * @param out [N, 4], written and returned; allocated by default
 * @returns [N, 4] dx, dy, dw, dh
 * @throws RangeError if the lengths differ
 */
export function encodeBoxes(
  reference: Float32Array,
  proposals: Float32Array,
  weights: BoxWeights,
  out: Float32Array = new Float32Array(proposals.length),
): Float32Array {
  if (reference.length !== proposals.length) {
    throw new RangeError(
      `encodeBoxes: ${reference.length} reference coordinates for ${proposals.length} proposal coordinates, expected one reference box per proposal`,
    );
  }
  checkOut("encodeBoxes", out, proposals.length);
  const [wx, wy, ww, wh] = weights;
  for (let k = 0; k < proposals.length; k += 4) {
    const width = proposals[k + 2] - proposals[k];
    const height = proposals[k + 3] - proposals[k + 1];
    const referenceWidth = reference[k + 2] - reference[k];
    const referenceHeight = reference[k + 3] - reference[k + 1];
    const dx = reference[k] + 0.5 * referenceWidth - (proposals[k] + 0.5 * width);
    const dy = reference[k + 1] + 0.5 * referenceHeight - (proposals[k + 1] + 0.5 * height);
    out[k] = (wx * dx) / width;
    out[k + 1] = (wy * dy) / height;
    out[k + 2] = ww * Math.log(referenceWidth / width);
    out[k + 3] = wh * Math.log(referenceHeight / height);
  }
  return out;
}

/**
 * Decodes deltas to boxes. With C sets of deltas per anchor (one per class), box n of class c is at n*C + c.
 * @param deltas [N, C, 4] dx, dy, dw, dh; dw/ww and dh/wh above log(1000/16) are clamped
 * @param anchors [N, 4] xyxy, anchors or proposals
 * @param out [N, C, 4], written and returned; may be `deltas` itself; allocated by default
 * @returns [N, C, 4] xyxy, not clipped to the image
 * @throws RangeError if the length of `deltas` is not a multiple of the length of `anchors`
 */
export function decodeBoxes(
  deltas: Float32Array,
  anchors: Float32Array,
  weights: BoxWeights,
  out: Float32Array = new Float32Array(deltas.length),
): Float32Array {
  const classes = anchors.length === 0 ? 0 : deltas.length / anchors.length;
  if (!Number.isInteger(classes) || (classes === 0 && deltas.length + anchors.length > 0)) {
    throw new RangeError(
      `decodeBoxes: ${deltas.length} deltas for ${anchors.length} anchor coordinates, expected a multiple`,
    );
  }
  checkOut("decodeBoxes", out, deltas.length);
  const [wx, wy, ww, wh] = weights;
  for (let a = 0, k = 0; a < anchors.length; a += 4) {
    const width = anchors[a + 2] - anchors[a];
    const height = anchors[a + 3] - anchors[a + 1];
    const centerX = anchors[a] + 0.5 * width;
    const centerY = anchors[a + 1] + 0.5 * height;
    for (let c = 0; c < classes; c++, k += 4) {
      const x = (deltas[k] / wx) * width + centerX;
      const y = (deltas[k + 1] / wy) * height + centerY;
      const halfWidth = 0.5 * Math.exp(Math.min(deltas[k + 2] / ww, MAX_LOG_SCALE)) * width;
      const halfHeight = 0.5 * Math.exp(Math.min(deltas[k + 3] / wh, MAX_LOG_SCALE)) * height;
      out[k] = x - halfWidth;
      out[k + 1] = y - halfHeight;
      out[k + 2] = x + halfWidth;
      out[k + 3] = y + halfHeight;
    }
  }
  return out;
}

function checkOut(name: string, out: Float32Array, length: number): void {
  if (out.length !== length)
    throw new RangeError(`${name}: out has ${out.length} elements, expected ${length}`);
}
