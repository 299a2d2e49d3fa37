// Operations that move or change individual cells. Rows of maps are `inRow` and `outRow` bytes apart.

/** out[c, y, x] = maximum of in[c, 2y..2y+1, 2x..2x+1]; whole vectors of four results are written. */
export function halve(input: usize, output: usize, rows: i32, width: i32, inRow: usize, outRow: usize): void {
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x += 4) {
      const from = input + ((<usize>x) << 3);
      const a = f32x4.max(v128.load(from), v128.load(from + inRow));
      const b = f32x4.max(v128.load(from, 16), v128.load(from + inRow, 16));
      const even = v128.shuffle<f32>(a, b, 0, 2, 4, 6);
      const odd = v128.shuffle<f32>(a, b, 1, 3, 5, 7);
      v128.store(output + ((<usize>x) << 2), f32x4.max(even, odd));
    }
    input += inRow << 1;
    output += outRow;
  }
}

/** Max pooling with windows of any size, which may extend past the edges. */
export function maxPool(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRows: i32,
  inWidth: i32,
  inRow: usize,
  outRow: usize,
  kernel: i32,
  stride: i32,
  padding: i32,
): void {
  for (let y = 0; y < rows; y++) {
    const top = max(0, stride * y - padding);
    const bottom = min(inRows, stride * y - padding + kernel);
    for (let x = 0; x < width; x++) {
      const left = max(0, stride * x - padding);
      const right = min(inWidth, stride * x - padding + kernel);
      let largest = -f32.MAX_VALUE;
      for (let row = top; row < bottom; row++) {
        const at = input + <usize>row * inRow;
        for (let column = left; column < right; column++)
          largest = max(largest, load<f32>(at + ((<usize>column) << 2)));
      }
      store<f32>(output + ((<usize>x) << 2), largest);
    }
    output += outRow;
  }
}

/** out = max(a + b, low); `bytes` is a multiple of 16; out may be a or b. */
export function add(a: usize, b: usize, output: usize, bytes: usize, low: f32): void {
  const floor = f32x4.splat(low);
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(output + i, f32x4.max(f32x4.add(v128.load(a + i), v128.load(b + i)), floor));
  }
}

/** Each cell becomes factor x factor equal cells. `rows` and `width` are the input's. */
export function upsample(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  factor: i32,
  inRow: usize,
  outRow: usize,
): void {
  for (let y = 0; y < rows; y++) {
    let to = output;
    for (let x = 0; x < width; x++) {
      const value = load<f32>(input + ((<usize>x) << 2));
      for (let i = 0; i < factor; i++) {
        store<f32>(to, value);
        to += 4;
      }
    }
    const bytes = (<usize>(width * factor)) << 2;
    for (let i = 1; i < factor; i++) memory.copy(output + <usize>i * outRow, output, bytes);
    input += inRow;
    output += outRow * <usize>factor;
  }
}

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
 * Nearest entry of {0, step, 2 step, ...}, ties down; `bytes` is a multiple of 16. The division is in double precision,
 * so that ties are exact.
 */
export function round(input: usize, output: usize, bytes: usize, step: f32): void {
  const divisor = f64x2.splat(<f64>step);
  const half = f64x2.splat(0.5);
  const zero = f64x2.splat(0);
  const factor = f32x4.splat(step);
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(input + i);
    const low = f64x2.promote_low_f32x4(x);
    const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
    const a = f64x2.pmax(zero, f64x2.ceil(f64x2.sub(f64x2.div(low, divisor), half)));
    const b = f64x2.pmax(zero, f64x2.ceil(f64x2.sub(f64x2.div(high, divisor), half)));
    const codes = v128.shuffle<f32>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 1, 4, 5);
    v128.store(output + i, f32x4.mul(codes, factor));
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

/**
 * e^min(x, high); `bytes` is a multiple of 16, high at most 88. Computes 2^n e^r with |r| at most ln(2) / 2, where
 * e^r is a polynomial (S. L. Moshier's Cephes, expf), accurate to about one ulp. The result is 0 for x < -87, NaN for
 * NaN.
 */
export function exp(input: usize, output: usize, bytes: usize, high: f32): void {
  const top = f32x4.splat(high);
  const bottom = f32x4.splat(-87);
  const one = f32x4.splat(1);
  for (let i: usize = 0; i < bytes; i += 16) {
    const given = v128.load(input + i);
    const x = f32x4.max(f32x4.min(given, top), bottom);
    const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(<f32>Math.LOG2E)));
    // ln 2 split into two parts, so that n times the first is exact.
    const r = f32x4.sub(
      f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))),
      f32x4.mul(n, f32x4.splat(-2.1219444e-4)),
    );
    let sum = f32x4.splat(1.98756915e-4);
    sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.3981999507e-3));
    sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(8.3334519073e-3));
    sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(4.1665795894e-2));
    sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.6666665459e-1));
    sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(0.5));
    sum = f32x4.add(f32x4.add(f32x4.mul(sum, f32x4.mul(r, r)), r), one);
    const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
    const value = f32x4.mul(sum, power);
    v128.store(output + i, v128.and(value, v128.or(f32x4.ge(given, bottom), f32x4.ne(given, given))));
  }
}
