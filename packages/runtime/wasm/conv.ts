// Convolution: out[p] = bias + sum over taps of weight * in[p + offset], for consecutive p in rows. The kernel's shape,
// padding and groups are only in the offsets: one per input channel and cell of the kernel, in bytes.
// Several output channels are computed at once, to use each loaded pixel for all of them. There are eight to twelve
// vectors of sums: fewer would not keep the processor busy, more would not fit into its registers.
//
// block: the biases of the outputs computed at once, then for each tap their weights. Rows are inRow and outRow bytes
// apart, output channels `plane` bytes. Whole vectors are written, so up to 23 cells after the end of a row (also the
// last) are overwritten.
import { madd } from "./madd";

/** Four outputs, eight cells at a time. */
export function conv4(
  input: usize,
  offsets: usize,
  taps: i32,
  block: usize,
  output: usize,
  plane: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
  low: f32,
): void {
  const floor = f32x4.splat(low);
  const end = offsets + ((<usize>taps) << 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x += 8) {
      const from = input + ((<usize>x) << 2);
      let a0 = v128.load32_splat(block);
      let b0 = v128.load32_splat(block, 4);
      let c0 = v128.load32_splat(block, 8);
      let d0 = v128.load32_splat(block, 12);
      let a1 = a0;
      let b1 = b0;
      let c1 = c0;
      let d1 = d0;
      let w = block + 16;
      for (let o = offsets; o < end; o += 4) {
        const at = from + load<u32>(o);
        const p0 = v128.load(at);
        const p1 = v128.load(at, 16);
        const wa = v128.load32_splat(w);
        a0 = madd(p0, wa, a0);
        a1 = madd(p1, wa, a1);
        const wb = v128.load32_splat(w, 4);
        b0 = madd(p0, wb, b0);
        b1 = madd(p1, wb, b1);
        const wc = v128.load32_splat(w, 8);
        c0 = madd(p0, wc, c0);
        c1 = madd(p1, wc, c1);
        const wd = v128.load32_splat(w, 12);
        d0 = madd(p0, wd, d0);
        d1 = madd(p1, wd, d1);
        w += 16;
      }
      let to = output + ((<usize>x) << 2);
      v128.store(to, f32x4.max(a0, floor));
      v128.store(to, f32x4.max(a1, floor), 16);
      to += plane;
      v128.store(to, f32x4.max(b0, floor));
      v128.store(to, f32x4.max(b1, floor), 16);
      to += plane;
      v128.store(to, f32x4.max(c0, floor));
      v128.store(to, f32x4.max(c1, floor), 16);
      to += plane;
      v128.store(to, f32x4.max(d0, floor));
      v128.store(to, f32x4.max(d1, floor), 16);
    }
    input += inRow;
    output += outRow;
  }
}

/** Two outputs, 24 cells at a time. */
export function conv2(
  input: usize,
  offsets: usize,
  taps: i32,
  block: usize,
  output: usize,
  plane: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
  low: f32,
): void {
  const floor = f32x4.splat(low);
  const end = offsets + ((<usize>taps) << 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x += 24) {
      const from = input + ((<usize>x) << 2);
      let a0 = v128.load32_splat(block);
      let b0 = v128.load32_splat(block, 4);
      let a1 = a0;
      let b1 = b0;
      let a2 = a0;
      let b2 = b0;
      let a3 = a0;
      let b3 = b0;
      let a4 = a0;
      let b4 = b0;
      let a5 = a0;
      let b5 = b0;
      let w = block + 8;
      for (let o = offsets; o < end; o += 4) {
        const at = from + load<u32>(o);
        const wa = v128.load32_splat(w);
        const wb = v128.load32_splat(w, 4);
        const p0 = v128.load(at);
        a0 = madd(p0, wa, a0);
        b0 = madd(p0, wb, b0);
        const p1 = v128.load(at, 16);
        a1 = madd(p1, wa, a1);
        b1 = madd(p1, wb, b1);
        const p2 = v128.load(at, 32);
        a2 = madd(p2, wa, a2);
        b2 = madd(p2, wb, b2);
        const p3 = v128.load(at, 48);
        a3 = madd(p3, wa, a3);
        b3 = madd(p3, wb, b3);
        const p4 = v128.load(at, 64);
        a4 = madd(p4, wa, a4);
        b4 = madd(p4, wb, b4);
        const p5 = v128.load(at, 80);
        a5 = madd(p5, wa, a5);
        b5 = madd(p5, wb, b5);
        w += 8;
      }
      let to = output + ((<usize>x) << 2);
      v128.store(to, f32x4.max(a0, floor));
      v128.store(to, f32x4.max(a1, floor), 16);
      v128.store(to, f32x4.max(a2, floor), 32);
      v128.store(to, f32x4.max(a3, floor), 48);
      v128.store(to, f32x4.max(a4, floor), 64);
      v128.store(to, f32x4.max(a5, floor), 80);
      to += plane;
      v128.store(to, f32x4.max(b0, floor));
      v128.store(to, f32x4.max(b1, floor), 16);
      v128.store(to, f32x4.max(b2, floor), 32);
      v128.store(to, f32x4.max(b3, floor), 48);
      v128.store(to, f32x4.max(b4, floor), 64);
      v128.store(to, f32x4.max(b5, floor), 80);
    }
    input += inRow;
    output += outRow;
  }
}

/** One output, 24 cells at a time. */
export function conv1(
  input: usize,
  offsets: usize,
  taps: i32,
  block: usize,
  output: usize,
  _plane: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
  low: f32,
): void {
  const floor = f32x4.splat(low);
  const end = offsets + ((<usize>taps) << 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x += 24) {
      const from = input + ((<usize>x) << 2);
      let a0 = v128.load32_splat(block);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      let a4 = a0;
      let a5 = a0;
      let w = block + 4;
      for (let o = offsets; o < end; o += 4) {
        const at = from + load<u32>(o);
        const wa = v128.load32_splat(w);
        a0 = madd(v128.load(at), wa, a0);
        a1 = madd(v128.load(at, 16), wa, a1);
        a2 = madd(v128.load(at, 32), wa, a2);
        a3 = madd(v128.load(at, 48), wa, a3);
        a4 = madd(v128.load(at, 64), wa, a4);
        a5 = madd(v128.load(at, 80), wa, a5);
        w += 4;
      }
      const to = output + ((<usize>x) << 2);
      v128.store(to, f32x4.max(a0, floor));
      v128.store(to, f32x4.max(a1, floor), 16);
      v128.store(to, f32x4.max(a2, floor), 32);
      v128.store(to, f32x4.max(a3, floor), 48);
      v128.store(to, f32x4.max(a4, floor), 64);
      v128.store(to, f32x4.max(a5, floor), 80);
    }
    input += inRow;
    output += outRow;
  }
}

/**
 * Restores the zeros after the rows and planes of a map that whole vectors have overwritten: `pad` cells after each
 * row, `gap` bytes after each plane. Single stores, because pads are short.
 */
export function clearPads(
  output: usize,
  channels: i32,
  plane: usize,
  rows: i32,
  width: i32,
  pad: i32,
  gap: usize,
): void {
  const row = (<usize>(width + pad)) << 2;
  for (let c = 0; c < channels; c++) {
    let end = output + row;
    for (let y = 0; y < rows; y++) {
      for (let at = end - ((<usize>pad) << 2); at < end; at += 4) store<f32>(at, 0);
      end += row;
    }
    memory.fill(end - row, 0, gap);
    output += plane;
  }
}

export function clear(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}
