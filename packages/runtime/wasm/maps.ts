// Operations on cells. Rows of maps are `inRow` and `outRow` bytes apart.

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
    // In this order, pmax keeps NaN; adding 0 then turns -0 into 0.
    const a = f64x2.pmax(f64x2.ceil(f64x2.sub(f64x2.div(low, divisor), half)), zero);
    const b = f64x2.pmax(f64x2.ceil(f64x2.sub(f64x2.div(high, divisor), half)), zero);
    const codes = v128.shuffle<f32>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 1, 4, 5);
    v128.store(output + i, f32x4.mul(f32x4.add(codes, f32x4.splat(0)), factor));
  }
}

/** Nearest entry of {0, step, ..., 127 step}, in place, in single precision. */
export function roundSteps(at: usize, bytes: usize, step: f32): void {
  const factor = f32x4.splat(step);
  const inverse = f32x4.splat(1 / step);
  const half = f32x4.splat(0.5);
  for (const end = at + bytes; at < end; at += 16) {
    const codes = f32x4.ceil(f32x4.sub(f32x4.mul(v128.load(at), inverse), half));
    v128.store(at, f32x4.mul(f32x4.min(f32x4.max(codes, f32x4.splat(0)), f32x4.splat(127)), factor));
  }
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
