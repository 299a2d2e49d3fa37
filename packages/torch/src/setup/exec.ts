// Running commands, and timing the steps of a set-up.
import { type ExecFileOptions, execFile } from "node:child_process";

/** A set-up that did not work; the message is all that a person needs. */
export class SetupError extends Error {
  override name = "SetupError";
}

/**
 * Runs a command.
 * @returns what it wrote to standard output
 * @throws SetupError with the command line and all that it printed
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

/** Prints a line below the step that is under way. */
export type Note = (text: string) => void;

/** Runs one step and prints its name, what it says it did, and how long it took. */
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
