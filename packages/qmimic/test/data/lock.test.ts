import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { withLock } from "../../src/data/lock.js";
import { temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
const never = () => {
  throw new Error("waited for a lock that nobody holds");
};

describe("withLock", () => {
  it("lets one in at a time, says that it waits, and leaves nothing behind", async () => {
    const path = join(root, "one", "a.lock");
    const order: string[] = [];
    const enter = (name: string, inside: () => Promise<void>) =>
      withLock(
        path,
        () => order.push(`${name} waits`),
        async () => {
          order.push(`${name} in`);
          expect(await readFile(path, "utf8")).toBe(String(process.pid));
          await inside();
          order.push(`${name} out`);
        },
      );
    let second = Promise.resolve();
    await enter("a", async () => {
      second = enter("b", async () => {});
      while (!order.includes("b waits")) await sleep(5);
    });
    await second;
    expect(order).toEqual(["a in", "b waits", "a out", "b in", "b out"]);
    expect(await readdir(join(root, "one"))).toEqual([]);
  });

  it("takes over from a process that has died, also from one of its own number, and from an old file that says nothing", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    for (const content of [String(child.pid), String(process.pid), ""]) {
      const path = join(root, `stale-${content}.lock`);
      await writeFile(path, content);
      await utimes(path, 0, 0);
      expect(await withLock(path, never, async () => "in")).toBe("in");
    }
    expect(await readdir(root)).toEqual(["one"]);
  });

  it("waits for a living process", async () => {
    const path = join(root, "living.lock");
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    await writeFile(path, String(child.pid));
    let waited = false;
    const wait = () => {
      waited = true;
      child.kill("SIGKILL");
    };
    expect(await withLock(path, wait, async () => "in")).toBe("in");
    expect(waited).toBe(true);
  });
});
