// The command line: one file a verb. Bad input ends with its message and exit code 1, never with a stack trace.
import { Command, CommanderError } from "commander";
import { InputError } from "../errors.js";
import { addTrain } from "./train.js";

/** Codes of the file system that are the user's to mend: full disk, no permission, missing folder. */
const SYSTEM_CODES = new Set(["ENOSPC", "EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EDQUOT"]);

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("qmimic")
    .description("Train object detectors of tens of kilobytes, and run them anywhere JavaScript runs.")
    .showSuggestionAfterError()
    .exitOverride();
  addTrain(program);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
    } else if (error instanceof InputError || SYSTEM_CODES.has((error as NodeJS.ErrnoException).code ?? "")) {
      console.error(`qmimic: ${(error as Error).message}`);
      process.exitCode = 1;
    } else {
      throw error;
    }
  }
}
