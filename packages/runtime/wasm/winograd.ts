// 3x3 convolution with stride 1 and one cell of padding by Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1): 16 products for four outputs instead of 36. Worth it from
// eight channels on.
//
// Two output rows are made at a time, eight tiles of 2x2 cells in each step: every input channel is transformed (V), the
// channels are mixed at each of the 16 places of a tile (M), and the results are transformed back.
import { madd } from "./madd";

/** Tiles of a step, and bytes of their numbers. */
const TILES = 8;
const STEP: usize = TILES * 4;

/**
 * @param weights [16, outputs / 4, inputs, 4], transformed; biases [outputs]; outputs a multiple of 4
 * @param scratch 16 * (inputs + outputs) * 32 bytes
 * @param row bytes from one row to the next, of input and output; `low` is the least result
 */
export function winograd(
  input: usize,
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
  const mixed = scratch + <usize>inputs * 16 * STEP;
  for (let y = 0; y < rows; y += 2) {
    for (let x = 0; x < width; x += 2 * TILES) {
      const at = (<usize>x) << 2;
      for (let c = 0; c < inputs; c++) {
        // One row up and one cell to the left: the tiles overlap by two cells.
        const from = input + <usize>c * inPlane + at - row - 4;
        transformInput(from, row, scratch + <usize>c * STEP, <usize>inputs * STEP);
        transformInput(from + 32, row, scratch + <usize>c * STEP + 16, <usize>inputs * STEP);
      }
      mix(weights, scratch, mixed, inputs, outputs);
      const cells = min(2 * TILES, width - x);
      const both = y + 1 < rows;
      for (let o = 0; o < outputs; o++) {
        const to = output + <usize>o * outPlane + at;
        const bias = v128.load32_splat(biases + ((<usize>o) << 2));
        const from = mixed + <usize>o * STEP;
        transformOutput(from, <usize>outputs * STEP, to, row, min(8, cells), both, bias, low);
        if (cells > 8)
          transformOutput(from + 16, <usize>outputs * STEP, to + 32, row, cells - 8, both, bias, low);
      }
    }
    input += 2 * row;
    output += 2 * row;
  }
}

/** B^T d B of four tiles beside one another: rows first, then columns. Place (i, j) goes to `to` + (4 i + j) * step. */
function transformInput(from: usize, row: usize, to: usize, step: usize): void {
  const r1 = from + row;
  const r2 = r1 + row;
  const r3 = r2 + row;
  const a0 = v128.load(from);
  const a1 = v128.load(from, 16);
  const a2 = v128.load(from, 32);
  const b0 = v128.load(r1);
  const b1 = v128.load(r1, 16);
  const b2 = v128.load(r1, 32);
  const c0 = v128.load(r2);
  const c1 = v128.load(r2, 16);
  const c2 = v128.load(r2, 32);
  const d0 = v128.load(r3);
  const d1 = v128.load(r3, 16);
  const d2 = v128.load(r3, 32);
  const quarter = step << 2;
  transformRow(f32x4.sub(a0, c0), f32x4.sub(a1, c1), f32x4.sub(a2, c2), to, step);
  transformRow(f32x4.add(b0, c0), f32x4.add(b1, c1), f32x4.add(b2, c2), to + quarter, step);
  transformRow(f32x4.sub(c0, b0), f32x4.sub(c1, b1), f32x4.sub(c2, b2), to + 2 * quarter, step);
  transformRow(f32x4.sub(b0, d0), f32x4.sub(b1, d1), f32x4.sub(b2, d2), to + 3 * quarter, step);
}

/** Ten cells of a row, of which each tile sees four: (0 - 2, 1 + 2, 2 - 1, 1 - 3). */
function transformRow(x: v128, y: v128, z: v128, to: usize, step: usize): void {
  const even = v128.shuffle<f32>(x, y, 0, 2, 4, 6);
  const odd = v128.shuffle<f32>(x, y, 1, 3, 5, 7);
  const nextEven = v128.shuffle<f32>(even, z, 1, 2, 3, 4);
  const nextOdd = v128.shuffle<f32>(odd, z, 1, 2, 3, 5);
  v128.store(to, f32x4.sub(even, nextEven));
  v128.store(to + step, f32x4.add(odd, nextEven));
  v128.store(to + 2 * step, f32x4.sub(nextEven, odd));
  v128.store(to + 3 * step, f32x4.sub(odd, nextOdd));
}

/** At each place of the tiles: M[o] = sum over c of U[o][c] * V[c]. */
function mix(weights: usize, from: usize, to: usize, inputs: i32, outputs: i32): void {
  for (let place = 0; place < 16; place++) {
    for (let o = 0; o < outputs; o += 4) {
      let a0 = f32x4.splat(0);
      let a1 = a0;
      let b0 = a0;
      let b1 = a0;
      let c0 = a0;
      let c1 = a0;
      let d0 = a0;
      let d1 = a0;
      let at = from;
      const end = from + <usize>inputs * STEP;
      for (; at < end; at += STEP) {
        const v0 = v128.load(at);
        const v1 = v128.load(at, 16);
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
      to += 4 * STEP;
    }
    from += <usize>inputs * STEP;
  }
}

/** A^T m A of four tiles: two rows of eight cells, of which `cells` are written. */
function transformOutput(
  from: usize,
  step: usize,
  to: usize,
  row: usize,
  cells: i32,
  both: bool,
  bias: v128,
  low: f32,
): void {
  const quarter = step << 2;
  const floor = f32x4.splat(low);
  // Columns of the tiles: sums over the rows of each.
  let m0 = v128.load(from);
  let m1 = v128.load(from + quarter);
  let m2 = v128.load(from + 2 * quarter);
  let m3 = v128.load(from + 3 * quarter);
  const top0 = f32x4.add(f32x4.add(m0, m1), m2);
  const low0 = f32x4.sub(f32x4.sub(m1, m2), m3);
  from += step;
  m0 = v128.load(from);
  m1 = v128.load(from + quarter);
  m2 = v128.load(from + 2 * quarter);
  m3 = v128.load(from + 3 * quarter);
  const top1 = f32x4.add(f32x4.add(m0, m1), m2);
  const low1 = f32x4.sub(f32x4.sub(m1, m2), m3);
  from += step;
  m0 = v128.load(from);
  m1 = v128.load(from + quarter);
  m2 = v128.load(from + 2 * quarter);
  m3 = v128.load(from + 3 * quarter);
  const top2 = f32x4.add(f32x4.add(m0, m1), m2);
  const low2 = f32x4.sub(f32x4.sub(m1, m2), m3);
  from += step;
  m0 = v128.load(from);
  m1 = v128.load(from + quarter);
  m2 = v128.load(from + 2 * quarter);
  m3 = v128.load(from + 3 * quarter);
  const top3 = f32x4.add(f32x4.add(m0, m1), m2);
  const low3 = f32x4.sub(f32x4.sub(m1, m2), m3);
  storeRow(top0, top1, top2, top3, to, cells, bias, floor);
  if (both) storeRow(low0, low1, low2, low3, to + row, cells, bias, floor);
}

function storeRow(
  s0: v128,
  s1: v128,
  s2: v128,
  s3: v128,
  to: usize,
  cells: i32,
  bias: v128,
  floor: v128,
): void {
  const even = f32x4.max(f32x4.add(f32x4.add(f32x4.add(s0, s1), s2), bias), floor);
  const odd = f32x4.max(f32x4.add(f32x4.sub(f32x4.sub(s1, s2), s3), bias), floor);
  const first = v128.shuffle<f32>(even, odd, 0, 4, 1, 5);
  const second = v128.shuffle<f32>(even, odd, 2, 6, 3, 7);
  if (cells >= 8) {
    v128.store(to, first);
    v128.store(to, second, 16);
    return;
  }
  // The end of a row: nothing beyond it, or the row below would lose what it has.
  storeLanes(first, to, cells);
  if (cells > 4) storeLanes(second, to + 16, cells - 4);
}

function storeLanes(value: v128, to: usize, lanes: i32): void {
  store<f32>(to, f32x4.extract_lane(value, 0));
  if (lanes > 1) store<f32>(to, f32x4.extract_lane(value, 1), 4);
  if (lanes > 2) store<f32>(to, f32x4.extract_lane(value, 2), 8);
  if (lanes > 3) store<f32>(to, f32x4.extract_lane(value, 3), 12);
}
