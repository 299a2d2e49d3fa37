// Other processes that share files with a test, from the built packages.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const built = (file: string) => fileURLToPath(new URL(`../../dist/data/${file}.js`, import.meta.url));

/** How a process becomes the first of a PID namespace of its own, as in a container; null where that is not allowed. */
export const inContainer: readonly string[] | null =
  [
    ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
  ].find(([command, ...args]) => spawnSync(command, [...args, "true"]).status === 0) ?? null;

export interface OtherProcess {
  child: ChildProcess;
  /** Resolves when the process has printed the word; rejects when it ended without. */
  says(word: string): Promise<void>;
  /** Resolves with its output when it has ended. */
  ended: Promise<string>;
}

/** Runs `body` in another Node. It has withLock, openRecordFile, say and sleep. */
export function otherProcess(body: string, within: readonly string[] = []): OtherProcess {
  const code = `
    import { withLock } from ${JSON.stringify(built("lock"))};
    import { openRecordFile } from ${JSON.stringify(built("recordFile"))};
    import { setTimeout as sleep } from "node:timers/promises";
    const say = (text) => process.stdout.write(text + "\\n");
    ${body}`;
  const [command, ...args] = [...within, process.execPath, "--input-type=module", "-e", code];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = once(child, "close").then(() => output);
  const says = async (word: string) => {
    while (!output.includes(word)) {
      if (child.exitCode !== null || child.signalCode !== null) {
        await ended;
        if (!output.includes(word)) throw new Error(`ended without saying "${word}": ${output}`);
      }
      await Promise.race([once(child.stdout, "data"), ended]);
    }
  };
  return { child, says, ended };
}
