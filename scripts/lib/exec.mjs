// Running commands and timing steps for the set-up script. Plain Node: it runs before anything is installed.
import { execFile } from "node:child_process";

/** Runs a command; resolves to its output, rejects with the command line and all it printed. */
export function exec(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 28, ...options }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason = error.code === "ENOENT" ? `${command}: not found` : `${stdout}${stderr}`.trim();
      reject(new Failure(`$ ${[command, ...args].join(" ")}\n${reason || error.message}`));
    });
  });
}

/** Like exec, but null where the command is missing or fails. */
export const tryExec = (command, args, options) => exec(command, args, options).catch(() => null);

/** An error whose text is all the user needs: printed without a stack. */
export class Failure extends Error {}

/** Runs one step and prints its name, what it says it did, and how long it took. */
export async function step(name, body) {
  const start = performance.now();
  process.stdout.write(`${name.padEnd(10)} `);
  const note = (text) => process.stdout.write(`${text}\n${" ".repeat(11)}`);
  try {
    const done = await body(note);
    process.stdout.write(`${done.text} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
    return done.value;
  } catch (error) {
    process.stdout.write(`FAILED (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
    throw error;
  }
}
