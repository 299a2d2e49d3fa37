// Printing. File and class names are untrusted: control characters are escaped. If standard output is closed
// (`qmimic ... | head`), the command finishes without printing, because its files may still be wanted.
import { escapeControls } from "../text.js";

let failure: NodeJS.ErrnoException | null = null;

/** Call once before printing: otherwise a closed or full output ends the process with a stack trace. */
export function watchOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    failure ??= error;
  });
  process.stderr.on("error", () => {});
}

const KEPT = "\n\t";

/** Prints one or more lines to standard output. */
export function say(text: string): void {
  writeOut(`${escapeControls(text, KEPT)}\n`);
}

/** Prints a message to standard error. */
export function complain(text: string): void {
  process.stderr.write(`qmimic: ${escapeControls(text, KEPT)}\n`);
}

function writeOut(text: string): void {
  if (failure === null) process.stdout.write(text);
}

/** On a terminal: writes a line that the next call overwrites. */
export function writeOver(stream: NodeJS.WriteStream, line: string): void {
  const text = `\r\x1b[K${escapeControls(line)}`;
  if (stream === process.stdout) writeOut(text);
  else stream.write(text);
}

/** Why writing to standard output failed, other than that it was closed. */
export function outputFailure(): string | undefined {
  if (failure === null || failure.code === "EPIPE") return undefined;
  return `cannot write to standard output: ${failure.message}`;
}
