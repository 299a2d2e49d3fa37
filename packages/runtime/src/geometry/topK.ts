// The k largest scores, in order: a histogram of the leading bits selects the candidates, and a radix sort (stable,
// so ties keep their order) sorts them.

/** Bits of the histogram. */
const BITS = 11;
/** Bits sorted at a time, of few or many scores: fewer passes, but more bins to clear and to sum up in each. */
const FEW_BITS = 8;
const MANY_BITS = 11;
const MANY = 1000;

/**
 * Indices of the `k` largest scores, in descending score (ties: lower index first). NaN comes last.
 * @param scores [N]
 * @param k maximum number of indices, default: N
 * @returns [min(k, N)]
 */
export function topK(scores: Float32Array, k: number = scores.length): Int32Array {
  const n = scores.length;
  const wanted = Math.max(0, Math.min(n, Math.floor(k)));
  if (wanted === 0) return new Int32Array(0);

  const keys = descendingKeys(scores);
  if (wanted === n) return radixSort(allIndices(n), keys);
  const histogram = new Int32Array(1 << BITS);
  for (let i = 0; i < n; i++) histogram[keys[i] >>> (32 - BITS)]++;
  let last = 0;
  let candidates = histogram[0];
  while (candidates < wanted) candidates += histogram[++last];

  const indices = new Int32Array(candidates);
  for (let i = 0, c = 0; c < candidates; i++) {
    if (keys[i] >>> (32 - BITS) <= last) indices[c++] = i;
  }
  return radixSort(indices, keys).slice(0, wanted);
}

function allIndices(n: number): Int32Array {
  const indices = new Int32Array(n);
  for (let i = 0; i < n; i++) indices[i] = i;
  return indices;
}

/**
 * The bits of unsigned integers with the reverse order of the floats. Signed arrays, because V8 computes with unsigned
 * ones in floating point.
 */
function descendingKeys(scores: Float32Array): Int32Array {
  const copy = scores.slice();
  const keys = new Int32Array(copy.buffer, copy.byteOffset, copy.length);
  for (let i = 0; i < keys.length; i++) {
    const bits = keys[i];
    const magnitude = bits & 0x7fffffff;
    // 0 and -0 are equal scores.
    keys[i] = magnitude > 0x7f800000 ? -1 : bits < 0 && magnitude !== 0 ? bits : 0x7fffffff - magnitude;
  }
  return keys;
}

/** Stable sort of `indices` by ascending key; overwrites `indices`, returns it or another buffer. */
function radixSort(indices: Int32Array, keys: Int32Array): Int32Array {
  const n = indices.length;
  let from: Int32Array = indices;
  let to: Int32Array = new Int32Array(n);
  const bits = n < MANY ? FEW_BITS : MANY_BITS;
  const bins = 1 << bits;
  const start = new Int32Array(bins);
  for (let shift = 0; shift < 32; shift += bits) {
    start.fill(0);
    for (let i = 0; i < n; i++) start[(keys[from[i]] >>> shift) & (bins - 1)]++;
    let sum = 0;
    for (let b = 0; b < bins; b++) {
      const count = start[b];
      start[b] = sum;
      sum += count;
    }
    for (let i = 0; i < n; i++) {
      const index = from[i];
      to[start[(keys[index] >>> shift) & (bins - 1)]++] = index;
    }
    const swap = from;
    from = to;
    to = swap;
  }
  return from;
}
