// The number of threads, set before the addon is loaded and after.
import { configuration, setThreads } from "@qmimic/torch";
import { expect, it } from "vitest";

it("a number set before anything loads libtorch counts, and so does a later one", () => {
  for (const threads of [3, 2]) {
    setThreads(threads);
    expect(configuration().threads).toBe(threads);
  }
  expect(() => setThreads(0)).toThrow(/setThreads: 0/);
});
