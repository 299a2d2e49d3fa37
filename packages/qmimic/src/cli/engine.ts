// Flags for the device (CPU or GPU) and the number of threads.
import type { Command } from "commander";
import { MAX_THREADS } from "../models/index.js";
import type { Engine } from "../train/engine.js";
import { wholeNumber } from "./numbers.js";

/** Adds the flags to a command. */
export type EngineFlags = Engine;

export function engineOptions(command: Command): Command {
  return threadsOption(command).option("--device <name>", "cpu, cuda or cuda:N", "cpu");
}

export const threadsOption = (command: Command): Command =>
  command.option(
    "--threads <count>",
    "CPU threads; auto: OMP_NUM_THREADS, or all cores",
    threadCount,
    "auto",
  );

const threadCount = (text: string): number | "auto" =>
  text === "auto" ? text : wholeNumber(1, MAX_THREADS)(text);
