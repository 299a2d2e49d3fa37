// 3x3 convolution with stride 1 and padding 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.3): 36 products for 16 outputs instead of 144.
// The points are 0, +-1, +-2 and infinity. Transforms compute differences first: in a constant tile, all elements but
// one are then exactly zero and the outputs exactly equal, as with any other algorithm, so boxes with equal scores
// keep their order.
//
// Four output rows are computed at a time, eight tiles of 4x4 cells per step: every input channel is transformed (V);
// for four outputs at a time, the channels are mixed at each of the 36 elements of a tile (M), and the results are
// transformed back.
import { madd, nmadd } from "./madd";
import { PLACES } from "./winogradWeights";

/** Tiles per step, and the bytes for one element of each. */
const TILES = 8;
const STEP: usize = TILES * 4;
/** Bytes per transformed row in scratch, for half of a step: four tiles, and the two cells next to them. */
const STRIP: usize = 80;
/** Bytes of all transformed rows, of input or output. */
const ROWS: usize = 6 * STRIP;

/**
 * @param constants 2, 4, 8: as literals, they would be constructed again at every use
 * @param weights [outputs / 4, 36, inputs, 4], transformed; biases [outputs]; outputs a multiple of 4
 * @param scratch 36 * (inputs + 4) * 32 + 480 bytes
 * @param row bytes from one row to the next, of input and output, a multiple of 16; cells from `width` on are set to 0
 * @param low lower bound of the output
 */
export function winograd(
  input: usize,
  constants: usize,
  weights: usize,
  biases: usize,
  output: usize,
  inputs: i32,
  outputs: i32,
  inPlane: usize,
  outPlane: usize,
  rows: i32,
  width: i32,
  row: usize,
  scratch: usize,
  low: f32,
): void {
  const values = scratch + ROWS;
  const mixed = values + PLACES * <usize>inputs * STEP;
  const place = <usize>inputs * STEP;
  const block = (PLACES * place) >> 1;
  for (let y = 0; y < rows; y += 4) {
    for (let x = 0; x < width; x += 4 * TILES) {
      const at = (<usize>x) << 2;
      const second = width - x > 16;
      // Starts one cell to the left: neighbouring tiles overlap by two cells.
      let from = input + at - 4;
      let to = values;
      for (let c = 0; c < inputs; c++) {
        transformInput(from, row, y, rows, scratch, constants, to, place);
        if (second) transformInput(from + 64, row, y, rows, scratch, constants, to + 16, place);
        from += inPlane;
        to += STEP;
      }
      let w = weights;
      let b = biases;
      let result = output + <usize>y * row + at;
      for (let o = 0; o < outputs; o += 4) {
        mix(w, values, mixed, place);
        for (let lane: usize = 0; lane < 4 * STEP; lane += STEP) {
          const bias = v128.load32_splat(b);
          transformOutput(mixed + lane, scratch, constants, result, row, rows - y, width - x, bias, low);
          if (second)
            transformOutput(
              mixed + lane + 16,
              scratch,
              constants,
              result + 64,
              row,
              rows - y,
              width - x - 16,
              bias,
              low,
            );
          b += 4;
          result += outPlane;
        }
        w += block;
      }
    }
  }
}

/** B^T d B of four adjacent tiles: columns first, then rows. Element (i, j) is stored at `to` + (6 i + j) * place. */
function transformInput(
  from: usize,
  row: usize,
  y: i32,
  rows: i32,
  scratch: usize,
  constants: usize,
  to: usize,
  place: usize,
): void {
  // Rows are clamped to the row of zeros below the map: the memory after it belongs to another map.
  const r0 = from + <usize>y * row - row;
  const r1 = r0 + row;
  const r2 = from + <usize>min(y + 1, rows) * row;
  const r3 = from + <usize>min(y + 2, rows) * row;
  const r4 = from + <usize>min(y + 3, rows) * row;
  const r5 = from + <usize>min(y + 4, rows) * row;
  const two = v128.load32_splat(constants);
  const four = v128.load32_splat(constants, 4);
  for (let i: usize = 0; i < STRIP; i += 16) {
    const d0 = v128.load(r0 + i);
    const d1 = v128.load(r1 + i);
    const d2 = v128.load(r2 + i);
    const d3 = v128.load(r3 + i);
    const d4 = v128.load(r4 + i);
    const d5 = v128.load(r5 + i);
    const p = f32x4.sub(d4, d2);
    const q = f32x4.sub(d3, d1);
    const t = nmadd(four, d2, d4);
    const u = nmadd(four, d1, d3);
    const at = scratch + i;
    v128.store(at, madd(four, f32x4.sub(d0, d2), p));
    v128.store(at, f32x4.add(t, u), STRIP);
    v128.store(at, f32x4.sub(t, u), 2 * STRIP);
    v128.store(at, madd(two, q, p), 3 * STRIP);
    v128.store(at, nmadd(two, q, p), 4 * STRIP);
    v128.store(at, nmadd(four, q, f32x4.sub(d5, d3)), 5 * STRIP);
  }
  for (let i: usize = 0; i < ROWS; i += STRIP) {
    const at = scratch + i;
    const x0 = v128.load(at);
    const x1 = v128.load(at, 16);
    const x2 = v128.load(at, 32);
    const x3 = v128.load(at, 48);
    const x4 = v128.load(at, 64);
    const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
    const d0 = v128.shuffle<f32>(low01, low23, 0, 1, 4, 5);
    const d1 = v128.shuffle<f32>(low01, low23, 2, 3, 6, 7);
    const d2 = v128.shuffle<f32>(high01, high23, 0, 1, 4, 5);
    const d3 = v128.shuffle<f32>(high01, high23, 2, 3, 6, 7);
    const d4 = v128.shuffle<f32>(d0, x4, 1, 2, 3, 4);
    const d5 = v128.shuffle<f32>(d1, x4, 1, 2, 3, 5);
    const p = f32x4.sub(d4, d2);
    const q = f32x4.sub(d3, d1);
    const t = nmadd(four, d2, d4);
    const u = nmadd(four, d1, d3);
    v128.store(to, madd(four, f32x4.sub(d0, d2), p));
    to += place;
    v128.store(to, f32x4.add(t, u));
    to += place;
    v128.store(to, f32x4.sub(t, u));
    to += place;
    v128.store(to, madd(two, q, p));
    to += place;
    v128.store(to, nmadd(two, q, p));
    to += place;
    v128.store(to, nmadd(four, q, f32x4.sub(d5, d3)));
    to += place;
  }
}

/**
 * Four outputs for each element of the tiles: M[o] = sum over c of U[c][o] * V[c]. `place`: bytes of the inputs per
 * element.
 */
function mix(weights: usize, from: usize, to: usize, place: usize): void {
  const end = to + PLACES * 4 * STEP;
  for (; to < end; to += 4 * STEP) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    const stop = from + place;
    for (; from < stop; from += STEP) {
      const v0 = v128.load(from);
      const v1 = v128.load(from, 16);
      const wa = v128.load32_splat(weights);
      a0 = madd(v0, wa, a0);
      a1 = madd(v1, wa, a1);
      const wb = v128.load32_splat(weights, 4);
      b0 = madd(v0, wb, b0);
      b1 = madd(v1, wb, b1);
      const wc = v128.load32_splat(weights, 8);
      c0 = madd(v0, wc, c0);
      c1 = madd(v1, wc, c1);
      const wd = v128.load32_splat(weights, 12);
      d0 = madd(v0, wd, d0);
      d1 = madd(v1, wd, d1);
      weights += 16;
    }
    v128.store(to, a0);
    v128.store(to, a1, 16);
    v128.store(to, b0, 32);
    v128.store(to, b1, 48);
    v128.store(to, c0, 64);
    v128.store(to, c1, 80);
    v128.store(to, d0, 96);
    v128.store(to, d1, 112);
  }
}

/** A^T m A of four tiles: columns first, then rows. Writes at most `height` x `width` of sixteen cells in four rows. */
function transformOutput(
  from: usize,
  scratch: usize,
  constants: usize,
  to: usize,
  row: usize,
  height: i32,
  width: i32,
  bias: v128,
  low: f32,
): void {
  const floor = f32x4.splat(low);
  const two = v128.load32_splat(constants);
  const four = v128.load32_splat(constants, 4);
  const eight = v128.load32_splat(constants, 8);
  const next: usize = 6 * 4 * STEP;
  for (let j: usize = 0; j < 6 * 16; j += 16) {
    const m0 = v128.load(from);
    const m1 = v128.load(from, next);
    const m2 = v128.load(from, 2 * next);
    const m3 = v128.load(from, 3 * next);
    const m4 = v128.load(from, 4 * next);
    const m5 = v128.load(from, 5 * next);
    const s = f32x4.add(m1, m2);
    const d = f32x4.sub(m1, m2);
    const e = f32x4.add(m3, m4);
    const f = f32x4.sub(m3, m4);
    const at = scratch + j;
    v128.store(at, f32x4.add(m0, f32x4.add(s, e)));
    v128.store(at, madd(two, f, d), 96);
    v128.store(at, madd(four, e, s), 192);
    v128.store(at, madd(eight, f, f32x4.add(d, m5)), 288);
    from += 4 * STEP;
  }
  const lanes = i32x4(0, 1, 2, 3);
  for (let y = min(4, height); y > 0; y--) {
    const m0 = v128.load(scratch);
    const m1 = v128.load(scratch, 16);
    const m2 = v128.load(scratch, 32);
    const m3 = v128.load(scratch, 48);
    const m4 = v128.load(scratch, 64);
    const m5 = v128.load(scratch, 80);
    const s = f32x4.add(m1, m2);
    const d = f32x4.sub(m1, m2);
    const e = f32x4.add(m3, m4);
    const f = f32x4.sub(m3, m4);
    const y0 = f32x4.add(m0, f32x4.add(s, e));
    const y1 = madd(two, f, d);
    const y2 = madd(four, e, s);
    const y3 = madd(eight, f, f32x4.add(d, m5));
    const low01 = v128.shuffle<f32>(y0, y1, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(y0, y1, 2, 6, 3, 7);
    const low23 = v128.shuffle<f32>(y2, y3, 0, 4, 1, 5);
    const high23 = v128.shuffle<f32>(y2, y3, 2, 6, 3, 7);
    const first = f32x4.max(f32x4.add(v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), bias), floor);
    const second = f32x4.max(f32x4.add(v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), bias), floor);
    const third = f32x4.max(f32x4.add(v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), bias), floor);
    const fourth = f32x4.max(f32x4.add(v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), bias), floor);
    if (width >= 16) {
      v128.store(to, first);
      v128.store(to, second, 16);
      v128.store(to, third, 32);
      v128.store(to, fourth, 48);
    } else {
      // At the end of a row, writes zeros up to the next vector, and nothing past it.
      v128.store(to, v128.and(first, i32x4.lt_s(lanes, i32x4.splat(width))));
      if (width > 4) v128.store(to, v128.and(second, i32x4.lt_s(lanes, i32x4.splat(width - 4))), 16);
      if (width > 8) v128.store(to, v128.and(third, i32x4.lt_s(lanes, i32x4.splat(width - 8))), 32);
      if (width > 12) v128.store(to, v128.and(fourth, i32x4.lt_s(lanes, i32x4.splat(width - 12))), 48);
    }
    scratch += 96;
    to += row;
  }
}
