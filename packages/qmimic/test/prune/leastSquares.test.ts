// Least squares and LASSO against known answers.
import { expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { lasso, leastSquares, selectByLasso, solvePositive } from "../../src/prune/leastSquares.js";

function expectClose(found: ArrayLike<number>, expected: readonly number[], digits: number): void {
  expect(found).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, digits);
  });
}

/** X'X and X'Y of rows drawn at random, with Y = X W + noise. */
function problem(rows: number, weights: readonly (readonly number[])[], noise = 0) {
  const random = createRandom("rows");
  const [n, m] = [weights.length, weights[0].length];
  const [gram, products] = [new Float64Array(n * n), new Float64Array(n * m)];
  for (let row = 0; row < rows; row++) {
    const x = Array.from({ length: n }, () => 2 * random() - 1);
    const y = Array.from({ length: m }, (_, o) =>
      x.reduce((sum, one, i) => sum + one * weights[i][o], noise * (2 * random() - 1)),
    );
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) gram[i * n + j] += x[i] * x[j];
      for (let o = 0; o < m; o++) products[i * m + o] += x[i] * y[o];
    }
  }
  return { gram, products };
}

test("a positive definite system is solved", () => {
  // [[4, 2], [2, 3]] [1, -2] = [0, -4], and the second right side is its first column.
  const x = solvePositive(Float64Array.of(4, 2, 2, 3), Float64Array.of(0, 4, -4, 2), 2);
  expectClose(x, [1, 1, -2, 0], 12);
  expect(() => solvePositive(Float64Array.of(1, 2, 2, 1), Float64Array.of(1, 1), 2)).toThrow(
    "not positive definite: pivot 1 is -3",
  );
});

test("least squares finds the weights that made the outputs; inputs that are never active get 0", () => {
  const weights = [
    [1, -2],
    [0.5, 0],
    [3, 4],
  ];
  const { gram, products } = problem(50, weights);
  expectClose(leastSquares(gram, products, 3), weights.flat(), 4);
  const dead = Float64Array.of(2, 0, 0, 0);
  expect([...leastSquares(dead, Float64Array.of(4, 0), 2)][1]).toBe(0);
  expect([...leastSquares(new Float64Array(4), Float64Array.of(0, 0), 2)]).toEqual([0, 0]);
});

test("lasso of inputs that are orthogonal shrinks each coefficient by the penalty", () => {
  const gram = Float64Array.of(1, 0, 0, 0, 2, 0, 0, 0, 4);
  const b = lasso(gram, Float64Array.of(3, -1, 6), 2);
  expectClose(b, [1, 0, 1], 12);
});

test("lasso meets its conditions of optimality where inputs are correlated", () => {
  const { gram, products } = problem(40, [[1], [0.2], [-1], [0], [0.6]], 0.3);
  const penalty = 3;
  const b = lasso(gram, products, penalty);
  b.forEach((own, i) => {
    const slope = products[i] - b.reduce((sum, other, j) => sum + gram[5 * i + j] * other, 0);
    if (own === 0) expect(Math.abs(slope)).toBeLessThanOrEqual(penalty + 1e-3);
    else expect(slope).toBeCloseTo(penalty * Math.sign(own), 3);
  });
  expect(b[3]).toBe(0);
  expect(b.filter((own) => own !== 0).length).toBeGreaterThan(2);
});

test("lasso selects the inputs that matter, in whatever number", () => {
  const weights = [[0], [2], [0.01], [-1], [0], [0.5]];
  const { gram, products } = problem(60, weights, 0.1);
  expect(selectByLasso(gram, products, 3)).toEqual([1, 3, 5]);
  expect(selectByLasso(gram, products, 1)).toEqual([1]);
  expect(selectByLasso(gram, products, 6)).toEqual([0, 1, 2, 3, 4, 5]);
  // Two that are the same: one of them is enough, and the number is met all the same.
  const twins = Float64Array.of(1, 1, 0, 1, 1, 0, 0, 0, 1);
  expect(selectByLasso(twins, Float64Array.of(2, 2, 1), 2)).toHaveLength(2);
});
