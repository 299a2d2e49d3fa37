// Anchors of one feature map: Ren et al., "Faster R-CNN" (NeurIPS 2015), section 3.1.1, ordered and rounded like
// torchvision's AnchorGenerator.

export interface AnchorOptions {
  /** Side of the square anchor, in pixels of the network's input, per scale. */
  sizes: readonly number[];
  /** height / width. */
  aspectRatios: readonly number[];
  /** Pixels between neighbouring cells: one number, or [x, y]. */
  stride: number | readonly [x: number, y: number];
  /** Rows of the feature map. */
  height: number;
  /** Columns of the feature map. */
  width: number;
}

/** The number of anchors per cell: sizes x aspect ratios. */
export function anchorsPerCell(options: Pick<AnchorOptions, "sizes" | "aspectRatios">): number {
  return options.sizes.length * options.aspectRatios.length;
}

/**
 * All anchors of one feature map, not clipped to the image.
 *
 * Anchor a of cell (x, y) is box (y*width + x)*A + a, A = anchorsPerCell, where a runs over aspect ratios (outer)
 * and sizes (inner). A cell's anchors are centred at (x*stride, y*stride), with base corners rounded to integers
 * (half to even).
 * @returns [height*width*A, 4] xyxy
 * @throws RangeError if sizes, ratios or strides are not positive, or map sides are not integers from 0
 */
export function generateAnchors(options: AnchorOptions): Float32Array {
  const { height, width, stride } = options;
  const [strideX, strideY] = typeof stride === "number" ? [stride, stride] : stride;
  check("stride", [strideX, strideY]);
  for (const side of [height, width]) {
    if (!Number.isInteger(side) || side < 0) {
      throw new RangeError(`generateAnchors: map of ${height} x ${width} cells, expected integers from 0`);
    }
  }
  const base = baseAnchors(options.sizes, options.aspectRatios);
  const anchors = new Float32Array(height * width * base.length);
  let k = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let b = 0; b < base.length; b += 4) {
        anchors[k++] = x * strideX + base[b];
        anchors[k++] = y * strideY + base[b + 1];
        anchors[k++] = x * strideX + base[b + 2];
        anchors[k++] = y * strideY + base[b + 3];
      }
    }
  }
  return anchors;
}

/** The anchors around the origin, [A, 4] xyxy, computed in single precision like in torchvision. */
function baseAnchors(sizes: readonly number[], aspectRatios: readonly number[]): Float32Array {
  check("sizes", sizes);
  check("aspectRatios", aspectRatios);
  const f32 = Math.fround;
  const base = new Float32Array(4 * sizes.length * aspectRatios.length);
  let k = 0;
  for (const ratio of aspectRatios) {
    const heightRatio = f32(Math.sqrt(f32(ratio)));
    const widthRatio = f32(1 / heightRatio);
    for (const size of sizes) {
      const halfWidth = roundHalfToEven(f32(widthRatio * f32(size)) / 2);
      const halfHeight = roundHalfToEven(f32(heightRatio * f32(size)) / 2);
      base[k++] = -halfWidth;
      base[k++] = -halfHeight;
      base[k++] = halfWidth;
      base[k++] = halfHeight;
    }
  }
  return base;
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction === 0.5) return below % 2 === 0 ? below : below + 1;
  return fraction < 0.5 ? below : below + 1;
}

function check(name: string, values: readonly number[]): void {
  if (values.length === 0 || !values.every((v) => Number.isFinite(v) && v > 0)) {
    throw new RangeError(`generateAnchors: ${name} [${values.join(", ")}], expected positive numbers`);
  }
}
