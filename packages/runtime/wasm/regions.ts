// Regions of a map, and fully connected layers over them.
//
// Bilinear sampling and averaging are both separable, so a cell of a region is a weighted sum of (few rows) x (few columns).
// What each cell's rows and columns are is worked out before, once for all channels: taps of (offset in bytes, weight).
import { madd } from "./madd";

/**
 * One region, channels last: out[i, j] = sum over taps of row i and taps of column j of weight * weight * map[row, column].
 * rows, columns: [size] of (first tap, taps), 8 bytes each; rowTaps, columnTaps: (offset, weight), 8 bytes each.
 * @param bytes of a cell's channels, a multiple of 16
 */
export function pool(
  map: usize,
  rows: usize,
  columns: usize,
  rowTaps: usize,
  columnTaps: usize,
  size: i32,
  bytes: usize,
  output: usize,
): void {
  for (let i = 0; i < size; i++) {
    const rowFrom = rowTaps + ((<usize>load<u32>(rows + ((<usize>i) << 3))) << 3);
    const rowEnd = rowFrom + ((<usize>load<u32>(rows + ((<usize>i) << 3), 4)) << 3);
    for (let j = 0; j < size; j++) {
      const columnFrom = columnTaps + ((<usize>load<u32>(columns + ((<usize>j) << 3))) << 3);
      const columnEnd = columnFrom + ((<usize>load<u32>(columns + ((<usize>j) << 3), 4)) << 3);
      for (let c: usize = 0; c < bytes; c += 16) {
        let sum = f32x4.splat(0);
        for (let r = rowFrom; r < rowEnd; r += 8) {
          const at = map + load<u32>(r) + c;
          const weight = load<f32>(r, 4);
          for (let k = columnFrom; k < columnEnd; k += 8) {
            sum = madd(v128.load(at + load<u32>(k)), f32x4.splat(weight * load<f32>(k, 4)), sum);
          }
        }
        v128.store(output, sum);
        output += 16;
      }
    }
  }
}

/**
 * out[m, n] = max(bias[n] + sum over k of in[m, k] * weight[k, n], low), sixteen n and two m at a time.
 * in: [count, inputs], count even; weights: blocks of sixteen outputs, each 16 biases and then [inputs, 16]; out: [count, outputs],
 * outputs a multiple of 16.
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

/**
 * One region, position-sensitive: out[c] = mean over cells (i, j) of the pooled plane (c * size + i) * size + j.
 * rows, columns and their taps as of pool; `plane` bytes from one plane to the next.
 */
export function poolVotes(
  map: usize,
  plane: usize,
  rows: usize,
  columns: usize,
  rowTaps: usize,
  columnTaps: usize,
  size: i32,
  channels: i32,
  output: usize,
): void {
  const mean = <f32>1 / <f32>(size * size);
  for (let c = 0; c < channels; c++) {
    let sum: f32 = 0;
    for (let i = 0; i < size; i++) {
      const row = rows + ((<usize>i) << 3);
      const rowFrom = rowTaps + ((<usize>load<u32>(row)) << 3);
      const rowEnd = rowFrom + ((<usize>load<u32>(row, 4)) << 3);
      for (let j = 0; j < size; j++) {
        const column = columns + ((<usize>j) << 3);
        const columnFrom = columnTaps + ((<usize>load<u32>(column)) << 3);
        const columnEnd = columnFrom + ((<usize>load<u32>(column, 4)) << 3);
        for (let r = rowFrom; r < rowEnd; r += 8) {
          const at = map + load<u32>(r);
          let part: f32 = 0;
          for (let k = columnFrom; k < columnEnd; k += 8)
            part += load<f32>(k, 4) * load<f32>(at + load<u32>(k));
          sum += load<f32>(r, 4) * part;
        }
        map += plane;
      }
    }
    store<f32>(output + ((<usize>c) << 2), sum * mean);
  }
}
