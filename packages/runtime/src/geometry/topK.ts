// The k largest scores, in order: a histogram of the leading bits selects the candidates, and a radix sort (stable,
// so ties keep their order) sorts them.

const BITS = 11;
const BINS = 1 << BITS;
const MASK = BINS - 1;

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
  const histogram = new Uint32Array(BINS);
  for (let i = 0; i < n; i++) histogram[keys[i] >>> (32 - BITS)]++;
  let last = 0;
  let candidates = histogram[0];
  while (candidates < wanted) candidates += histogram[++last];

  const indices = new Int32Array(candidates);
  for (let i = 0, c = 0; c < candidates; i++) {
    if (keys[i] >>> (32 - BITS) <= last) indices[c++] = i;
  }
  return radixSort(indices, keys).subarray(0, wanted).slice();
}

/** Unsigned integers with the reverse order of the floats. */
function descendingKeys(scores: Float32Array): Uint32Array {
  const keys = new Uint32Array(scores.length);
  new Float32Array(keys.buffer).set(scores);
  for (let i = 0; i < keys.length; i++) {
    const bits = keys[i] | 0;
    const magnitude = bits & 0x7fffffff;
    // 0 and -0 are equal scores.
    keys[i] =
      magnitude > 0x7f800000 ? 0xffffffff : bits < 0 && magnitude !== 0 ? bits : 0x7fffffff - magnitude;
  }
  return keys;
}

/** Stable sort of `indices` by ascending key; overwrites `indices`, returns it or another buffer. */
function radixSort(indices: Int32Array, keys: Uint32Array): Int32Array {
  const n = indices.length;
  let from: Int32Array = indices;
  let to: Int32Array = new Int32Array(n);
  const start = new Uint32Array(BINS);
  for (let shift = 0; shift < 32; shift += BITS) {
    start.fill(0);
    for (let i = 0; i < n; i++) start[(keys[from[i]] >>> shift) & MASK]++;
    let sum = 0;
    for (let b = 0; b < BINS; b++) {
      const count = start[b];
      start[b] = sum;
      sum += count;
    }
    for (let i = 0; i < n; i++) to[start[(keys[from[i]] >>> shift) & MASK]++] = from[i];
    const swap = from;
    from = to;
    to = swap;
  }
  return from;
}
