// What the command line prints. Names of files and classes are anyone's: what a terminal would obey is escaped. A standard
// output that is closed (`qmimic ... | head`) has had enough: the verb finishes without printing, as its files may be wanted.
import { escapeControls } from "../text.js";

let failure: NodeJS.ErrnoException | null = null;

/** Once, before anything is printed: without it a closed or full output would end the process with a trace. */
export function watchOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    failure ??= error;
  });
  process.stderr.on("error", () => {});
}

const KEPT = "\n\t";

/** A line, or several, on standard output. */
export function say(text: string): void {
  writeOut(`${escapeControls(text, KEPT)}\n`);
}

/** A message on standard error. */
export function complain(text: string): void {
  process.stderr.write(`qmimic: ${escapeControls(text, KEPT)}\n`);
}

function writeOut(text: string): void {
  if (failure === null) process.stdout.write(text);
}

/** Writes a line that is written over by the next, on a terminal. */
export function writeOver(stream: NodeJS.WriteStream, line: string): void {
  const text = `\r\x1b[K${escapeControls(line)}`;
  if (stream === process.stdout) writeOut(text);
  else stream.write(text);
}

/** Why standard output took no more, other than that nobody reads it. */
export function outputFailure(): string | undefined {
  if (failure === null || failure.code === "EPIPE") return undefined;
  return `standard output cannot be written: ${failure.message}`;
}
