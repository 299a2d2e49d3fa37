// The command line: one file a verb. Bad input ends with its message and exit code 1, never with a stack trace.
import { Command, CommanderError } from "commander";
import { didYouMean, InputError } from "../errors.js";
import { quoted } from "../text.js";

/** Codes of the file system that are the user's to mend: full disk, no permission, missing folder, a file in its place. */
const SYSTEM_CODES = new Set([
  ...["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS"],
  ...["ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG", "ELOOP"],
]);

/** Only the verb that is asked for is loaded: `data`, `evaluate` and `doctor` work where libtorch does not. */
const VERBS: Record<string, () => Promise<(program: Command) => void>> = {
  train: async () => (await import("./train.js")).addTrain,
  val: async () => (await import("./val.js")).addVal,
  evaluate: async () => (await import("./evaluate.js")).addEvaluate,
  predict: async () => (await import("./predict.js")).addPredict,
  benchmark: async () => (await import("./benchmark.js")).addBenchmark,
  data: async () => (await import("./data.js")).addData,
  doctor: async () => (await import("./doctor.js")).addDoctor,
};

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("qmimic")
    .description("Train object detectors of tens of kilobytes, and run them anywhere JavaScript runs.")
    .showSuggestionAfterError()
    .exitOverride();
  try {
    await addVerbs(program, argv[2] ?? "");
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

async function addVerbs(program: Command, asked: string): Promise<void> {
  if (asked !== "" && asked !== "help" && !asked.startsWith("-") && !Object.hasOwn(VERBS, asked)) {
    const verbs = Object.keys(VERBS);
    throw new InputError(
      `unknown command ${quoted(asked)}; there are ${verbs.join(", ")}.${didYouMean(asked, verbs)}`,
    );
  }
  const loaders = Object.hasOwn(VERBS, asked) ? [VERBS[asked]] : Object.values(VERBS);
  for (const load of loaders) {
    const add = await load().catch((error: Error) => {
      // A verb that cannot be loaded lacks the addon or libtorch; the message says what to do.
      throw new InputError(error.message);
    });
    add(program);
  }
}
