// Ctrl-C (SIGINT) and SIGTERM: the process ends between two steps, and prints what was kept and how to resume.
// A JavaScript handler runs only after native code has returned and this thread is idle: the step is finished,
// and no file is half-written, because weights are written in one go.
import { removeUnfinished } from "../files.js";
import { complain, writeOver } from "./output.js";

/** Exit codes: 128 + the signal's number, as in shells. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

let advice = (): string => "";

/** Sets the message for interrupts from here on. */
export function whenInterrupted(say: () => string): void {
  advice = say;
}

/** Ends the process on the first signal. */
export function watchSignals(): void {
  // Exceeding the file size limit (ulimit -f) becomes an error with a message, not a signal that ends the
  // process.
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
