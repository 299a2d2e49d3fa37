// The command line: one file per command. Bad input ends with a message and exit code 1, never with a stack
// trace.
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { Command, CommanderError } from "commander";
import { didYouMean, explain, InputError } from "../errors.js";
import { escapeControls, quoted } from "../text.js";
import { watchSignals } from "./interrupt.js";
import { complain, outputFailure, say, watchOutput } from "./output.js";

/** Only the requested command is loaded. */
const VERBS: Record<string, () => Promise<(program: Command) => void>> = {
  train: async () => (await import("./train.js")).addTrain,
  val: async () => (await import("./val.js")).addVal,
  evaluate: async () => (await import("./evaluate.js")).addEvaluate,
  predict: async () => (await import("./predict.js")).addPredict,
  prune: async () => (await import("./prune.js")).addPrune,
  export: async () => (await import("./export.js")).addExport,
  benchmark: async () => (await import("./benchmark.js")).addBenchmark,
  reproduce: async () => (await import("./reproduce.js")).addReproduce,
  data: async () => (await import("./data.js")).addData,
  doctor: async () => (await import("./doctor.js")).addDoctor,
  setup: async () => (await import("./setup.js")).addSetup,
};

/**
 * Commands that work without libtorch: predict, val and benchmark only with exported models. The others fail before
 * they start, with instructions for setting it up.
 */
const WITHOUT_LIBTORCH = ["predict", "val", "benchmark", "evaluate", "data", "doctor", "setup"];

/** Commands that produce files: they continue if nothing can be printed. */
const WRITERS = ["train", "predict"];

export async function main(argv: readonly string[]): Promise<void> {
  watchOutput();
  watchSignals();
  const asked = argv[2] ?? "";
  const program = new Command("qmimic")
    .description("Train object detectors of tens of kilobytes, and run them anywhere JavaScript runs.")
    .version(ownVersion(), "-V, --version", "print the version")
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => say(text.trimEnd()),
      writeErr: (text) => void process.stderr.write(escapeControls(text, "\n")),
    })
    .exitOverride()
    .hook("preAction", async () => {
      if (!WITHOUT_LIBTORCH.includes(asked)) (await import("../native/native.js")).requireAddons();
    });
  try {
    await addVerbs(program, asked);
    await program.parseAsync([...argv]);
  } catch (error) {
    const message = explain(error);
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else if (message === undefined) throw error;
    else {
      complain(message);
      process.exitCode = 1;
    }
  }
  // Stream errors arrive after the write.
  await turn();
  const failure = outputFailure();
  if (failure === undefined) return;
  complain(failure);
  if (!WRITERS.includes(asked)) process.exitCode = 1;
}

function ownVersion(): string {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}

async function addVerbs(program: Command, asked: string): Promise<void> {
  if (asked !== "" && asked !== "help" && !asked.startsWith("-") && !Object.hasOwn(VERBS, asked)) {
    const verbs = Object.keys(VERBS);
    throw new InputError(
      `unknown command ${quoted(asked)}. Commands: ${verbs.join(", ")}.${didYouMean(asked, verbs)}`,
    );
  }
  const loaders = Object.hasOwn(VERBS, asked) ? [VERBS[asked]] : Object.values(VERBS);
  for (const load of loaders) (await load())(program);
}
