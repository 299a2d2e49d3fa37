// Maps of bytes, as byteConv.ts reads and writes them: pooling, and conversion from pixels and from and to floats.

/** Maximum of 2 x 2 cells of 2 or 4 channels, eight or four at a time. */
export function poolBytes(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  channels: i32,
  inRow: usize,
  outRow: usize,
): void {
  const bytes = <usize>(width * channels);
  for (let y = 0; y < rows; y++) {
    for (let x: usize = 0; x < bytes; x += 16) {
      const at = input + (x << 1);
      const a = i8x16.max_u(v128.load(at), v128.load(at + inRow));
      const b = i8x16.max_u(v128.load(at, 16), v128.load(at + inRow, 16));
      let even: v128;
      let odd: v128;
      if (channels === 2) {
        even = v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
        odd = v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
      } else {
        even = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
        odd = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
      }
      v128.store(output + x, i8x16.max_u(even, odd));
    }
    input += 2 * inRow;
    output += outRow;
  }
}

/** One channel as floats, step * byte + shift; input: its byte of the first cell, of `size` bytes. */
export function floatsOfBytes(
  input: usize,
  output: usize,
  rows: i32,
  width: i32,
  size: i32,
  inRow: usize,
  outRow: usize,
  step: f32,
  shift: f32,
): void {
  const factor = f32x4.splat(step);
  const offset = f32x4.splat(shift);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x += 4) {
      const at = input + <usize>(x * size);
      const cells = size === 2 ? i32x4.extend_low_i16x8_u(v128.load64_zero(at)) : v128.load(at);
      const numbers = f32x4.convert_i32x4_u(v128.and(cells, i32x4.splat(127)));
      v128.store(output + ((<usize>x) << 2), f32x4.add(f32x4.mul(numbers, factor), offset));
    }
    input += inRow;
    output += outRow;
  }
}

/** Halves of bytes, rounded down; `count` bytes, whole vectors are written. */
export function halveBytes(input: usize, output: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i += 16) {
    const half = i16x8.shr_u(v128.load(input + i), 1);
    v128.store(output + i, v128.and(half, i8x16.splat(127)));
  }
}

/** Three rows of floats, `plane` bytes apart, rounded down to bytes of cells of 4, four cells at a time. */
export function bytesOfFloats(input: usize, output: usize, width: i32, plane: usize): void {
  for (let x: usize = 0; x < (<usize>width) << 2; x += 16) {
    const at = input + x;
    const a = i32x4.trunc_sat_f32x4_u(v128.load(at));
    const b = i32x4.trunc_sat_f32x4_u(v128.load(at + plane));
    const c = i32x4.trunc_sat_f32x4_u(v128.load(at + plane + plane));
    v128.store(output + x, v128.or(a, v128.or(i32x4.shl(b, 8), i32x4.shl(c, 16))));
  }
}
