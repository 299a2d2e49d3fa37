// Convolutions of bytes: 3 x 3, stride 1, between maps of few channels whose values are integers from 0 to 127. Cells are
// next to each other, each with its 2 or 4 channels. A lane of a vector has 4 bytes: one cell of 4 channels, or two
// cells of 2; a relaxed dot product multiplies all 16 bytes with weights and adds each lane's products to its sum.
// Cell: u16 for 2 channels of input, u32 for 4.
//
// layer: the shift, then the biases of the outputs, as i32; their multipliers as i16; then the weights, i32 of 4 bytes:
// for each row of the kernel, for each lane that it reads, one per output. The result is
// (sum + bias >> shift) * multiplier / 2^15, rounded, at least 0 and at most 127.
//
// input: the cell left of and above the first. Rows are inRow and outRow bytes apart. Whole vectors are read and
// written, so up to 31 bytes after the end of a row (also the last) are overwritten.

/** Eight results from the sums of eight cells. */
function scaled(a: v128, b: v128, shift: i32, multiplier: v128): v128 {
  return i16x8.q15mulr_sat_s(i16x8.narrow_i32x4_s(i32x4.shr_s(a, shift), i32x4.shr_s(b, shift)), multiplier);
}

/** Sixteen results as bytes. */
function clamped(a: v128, b: v128): v128 {
  return i8x16.max_s(i8x16.narrow_i16x8_s(a, b), i8x16.splat(0));
}

function dot(weights: v128, bytes: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(weights, bytes, sum);
}

/** To 2 channels, sixteen cells at a time. */
function to2<Cell>(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  // Bytes to the other vectors. Of 2 channels, the second and fourth are of the odd cells.
  const SECOND: usize = sizeof<Cell>() === 4 ? 16 : 2;
  const THIRD: usize = sizeof<Cell>() === 4 ? 32 : 16;
  const FOURTH: usize = sizeof<Cell>() === 4 ? 48 : 18;
  const shift = load<i32>(layer);
  const bias0 = v128.load32_splat(layer, 4);
  const bias1 = v128.load32_splat(layer, 8);
  const multiplier0 = v128.load16_splat(layer, 12);
  const multiplier1 = v128.load16_splat(layer, 14);
  for (let y = 0; y < rows; y++) {
    for (let x: usize = 0; x < <usize>width; x += 16) {
      let a0 = bias0;
      let a1 = bias0;
      let a2 = bias0;
      let a3 = bias0;
      let b0 = bias1;
      let b1 = bias1;
      let b2 = bias1;
      let b3 = bias1;
      let at = input + x * sizeof<Cell>();
      let w = layer + 16;
      for (let r = 0; r < 3; r++) {
        const w00 = v128.load32_splat(w, 0);
        const w01 = v128.load32_splat(w, 4);
        const p00 = v128.load(at);
        a0 = dot(w00, p00, a0);
        b0 = dot(w01, p00, b0);
        const p01 = v128.load(at, SECOND);
        a1 = dot(w00, p01, a1);
        b1 = dot(w01, p01, b1);
        const p02 = v128.load(at, THIRD);
        a2 = dot(w00, p02, a2);
        b2 = dot(w01, p02, b2);
        const p03 = v128.load(at, FOURTH);
        a3 = dot(w00, p03, a3);
        b3 = dot(w01, p03, b3);
        const w10 = v128.load32_splat(w, 8);
        const w11 = v128.load32_splat(w, 12);
        const p10 = v128.load(at, 4);
        a0 = dot(w10, p10, a0);
        b0 = dot(w11, p10, b0);
        const p11 = v128.load(at, 4 + SECOND);
        a1 = dot(w10, p11, a1);
        b1 = dot(w11, p11, b1);
        const p12 = v128.load(at, 4 + THIRD);
        a2 = dot(w10, p12, a2);
        b2 = dot(w11, p12, b2);
        const p13 = v128.load(at, 4 + FOURTH);
        a3 = dot(w10, p13, a3);
        b3 = dot(w11, p13, b3);
        if (sizeof<Cell>() === 4) {
          const w20 = v128.load32_splat(w, 16);
          const w21 = v128.load32_splat(w, 20);
          const p20 = v128.load(at, 8);
          a0 = dot(w20, p20, a0);
          b0 = dot(w21, p20, b0);
          const p21 = v128.load(at, 24);
          a1 = dot(w20, p21, a1);
          b1 = dot(w21, p21, b1);
          const p22 = v128.load(at, 40);
          a2 = dot(w20, p22, a2);
          b2 = dot(w21, p22, b2);
          const p23 = v128.load(at, 56);
          a3 = dot(w20, p23, a3);
          b3 = dot(w21, p23, b3);
        }
        at += inRow;
        w += sizeof<Cell>() === 4 ? 24 : 16;
      }
      const to = output + x * 2;
      const p = clamped(scaled(a0, a1, shift, multiplier0), scaled(a2, a3, shift, multiplier0));
      const q = clamped(scaled(b0, b1, shift, multiplier1), scaled(b2, b3, shift, multiplier1));
      if (sizeof<Cell>() === 4) {
        // Channel 0 of 16 cells and channel 1 of them, interleaved.
        v128.store(to, v128.shuffle<i8>(p, q, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
        v128.store(
          to,
          v128.shuffle<i8>(p, q, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
          16,
        );
      } else {
        // p: channel 0 of cells 0, 2, 4, 6, 1, 3, 5, 7 and so on; q: channel 1.
        v128.store(to, v128.shuffle<i8>(p, q, 0, 16, 4, 20, 1, 17, 5, 21, 2, 18, 6, 22, 3, 19, 7, 23));
        v128.store(
          to,
          v128.shuffle<i8>(p, q, 8, 24, 12, 28, 9, 25, 13, 29, 10, 26, 14, 30, 11, 27, 15, 31),
          16,
        );
      }
    }
    input += inRow;
    output += outRow;
  }
}

/** To 4 channels, eight cells at a time. */
function to4<Cell>(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  // Bytes to the other vector. Of 2 channels, it is of the odd cells.
  const SECOND: usize = sizeof<Cell>() === 4 ? 16 : 2;
  const shift = load<i32>(layer);
  const bias0 = v128.load32_splat(layer, 4);
  const bias1 = v128.load32_splat(layer, 8);
  const bias2 = v128.load32_splat(layer, 12);
  const bias3 = v128.load32_splat(layer, 16);
  const multiplier0 = v128.load16_splat(layer, 20);
  const multiplier1 = v128.load16_splat(layer, 22);
  const multiplier2 = v128.load16_splat(layer, 24);
  const multiplier3 = v128.load16_splat(layer, 26);
  for (let y = 0; y < rows; y++) {
    for (let x: usize = 0; x < <usize>width; x += 8) {
      let a0 = bias0;
      let a1 = bias0;
      let b0 = bias1;
      let b1 = bias1;
      let c0 = bias2;
      let c1 = bias2;
      let d0 = bias3;
      let d1 = bias3;
      let at = input + x * sizeof<Cell>();
      let w = layer + 28;
      for (let r = 0; r < 3; r++) {
        const w00 = v128.load32_splat(w, 0);
        const w01 = v128.load32_splat(w, 4);
        const w02 = v128.load32_splat(w, 8);
        const w03 = v128.load32_splat(w, 12);
        const p00 = v128.load(at);
        a0 = dot(w00, p00, a0);
        b0 = dot(w01, p00, b0);
        c0 = dot(w02, p00, c0);
        d0 = dot(w03, p00, d0);
        const p01 = v128.load(at, SECOND);
        a1 = dot(w00, p01, a1);
        b1 = dot(w01, p01, b1);
        c1 = dot(w02, p01, c1);
        d1 = dot(w03, p01, d1);
        const w10 = v128.load32_splat(w, 16);
        const w11 = v128.load32_splat(w, 20);
        const w12 = v128.load32_splat(w, 24);
        const w13 = v128.load32_splat(w, 28);
        const p10 = v128.load(at, 4);
        a0 = dot(w10, p10, a0);
        b0 = dot(w11, p10, b0);
        c0 = dot(w12, p10, c0);
        d0 = dot(w13, p10, d0);
        const p11 = v128.load(at, 4 + SECOND);
        a1 = dot(w10, p11, a1);
        b1 = dot(w11, p11, b1);
        c1 = dot(w12, p11, c1);
        d1 = dot(w13, p11, d1);
        if (sizeof<Cell>() === 4) {
          const w20 = v128.load32_splat(w, 32);
          const w21 = v128.load32_splat(w, 36);
          const w22 = v128.load32_splat(w, 40);
          const w23 = v128.load32_splat(w, 44);
          const p20 = v128.load(at, 8);
          a0 = dot(w20, p20, a0);
          b0 = dot(w21, p20, b0);
          c0 = dot(w22, p20, c0);
          d0 = dot(w23, p20, d0);
          const p21 = v128.load(at, 24);
          a1 = dot(w20, p21, a1);
          b1 = dot(w21, p21, b1);
          c1 = dot(w22, p21, c1);
          d1 = dot(w23, p21, d1);
        }
        at += inRow;
        w += sizeof<Cell>() === 4 ? 48 : 32;
      }
      const to = output + x * 4;
      const p = clamped(scaled(a0, a1, shift, multiplier0), scaled(b0, b1, shift, multiplier1));
      const q = clamped(scaled(c0, c1, shift, multiplier2), scaled(d0, d1, shift, multiplier3));
      if (sizeof<Cell>() === 4) {
        // p: channels 0 and 1 of 8 cells each, q: 2 and 3.
        v128.store(to, v128.shuffle<i8>(p, q, 0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27));
        v128.store(
          to,
          v128.shuffle<i8>(p, q, 4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31),
          16,
        );
      } else {
        // p: channels 0 and 1, each of cells 0, 2, 4, 6, 1, 3, 5, 7; q: 2 and 3.
        v128.store(to, v128.shuffle<i8>(p, q, 0, 8, 16, 24, 4, 12, 20, 28, 1, 9, 17, 25, 5, 13, 21, 29));
        v128.store(
          to,
          v128.shuffle<i8>(p, q, 2, 10, 18, 26, 6, 14, 22, 30, 3, 11, 19, 27, 7, 15, 23, 31),
          16,
        );
      }
    }
    input += inRow;
    output += outRow;
  }
}

/** From 4 channels to 2. */
export function bytes4to2(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  to2<u32>(input, layer, output, rows, width, inRow, outRow);
}

/** From 2 channels to 2. */
export function bytes2to2(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  to2<u16>(input, layer, output, rows, width, inRow, outRow);
}

/** From 4 channels to 4. */
export function bytes4to4(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  to4<u32>(input, layer, output, rows, width, inRow, outRow);
}

/** From 2 channels to 4. */
export function bytes2to4(
  input: usize,
  layer: usize,
  output: usize,
  rows: i32,
  width: i32,
  inRow: usize,
  outRow: usize,
): void {
  to4<u16>(input, layer, output, rows, width, inRow, outRow);
}
