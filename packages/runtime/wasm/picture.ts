// Converts a picture to the network's input: rows first, then columns. Pixels are four bytes: red, green, blue,
// ignored.
import { madd } from "./madd";

/**
 * line = weighted sum of `taps` rows of RGBA bytes, as floats. Reads and writes `width` pixels, rounded up to a
 * multiple of 4.
 */
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
 * first: [width], indices of pixels in the line; weights: [width, taps]; gains: RGBA gains, then RGBA shifts.
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
  const end = output + ((<usize>width) << 2);
  const each = (<usize>taps) << 2;
  for (; output + 16 <= end; output += 16) {
    const a = pixel(line, first, weights, taps, gains);
    weights += each;
    const b = pixel(line, first + 4, weights, taps, gains);
    weights += each;
    const c = pixel(line, first + 8, weights, taps, gains);
    weights += each;
    const d = pixel(line, first + 12, weights, taps, gains);
    weights += each;
    first += 16;
    const lowAb = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const lowCd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const highAb = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const highCd = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(output, v128.shuffle<f32>(lowAb, lowCd, 0, 1, 4, 5));
    v128.store(output + plane, v128.shuffle<f32>(lowAb, lowCd, 2, 3, 6, 7));
    v128.store(output + plane + plane, v128.shuffle<f32>(highAb, highCd, 0, 1, 4, 5));
  }
  for (; output < end; output += 4) {
    const value = pixel(line, first, weights, taps, gains);
    store<f32>(output, f32x4.extract_lane(value, 0));
    store<f32>(output + plane, f32x4.extract_lane(value, 1));
    store<f32>(output + plane + plane, f32x4.extract_lane(value, 2));
    weights += each;
    first += 4;
  }
}

function pixel(line: usize, first: usize, weights: usize, taps: i32, gains: usize): v128 {
  let at = line + ((<usize>load<u32>(first)) << 4);
  let sum = f32x4.splat(0);
  for (let t = 0; t < taps; t++) {
    sum = madd(v128.load(at), v128.load32_splat(weights), sum);
    at += 16;
    weights += 4;
  }
  return madd(sum, v128.load(gains), v128.load(gains, 16));
}

/** Like sumRows and sumColumns, for an unscaled row of RGBA bytes; up to 3 cells after the output are overwritten. */
export function spreadRow(pixels: usize, width: i32, gains: usize, output: usize, plane: usize): void {
  const end = output + ((<usize>width) << 2);
  const red = v128.load32_splat(gains);
  const green = v128.load32_splat(gains, 4);
  const blue = v128.load32_splat(gains, 8);
  const redShift = v128.load32_splat(gains, 16);
  const greenShift = v128.load32_splat(gains, 20);
  const blueShift = v128.load32_splat(gains, 24);
  const byte = i32x4.splat(255);
  for (; output < end; output += 16) {
    const four = v128.load(pixels);
    const r = f32x4.convert_i32x4_s(v128.and(four, byte));
    const g = f32x4.convert_i32x4_s(v128.and(i32x4.shr_u(four, 8), byte));
    const b = f32x4.convert_i32x4_s(v128.and(i32x4.shr_u(four, 16), byte));
    v128.store(output, madd(r, red, redShift));
    v128.store(output + plane, madd(g, green, greenShift));
    v128.store(output + plane + plane, madd(b, blue, blueShift));
    pixels += 16;
  }
}

/** x = factor * (x rounded down) + shift, in place; whole vectors are written. */
export function quantizeRow(at: usize, width: i32, factor: f32, shift: f32): void {
  const end = at + ((<usize>width) << 2);
  for (; at < end; at += 16) {
    const whole = f32x4.floor(v128.load(at));
    v128.store(at, madd(whole, f32x4.splat(factor), f32x4.splat(shift)));
  }
}

/** Composites RGBA bytes over black, in place: colour * alpha / 255, rounded down. `bytes` is a multiple of 16. */
export function overBlack(at: usize, bytes: usize): void {
  const end = at + bytes;
  const opaque = i32x4.splat(255);
  for (; at < end; at += 16) {
    if (i32x4.all_true(i32x4.eq(i32x4.shr_u(v128.load(at), 24), opaque))) continue;
    for (let i: usize = 0; i < 16; i += 4) {
      const pixel = load<u32>(at + i);
      const alpha = pixel >> 24;
      const red = ((pixel & 255) * alpha) / 255;
      const green = (((pixel >> 8) & 255) * alpha) / 255;
      const blue = (((pixel >> 16) & 255) * alpha) / 255;
      store<u32>(at + i, red | (green << 8) | (blue << 16) | (alpha << 24));
    }
  }
}

/** RGB bytes as RGBA with alpha 0; reads and writes whole vectors, up to 3 pixels beyond the last one. */
export function rgbToRgba(pixels: usize, output: usize, count: i32): void {
  const end = output + ((<usize>count) << 2);
  for (; output < end; output += 16) {
    const four = v128.load(pixels);
    v128.store(output, i8x16.swizzle(four, i8x16(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)));
    pixels += 12;
  }
}
