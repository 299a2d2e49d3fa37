// The real command line in a child process.
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const bin = fileURLToPath(new URL("../../bin/qmimic.mjs", import.meta.url));

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  /** Looked at every few milliseconds; the process gets the signal as soon as it is true. */
  killWhen?: () => boolean;
  /** Default: SIGKILL. */
  signal?: NodeJS.Signals;
  /** Is given the process as soon as it runs. */
  started?: (child: ChildProcess) => void;
  /** A command that starts the process, with its arguments. */
  within?: readonly string[];
}

export function qmimic(
  args: readonly string[],
  { cwd, killWhen, signal = "SIGKILL", started, within = [] }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const [command, ...rest] = [...within, process.execPath, bin, ...args];
    const child = spawn(command, rest, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    started?.(child);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    let killed = false;
    const timer = setInterval(() => {
      if (killed || !killWhen?.()) return;
      killed = true;
      child.kill(signal);
    }, 3);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** All files below a folder, as relative paths, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort();
}
