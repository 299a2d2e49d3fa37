// Least squares with normal equations, and LASSO with coordinate descent, on Gram matrices, so samples need not
// be stored. Matrices are row-major Float64Arrays.

/**
 * Solves A X = B for a symmetric positive definite A, by Cholesky decomposition.
 * @param a [n, n]; its lower half is read
 * @param b [n, m]
 * @returns X, [n, m]
 * @throws RangeError if A is not positive definite
 */
export function solvePositive(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const lower = choleskyOf(a, n);
  const x: Matrix = { values: Float64Array.from(b), columns: b.length / n };
  // L Y = B, then L' X = Y; rows of X are whole rows of memory.
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) addRow(x, i, k, -lower[i * n + k]);
    scaleRow(x, i, 1 / lower[i * n + i]);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) addRow(x, i, k, -lower[k * n + i]);
    scaleRow(x, i, 1 / lower[i * n + i]);
  }
  return x.values;
}

interface Matrix {
  values: Float64Array;
  columns: number;
}

function addRow({ values, columns }: Matrix, to: number, from: number, factor: number): void {
  if (factor === 0) return;
  const [t, f] = [to * columns, from * columns];
  for (let j = 0; j < columns; j++) values[t + j] += factor * values[f + j];
}

function scaleRow({ values, columns }: Matrix, row: number, factor: number): void {
  for (let j = row * columns; j < (row + 1) * columns; j++) values[j] *= factor;
}

/** L with A = L L', lower triangular. */
function choleskyOf(a: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = a[row + j];
      for (let k = 0; k < j; k++) sum -= lower[row + k] * lower[other + k];
      if (j < i) lower[row + j] = sum / lower[other + j];
      else if (sum > 0) lower[row + i] = Math.sqrt(sum);
      else throw new RangeError(`the matrix is not positive definite: pivot ${i} is ${sum}`);
    }
  }
  return lower;
}

/** Ridge term, as a fraction of the mean of the diagonal: makes inputs that are never active harmless. */
const RIDGE = 1e-6;

/**
 * The W that minimizes || Y - X W ||^2.
 * @param gram X'X, [n, n]
 * @param products X'Y, [n, m]
 * @returns [n, m]
 */
export function leastSquares(gram: Float64Array, products: Float64Array, n: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += gram[i * n + i];
  // No input was ever active: any W is as good as 0.
  if (!(trace > 0)) return new Float64Array(products.length);
  const a = Float64Array.from(gram);
  for (let i = 0; i < n; i++) a[i * n + i] += (RIDGE * trace) / n;
  return solvePositive(a, products, n);
}

/** Convergence tolerance, relative to the largest coefficient, and maximum rounds. */
const TOLERANCE = 1e-6;
const MAX_ROUNDS = 1000;

/**
 * The b that minimizes 1/2 b'G b - c'b + penalty * sum |b_i|: LASSO (Tibshirani, 1996) with G = X'X and c =
 * X'y, by coordinate descent (Friedman, Hastie, Tibshirani, 2010, section 2).
 * @param gram G, [n, n]
 * @param products c, [n]
 * @param start initial value
 */
export function lasso(
  gram: Float64Array,
  products: Float64Array,
  penalty: number,
  start: Float64Array = new Float64Array(products.length),
): Float64Array {
  const n = products.length;
  const b = Float64Array.from(start);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let [change, largest] = [0, 0];
    for (let i = 0; i < n; i++) {
      const diagonal = gram[i * n + i];
      if (!(diagonal > 0)) continue;
      let rest = products[i];
      for (let j = 0; j < n; j++) rest -= gram[i * n + j] * b[j];
      const free = rest + diagonal * b[i];
      const next = (Math.sign(free) * Math.max(0, Math.abs(free) - penalty)) / diagonal;
      change = Math.max(change, Math.abs(next - b[i]));
      largest = Math.max(largest, Math.abs(next));
      b[i] = next;
    }
    if (change <= TOLERANCE * largest) break;
  }
  return b;
}

/** Bisection steps for the penalty. */
const HALVINGS = 40;

/**
 * The `count` variables that LASSO keeps longest as the penalty grows: uses the largest penalty that keeps at
 * least that many; if it keeps more, those with the largest contribution.
 * @returns their indices in ascending order
 */
export function selectByLasso(gram: Float64Array, products: Float64Array, count: number): number[] {
  const n = products.length;
  const numbers = [...products.keys()];
  if (count >= n) return numbers;
  let [low, high] = [0, products.reduce((largest, product) => Math.max(largest, Math.abs(product)), 0)];
  let best = lasso(gram, products, 0);
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    const tried = lasso(gram, products, middle, best);
    const left = tried.reduce((sum, factor) => sum + Number(factor !== 0), 0);
    if (left >= count) [low, best] = [middle, tried];
    else high = middle;
    if (left === count) break;
  }
  const size = (i: number) => Math.abs(best[i]) * Math.sqrt(gram[i * n + i]);
  return numbers
    .sort((a, b) => size(b) - size(a) || a - b)
    .slice(0, count)
    .sort((a, b) => a - b);
}
