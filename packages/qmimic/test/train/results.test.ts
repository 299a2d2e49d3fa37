// Which epoch a run is judged by.
import { expect, test } from "vitest";
import { bestOf, type EpochRow } from "../../src/train/results.js";

test("the best row is the first with the highest val, and its match ratio is that of the kept weights", () => {
  const row = (epoch: number, val: number, valMatch: number) => ({ epoch, val, valMatch }) as EpochRow;
  const rows = [row(1, Number.NaN, Number.NaN), row(2, 0.4, 0.6), row(3, 0.4, 0.7), row(4, 0.3, 0.8)];
  expect(bestOf(rows)).toMatchObject({ epoch: 2, valMatch: 0.6 });
});
