// Runs commands, and times the steps of the setup.
import { type ExecFileOptions, execFile } from "node:child_process";

export const isMac = process.platform === "darwin";

/** A failed setup; the message says everything the user needs to know, without a stack trace. */
export class SetupError extends Error {
  override name = "SetupError";
}

/**
 * Runs a command.
 * @returns its standard output
 * @throws SetupError with the command line and everything it printed
 */
export function exec(
  command: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = { ...options, maxBuffer: 1 << 28, encoding: "utf8" } as const;
    execFile(command, args, all, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason = error.code === "ENOENT" ? `${command}: not found` : `${stdout}${stderr}`.trim();
      reject(new SetupError(`$ ${[command, ...args].join(" ")}\n${reason || error.message}`));
    });
  });
}

/** Like exec, but null where the command is missing or fails. */
export const tryExec = (command: string, args: readonly string[]): Promise<string | null> =>
  exec(command, args).catch(() => null);

/** Prints a line below the current step. */
export type Note = (text: string) => void;

/** Runs one step and prints its name, the text it returns, and how long it took. */
export async function step<T>(
  name: string,
  body: (note: Note) => Promise<{ value: T; text: string }>,
): Promise<T> {
  const start = performance.now();
  const took = () => `(${((performance.now() - start) / 1000).toFixed(1)} s)\n`;
  process.stdout.write(`${name.padEnd(10)} `);
  const note = (text: string) => process.stdout.write(`${text}\n${" ".repeat(11)}`);
  try {
    const { value, text } = await body(note);
    process.stdout.write(`${text} ${took()}`);
    return value;
  } catch (error) {
    process.stdout.write(`FAILED ${took()}`);
    throw error;
  }
}
