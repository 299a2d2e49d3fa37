// Profiles: spans, the table of a step, the trace.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { chromeTrace, profiled, profileTable, STEP, timed, timedAsync } from "../src/profile.js";

it("nothing is recorded unless asked for", async () => {
  expect(timed("a", () => 1)).toBe(1);
  expect((await profiled(async () => 2)).profile.parts.size).toBe(0);
});

it("parts are summed, the rest of a step is other, what runs beside gets rows of its own", async () => {
  const { result, profile } = await profiled(async () => {
    const decode = () => timedAsync("decode", "beside", () => sleep(20));
    await Promise.all([decode(), decode()]);
    await decode();
    return timedAsync(STEP, "main", async () => {
      timed("a", () => {});
      timed("a", () => {});
      await sleep(5);
      return "done";
    });
  });
  expect(result).toBe("done");
  expect(profile.parts.get("a")?.calls).toBe(2);
  const rows = profile.spans.filter(({ name }) => name === "decode").map(({ row }) => row);
  expect(rows).toEqual([1, 2, 1]);
  const table = profileTable(profile);
  expect(table).toMatch(/^time per step, mean of 1: /);
  expect(table).toMatch(
    /other +[\d.]+ ms +(9\d|100)\.\d %\noutside the steps, per step:\n +decode +[\d.]+ ms$/,
  );

  const { traceEvents } = JSON.parse(chromeTrace(profile));
  expect(traceEvents.filter((one: { ph: string }) => one.ph === "M")).toHaveLength(3);
  const spans = traceEvents.filter((one: { ph: string }) => one.ph === "X");
  expect(spans).toHaveLength(profile.spans.length);
  expect(Math.min(...spans.map((one: { ts: number }) => one.ts))).toBe(0);
});

it("a failing part is recorded, and its error passed on", async () => {
  const { profile } = await profiled(async () => {
    const fail = () => {
      throw new Error("no");
    };
    expect(() => timed("a", fail)).toThrow("no");
    await expect(timedAsync("b", "main", async () => fail())).rejects.toThrow("no");
  });
  expect([...profile.parts.keys()]).toEqual(["a", "b"]);
});
