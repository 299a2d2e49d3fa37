// Kernels that move cells: strided phases, channels last, and maps without padding. Rows of
// maps are `inRow` and `outRow` bytes apart.

/**
 * One of the stride x stride phases of a map: out[y, x] = in[stride y + dy, stride x + dx], 0 outside. A strided
 * convolution is an unstrided one over the phases of its input.
 */
export function phase(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRows: i32,
  inWidth: i32,
  inRow: usize,
  outRow: usize,
  stride: i32,
  dy: i32,
  dx: i32,
): void {
  for (let y = 0; y < rows; y++) {
    const row = stride * y + dy;
    if (row < 0 || row >= inRows) {
      memory.fill(output, 0, (<usize>width) << 2);
    } else {
      const at = input + <usize>row * inRow;
      let column = dx;
      for (let x = 0; x < width; x++) {
        const inside = column >= 0 && column < inWidth;
        store<f32>(output + ((<usize>x) << 2), inside ? load<f32>(at + ((<usize>column) << 2)) : 0);
        column += stride;
      }
    }
    output += outRow;
  }
}

/** Stores the transpose of four vectors, with rows `step` bytes apart. */
function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, step: usize): void {
  const lowAb = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const highAb = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const lowCd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const highCd = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(lowAb, lowCd, 0, 1, 4, 5));
  to += step;
  v128.store(to, v128.shuffle<f32>(lowAb, lowCd, 2, 3, 6, 7));
  to += step;
  v128.store(to, v128.shuffle<f32>(highAb, highCd, 0, 1, 4, 5));
  to += step;
  v128.store(to, v128.shuffle<f32>(highAb, highCd, 2, 3, 6, 7));
}

/**
 * All stride x stride phases of a plane at once, like `phase`, if stride is a multiple of 4 and no cells are outside
 * the map. Phases are `outPlane` bytes apart. `width` is rounded up to whole vectors.
 */
export function phases(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
  outPlane: usize,
  stride: i32,
): void {
  const cell = (<usize>stride) << 2;
  for (let y = 0; y < rows; y++) {
    let plane = output;
    for (let dy = 0; dy < stride; dy++) {
      for (let dx: usize = 0; dx < cell; dx += 16) {
        let from = input + dx;
        for (let x: usize = 0; x < (<usize>width) << 2; x += 16) {
          const a = v128.load(from);
          from += cell;
          const b = v128.load(from);
          from += cell;
          const c = v128.load(from);
          from += cell;
          const d = v128.load(from);
          from += cell;
          storeTransposed(a, b, c, d, plane + x, outPlane);
        }
        plane += outPlane << 2;
      }
      input += inRow;
    }
    output += outRow;
  }
}

/**
 * [channels, rows, width] -> [rows, width, channels], with channels rounded up to a multiple of 4 (the caller clears
 * the additional ones); up to 3 cells after the last are overwritten.
 */
export function channelsLast(
  input: usize,
  output: usize,
  channels: i32,
  rows: i32,
  width: i32,
  inPlane: usize,
  inRow: usize,
  cell: usize,
): void {
  const pitch = <usize>width * cell;
  for (; channels >= 4; channels -= 4) {
    for (let y = 0; y < rows; y++) {
      let at = input + <usize>y * inRow;
      let to = output + <usize>y * pitch;
      for (let x = 0; x < width; x += 4) {
        const a = v128.load(at);
        const b = v128.load(at + inPlane);
        const c = v128.load(at + 2 * inPlane);
        const d = v128.load(at + 3 * inPlane);
        storeTransposed(a, b, c, d, to, cell);
        to += 4 * cell;
        at += 16;
      }
    }
    input += 4 * inPlane;
    output += 16;
  }
  for (; channels > 0; channels--) {
    for (let y = 0; y < rows; y++) {
      const at = input + <usize>y * inRow;
      let to = output + <usize>y * pitch;
      for (let x: usize = 0; x < (<usize>width) << 2; x += 4) {
        store<f32>(to, load<f32>(at + x));
        to += cell;
      }
    }
    input += inPlane;
    output += 4;
  }
}

/**
 * Copies [channels, rows, width] without the padding between rows and planes, which must be zeros; up to 3 cells after
 * the output are overwritten.
 * @returns whether all values are finite
 */
export function unpad(
  input: usize,
  output: usize,
  channels: i32,
  rows: i32,
  width: i32,
  inPlane: usize,
  inRow: usize,
): bool {
  const bytes = (<usize>width) << 2;
  // x - x is 0, or NaN if x is NaN or infinite.
  let sum = f32x4.splat(0);
  for (let c = 0; c < channels; c++) {
    let at = input;
    for (let y = 0; y < rows; y++) {
      for (let i: usize = 0; i < bytes; i += 16) {
        const values = v128.load(at + i);
        v128.store(output + i, values);
        sum = f32x4.add(sum, f32x4.sub(values, values));
      }
      at += inRow;
      output += bytes;
    }
    input += inPlane;
  }
  return !v128.any_true(f32x4.ne(sum, sum));
}
