// "images checked 12/400" on one line of a terminal; silent elsewhere.
import { writeOver } from "./output.js";

export interface Counter {
  update(done: number, total: number): void;
  /** Clears the line. */
  end(): void;
}

export function createCounter(what: string): Counter {
  const live = process.stderr.isTTY === true;
  let shown = 0;
  return {
    update(done, total) {
      const now = performance.now();
      if (!live || (now - shown < 100 && done < total)) return;
      shown = now;
      writeOver(process.stderr, `${what} ${done}/${total}`);
    },
    end() {
      if (live) writeOver(process.stderr, "");
    },
  };
}
