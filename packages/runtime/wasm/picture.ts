// A picture becomes the network's input: rows first, then columns, four bytes (red, green, blue, anything) a pixel.
import { madd } from "./madd";

/** line = weighted sum of `taps` rows of RGBA bytes, as floats. `width` pixels, rounded up to a multiple of 4 in both. */
export function sumRows(rows: usize, row: usize, taps: i32, weights: usize, width: i32, line: usize): void {
  const bytes = (<usize>width) << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let at = rows + i;
    for (let t = 0; t < taps; t++) {
      const weight = v128.load32_splat(weights + ((<usize>t) << 2));
      const pixels = v128.load(at);
      const low = i16x8.extend_low_i8x16_u(pixels);
      const high = i16x8.extend_high_i8x16_u(pixels);
      a = madd(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)), weight, a);
      b = madd(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)), weight, b);
      c = madd(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)), weight, c);
      d = madd(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(high)), weight, d);
      at += row;
    }
    const to = line + (i << 2);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
}

/**
 * Red, green and blue of one output row: plane[x] = gain * sum of taps of the line + shift.
 * first: [width] pixel of the line; weights: [width, taps]; gains: RGBA gains, then RGBA shifts.
 */
export function sumColumns(
  line: usize,
  first: usize,
  weights: usize,
  taps: i32,
  width: i32,
  gains: usize,
  output: usize,
  plane: usize,
): void {
  const gain = v128.load(gains);
  const shift = v128.load(gains, 16);
  for (let x = 0; x < width; x++) {
    let at = line + ((<usize>load<u32>(first + ((<usize>x) << 2))) << 4);
    let sum = f32x4.splat(0);
    for (let t = 0; t < taps; t++) {
      sum = madd(v128.load(at), v128.load32_splat(weights), sum);
      at += 16;
      weights += 4;
    }
    const value = madd(sum, gain, shift);
    const to = output + ((<usize>x) << 2);
    store<f32>(to, f32x4.extract_lane(value, 0));
    store<f32>(to + plane, f32x4.extract_lane(value, 1));
    store<f32>(to + plane + plane, f32x4.extract_lane(value, 2));
  }
}

/** RGBA bytes laid over black, in place: colour * alpha / 255, rounded down. `bytes` is a multiple of 4. */
export function overBlack(at: usize, bytes: usize): void {
  const end = at + bytes;
  for (; at < end; at += 4) {
    const pixel = load<u32>(at);
    const alpha = pixel >> 24;
    if (alpha === 255) continue;
    const red = ((pixel & 255) * alpha) / 255;
    const green = (((pixel >> 8) & 255) * alpha) / 255;
    const blue = (((pixel >> 16) & 255) * alpha) / 255;
    store<u32>(at, red | (green << 8) | (blue << 16) | (alpha << 24));
  }
}
