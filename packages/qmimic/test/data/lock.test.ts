import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tryLock, withLock } from "../../src/data/lock.js";
import { InputError } from "../../src/errors.js";
import { inContainer, otherProcess } from "./processes.js";
import { temporaryFolder } from "./temporary.js";

const engine = vi.hoisted(() => ({ tryLockFile: null as null | (() => boolean) }));
vi.mock("../../src/native/files.js", async (load) => {
  const actual = await load<typeof import("../../src/native/files.js")>();
  return { ...actual, tryLockFile: (file: number) => (engine.tryLockFile ?? actual.tryLockFile)(file) };
});
afterEach(() => {
  engine.tryLockFile = null;
});

const root = await temporaryFolder();
const never = () => {
  throw new Error("waited for a lock that nobody holds");
};

const holding = (path: string) => `
  await withLock(${JSON.stringify(path)}, () => say("waits"), async () => {
    say("in as " + process.pid);
    for await (const _ of process.stdin);
  });
  say("out");`;

describe("withLock", () => {
  it("lets one in at a time, and says once that it waits", async () => {
    const path = join(root, "one", "a.lock");
    const order: string[] = [];
    const enter = (name: string, inside: () => Promise<void>) =>
      withLock(
        path,
        () => order.push(`${name} waits`),
        async () => {
          order.push(`${name} in`);
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
    expect(await readdir(join(root, "one"))).toEqual(["a.lock"]);
  });

  it("releases when the body throws", async () => {
    const path = join(root, "thrown.lock");
    const fail = async () => {
      throw new Error("within");
    };
    await expect(withLock(path, never, fail)).rejects.toThrow("within");
    expect(await withLock(path, never, async () => "in")).toBe("in");
  });

  it.each([
    ["a process that lives", String(process.ppid)],
    ["the first process of a container", "1"],
    ["this process", String(process.pid)],
    ["nobody", ""],
  ])("does not believe what is written in the file: %s", async (_, content) => {
    const path = join(root, "written.lock");
    await writeFile(path, content);
    expect(await withLock(path, never, async () => "in")).toBe("in");
  });

  it.each(["SIGKILL", "SIGTERM"] as const)("is free when its process has died of %s", async (signal) => {
    const path = join(root, "killed.lock");
    const holder = otherProcess(holding(path));
    await holder.says("in as");
    let waits = 0;
    const wait = () => {
      waits++;
      holder.child.kill(signal);
    };
    expect(await withLock(path, wait, async () => "in")).toBe("in");
    expect(waits).toBe(1);
    expect(await holder.ended).not.toContain("out");
  });

  it("waits for a process that was stopped", async () => {
    const path = join(root, "stopped.lock");
    const holder = otherProcess(holding(path));
    await holder.says("in as");
    holder.child.kill("SIGSTOP");
    expect(tryLock(path, "")).toBeNull();
    let order = "";
    const wait = () => {
      order += "waits ";
      holder.child.kill("SIGCONT");
      holder.child.stdin?.end();
    };
    await withLock(path, wait, async () => {
      order += "in";
    });
    expect(order).toBe("waits in");
  });

  it.skipIf(inContainer === null)(
    "excludes processes of another container, which have the same number",
    async () => {
      const path = join(root, "containers.lock");
      const one = otherProcess(holding(path), inContainer!);
      await one.says("in as 1\n");
      const two = otherProcess(holding(path), inContainer!);
      await two.says("waits");
      expect(tryLock(path, "")).toBeNull();
      one.child.stdin?.end();
      await two.says("in as 1\n");
      expect(await one.ended).toBe("in as 1\nout\n");
      two.child.stdin?.end();
      expect(await two.ended).toBe("waits\nin as 1\nout\n");
    },
  );

  it("says what to do where the file system has no locks", async () => {
    engine.tryLockFile = () => {
      throw new Error("tryLockFile: flock: No locks available");
    };
    const path = join(root, "none.lock");
    const locked = withLock(path, never, async () => "in");
    await expect(locked).rejects.toThrow(InputError);
    await expect(locked).rejects.toThrow(
      `${path}: cannot lock the file: tryLockFile: flock: No locks available. Choose a cache folder on a local disk: --cache DIR`,
    );
  });

  it("names a lock that cannot be opened", async () => {
    const path = join(root, "folder.lock");
    await mkdir(path);
    await expect(withLock(path, never, async () => "in")).rejects.toThrow(/folder\.lock: it is a directory/);
  });
});
