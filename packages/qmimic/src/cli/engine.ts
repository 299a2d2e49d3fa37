// Flags for the processor or graphics card that a verb runs on, and its threads.
import { type Command, Option } from "commander";
import { MAX_THREADS } from "../models/index.js";
import type { Engine } from "../train/engine.js";
import { wholeNumber } from "./numbers.js";

/** Of a verb. */
export type EngineFlags = Engine;

export function engineOptions(command: Command): Command {
  return command
    .option("--threads <count>", "processor threads; auto: all cores", threadCount, "auto")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu");
}

export const precisionOption = (): Option =>
  new Option("--precision <name>", "numbers that convolutions of 32 and more channels multiply in training")
    .choices(["float32", "bfloat16"])
    .default("float32");

const threadCount = (text: string): number | "auto" =>
  text === "auto" ? text : wholeNumber(1, MAX_THREADS)(text);
