// A few tasks at a time, over lists and over what is still being made.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { mapConcurrent } from "../../src/data/concurrent.js";

async function* made(count: number) {
  for (let i = 0; i < count; i++) {
    await sleep(1);
    yield i;
  }
}

test.each([
  ["a list", () => [...Array(20).keys()]],
  ["a generator", () => made(20)],
])("%s: results in order, no more at a time than the limit", async (_, items) => {
  let running = 0;
  let most = 0;
  const results = await mapConcurrent(items(), 3, async (item, index) => {
    most = Math.max(most, ++running);
    await sleep((item * 7) % 5);
    running--;
    return [item, index];
  });
  expect(results).toEqual([...Array(20).keys()].map((i) => [i, i]));
  expect(most).toBe(3);
});

test("after a failure no task begins, and those running have ended when it is reported", async () => {
  const [begun, ended]: number[][] = [[], []];
  const failing = mapConcurrent(made(20), 3, async (item) => {
    begun.push(item);
    await sleep(item === 2 ? 5 : 20);
    if (item === 2) throw new Error("the third");
    ended.push(item);
  });
  await expect(failing).rejects.toThrow("the third");
  expect(begun).toEqual([0, 1, 2]);
  expect(ended).toEqual([0, 1]);
});

test("a failure of the items is one too", async () => {
  async function* broken() {
    yield 1;
    throw new Error("no more");
  }
  await expect(mapConcurrent(broken(), 2, async () => {})).rejects.toThrow("no more");
  expect(await mapConcurrent([], 2, async () => {})).toEqual([]);
});
