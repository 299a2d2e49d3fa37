// Pools regions of a map, and runs fully connected layers on them.
//
// Bilinear sampling and averaging are both separable, so a cell of a region is a weighted sum over few rows x few
// columns. These rows and columns are computed first, once for all channels, as taps of (offset in bytes, weight).
import { madd } from "./madd";

/**
 * Size of the taps of one axis: for each cell the end address of its taps, 4 bytes, then all taps, 8 bytes each. A
 * sample uses two rows (or columns).
 */
function axisBytes(size: i32, samples: i32): usize {
  return ((<usize>size) << 2) + ((<usize>(size * samples)) << 4);
}

/**
 * RoIAlign with channels last: out[i, j] = sum over the taps of row i and of column j of
 * weight * weight * map[row, column]. A region is at least one cell wide and high, like in torchvision with
 * aligned=False.
 * @param map [height, width, channels], `cell` bytes per cell, a multiple of 16
 * @param regions [count, 4] xyxy in pixels, `stride` pixels per cell
 * @param taps 2 * (4 * size + 16 * size * samples) bytes
 */
export function roiAlign(
  map: usize,
  height: i32,
  width: i32,
  cell: usize,
  regions: usize,
  count: i32,
  stride: f64,
  size: i32,
  samples: i32,
  taps: usize,
  output: usize,
  outRow: usize,
): void {
  const across = taps + axisBytes(size, samples);
  const row = <usize>width * cell;
  for (let n = 0; n < count; n++) {
    const left = <f64>load<f32>(regions) / stride;
    const top = <f64>load<f32>(regions, 4) / stride;
    const right = <f64>load<f32>(regions, 8) / stride;
    const bottom = <f64>load<f32>(regions, 12) / stride;
    writeTaps(top, max(bottom - top, 1) / <f64>size, size, samples, height, row, taps);
    writeTaps(left, max(right - left, 1) / <f64>size, size, samples, width, cell, across);
    pool(map, taps, across, size, cell, output);
    regions += 16;
    output += outRow;
  }
}

/**
 * Position-sensitive RoIAlign: out[c] = mean over cells (i, j) of the pooled plane (c * size + i) * size + j. Shifted
 * by half a cell, to align cell centres.
 * @param map [channels * size * size, height, width], planes and rows `plane` and `row` bytes apart
 */
export function psRoiAlign(
  map: usize,
  height: i32,
  width: i32,
  plane: usize,
  row: usize,
  channels: i32,
  regions: usize,
  count: i32,
  stride: f64,
  size: i32,
  samples: i32,
  taps: usize,
  output: usize,
  outRow: usize,
): void {
  const across = taps + axisBytes(size, samples);
  for (let n = 0; n < count; n++) {
    const left = <f64>load<f32>(regions);
    const top = <f64>load<f32>(regions, 4);
    const right = <f64>load<f32>(regions, 8);
    const bottom = <f64>load<f32>(regions, 12);
    writeTaps(top / stride - 0.5, (bottom - top) / stride / <f64>size, size, samples, height, row, taps);
    writeTaps(left / stride - 0.5, (right - left) / stride / <f64>size, size, samples, width, 4, across);
    poolVotes(map, plane, taps, across, size, channels, output);
    regions += 16;
    output += outRow;
  }
}

/**
 * Computes the taps of one axis: merges the samples of a cell to one weight per row (or column).
 * @param start of the region in cells of the map, and `step`, the length of one of its cells
 * @param length rows or columns of the map, `bytes` apart
 */
function writeTaps(
  start: f64,
  step: f64,
  size: i32,
  samples: i32,
  length: i32,
  bytes: usize,
  ends: usize,
): void {
  let end = ends + ((<usize>size) << 2);
  for (let i = 0; i < size; i++) {
    const first = end;
    for (let s = 0; s < samples; s++) {
      const point = start + step * (<f64>i + (<f64>s + 0.5) / <f64>samples);
      // Points more than a cell outside the map count as 0.
      if (!(point >= -1 && point <= <f64>length)) continue;
      const place = max(0, point);
      const low = min(<i32>place, length - 1);
      const part = low === length - 1 ? 0 : place - <f64>low;
      end = addTap(first, end, <usize>low * bytes, <f32>((1 - part) / <f64>samples));
      if (part > 0) end = addTap(first, end, <usize>(low + 1) * bytes, <f32>(part / <f64>samples));
    }
    store<u32>(ends + ((<usize>i) << 2), end);
  }
}

/** Adds to the tap with this offset, or appends one. @returns the end of the taps */
function addTap(first: usize, end: usize, offset: usize, weight: f32): usize {
  for (let at = first; at < end; at += 8) {
    if (load<u32>(at) === offset) {
      store<f32>(at, load<f32>(at, 4) + weight, 4);
      return end;
    }
  }
  store<u32>(end, offset);
  store<f32>(end, weight, 4);
  return end + 8;
}

/** Pools one region, given the taps of its rows and columns. */
function pool(map: usize, down: usize, across: usize, size: i32, cell: usize, output: usize): void {
  const cells = (<usize>size) << 2;
  let row = down + cells;
  for (let i = down; i < down + cells; i += 4) {
    const rowEnd = <usize>load<u32>(i);
    let column = across + cells;
    for (let j = across; j < across + cells; j += 4) {
      const columnEnd = <usize>load<u32>(j);
      let c: usize = 0;
      for (; c + 64 <= cell; c += 64) {
        let s0 = f32x4.splat(0);
        let s1 = s0;
        let s2 = s0;
        let s3 = s0;
        for (let r = row; r < rowEnd; r += 8) {
          const from = map + load<u32>(r) + c;
          const weight = load<f32>(r, 4);
          for (let k = column; k < columnEnd; k += 8) {
            const at = from + load<u32>(k);
            const both = f32x4.splat(weight * load<f32>(k, 4));
            s0 = madd(v128.load(at), both, s0);
            s1 = madd(v128.load(at, 16), both, s1);
            s2 = madd(v128.load(at, 32), both, s2);
            s3 = madd(v128.load(at, 48), both, s3);
          }
        }
        v128.store(output, s0);
        v128.store(output, s1, 16);
        v128.store(output, s2, 32);
        v128.store(output, s3, 48);
        output += 64;
      }
      for (; c < cell; c += 16) {
        let sum = f32x4.splat(0);
        for (let r = row; r < rowEnd; r += 8) {
          const from = map + load<u32>(r) + c;
          const weight = load<f32>(r, 4);
          for (let k = column; k < columnEnd; k += 8)
            sum = madd(v128.load(from + load<u32>(k)), f32x4.splat(weight * load<f32>(k, 4)), sum);
        }
        v128.store(output, sum);
        output += 16;
      }
      column = columnEnd;
    }
    row = rowEnd;
  }
}

/** Position-sensitive pooling of one region, given the taps of its rows and columns. */
function poolVotes(
  map: usize,
  plane: usize,
  down: usize,
  across: usize,
  size: i32,
  channels: i32,
  output: usize,
): void {
  const cells = (<usize>size) << 2;
  const mean = <f32>1 / <f32>(size * size);
  for (let c = 0; c < channels; c++) {
    let sum: f32 = 0;
    let row = down + cells;
    for (let i = down; i < down + cells; i += 4) {
      const rowEnd = <usize>load<u32>(i);
      let column = across + cells;
      for (let j = across; j < across + cells; j += 4) {
        const columnEnd = <usize>load<u32>(j);
        for (let r = row; r < rowEnd; r += 8) {
          const from = map + load<u32>(r);
          let part: f32 = 0;
          for (let k = column; k < columnEnd; k += 8)
            part += load<f32>(k, 4) * load<f32>(from + load<u32>(k));
          sum += load<f32>(r, 4) * part;
        }
        map += plane;
        column = columnEnd;
      }
      row = rowEnd;
    }
    store<f32>(output + ((<usize>c) << 2), sum * mean);
  }
}

/**
 * out[m, n] = max(bias[n] + sum over k of in[m, k] * weight[k, n], low), for sixteen n and two m at a time.
 * in: [count, inputs], count even; weights: blocks of sixteen outputs, each with 16 biases and then weights [inputs,
 * 16]; out: [count, outputs], outputs a multiple of 16.
 */
export function linear(
  input: usize,
  weights: usize,
  output: usize,
  count: i32,
  inputs: i32,
  outputs: i32,
  low: f32,
): void {
  const floor = f32x4.splat(low);
  const inRow = (<usize>inputs) << 2;
  const outRow = (<usize>outputs) << 2;
  for (let n = 0; n < outputs; n += 16) {
    for (let m = 0; m < count; m += 2) {
      let w = weights;
      let a0 = v128.load(w);
      let a1 = v128.load(w, 16);
      let a2 = v128.load(w, 32);
      let a3 = v128.load(w, 48);
      let b0 = a0;
      let b1 = a1;
      let b2 = a2;
      let b3 = a3;
      let from = input + <usize>m * inRow;
      const end = from + inRow;
      for (; from < end; from += 4) {
        w += 64;
        const a = v128.load32_splat(from);
        const b = v128.load32_splat(from + inRow);
        const w0 = v128.load(w);
        a0 = madd(a, w0, a0);
        b0 = madd(b, w0, b0);
        const w1 = v128.load(w, 16);
        a1 = madd(a, w1, a1);
        b1 = madd(b, w1, b1);
        const w2 = v128.load(w, 32);
        a2 = madd(a, w2, a2);
        b2 = madd(b, w2, b2);
        const w3 = v128.load(w, 48);
        a3 = madd(a, w3, a3);
        b3 = madd(b, w3, b3);
      }
      const to = output + <usize>m * outRow + ((<usize>n) << 2);
      v128.store(to, f32x4.max(a0, floor));
      v128.store(to, f32x4.max(a1, floor), 16);
      v128.store(to, f32x4.max(a2, floor), 32);
      v128.store(to, f32x4.max(a3, floor), 48);
      v128.store(to + outRow, f32x4.max(b0, floor));
      v128.store(to + outRow, f32x4.max(b1, floor), 16);
      v128.store(to + outRow, f32x4.max(b2, floor), 32);
      v128.store(to + outRow, f32x4.max(b3, floor), 48);
    }
    weights += (<usize>(inputs + 1)) << 6;
  }
}
