// Ctrl-C (SIGINT) and SIGTERM: the process ends between two steps, and says what is left and how to resume.
//
// A handler in JavaScript runs when native code has returned and nothing else is under way on this thread: the step is
// finished, and no file is half-written, for weights are written in one go.
import { removeUnfinished } from "../files.js";
import { complain, writeOver } from "./output.js";

/** Exit codes, as shells count signals. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

let advice = (): string => "";

/** What is said when the verb is interrupted from here on. */
export function whenInterrupted(say: () => string): void {
  advice = say;
}

/** Ends the process at the first signal as above. */
export function watchSignals(): void {
  // A write beyond the limit for files (ulimit -f) is an error with a message, not a signal that ends the process.
  process.on("SIGXFSZ", () => {});
  for (const [signal, code] of Object.entries(SIGNALS) as [NodeJS.Signals, number][]) {
    process.once(signal, () => {
      removeUnfinished();
      if (process.stderr.isTTY) writeOver(process.stderr, "");
      const text = advice();
      complain(`interrupted (${signal})${text === "" ? "" : `: ${text}`}`);
      process.exit(code);
    });
  }
}
