// Which processor or graphics card a verb runs on, and on how many threads.
import { availableParallelism } from "node:os";
import { configuration, type Precision, setPrecision, setThreads } from "@qmimic/torch";
import { type Command, Option } from "commander";
import { InputError } from "../errors.js";
import { wholeNumber } from "./numbers.js";

export interface EngineFlags {
  threads: number | "auto";
  device: string;
  /** Of training. */
  precision?: Precision;
}

export function engineOptions(command: Command): Command {
  return command
    .option("--threads <count>", "processor threads; auto: all cores", threadCount, "auto")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu");
}

export const precisionOption = (): Option =>
  new Option("--precision <name>", "numbers that convolutions of 32 and more channels multiply in training")
    .choices(["float32", "bfloat16"])
    .default("float32");

/**
 * Uses the processor threads and the precision that are asked for.
 * @throws InputError for a device that is not there, or a precision that it lacks
 */
export function useEngine({ threads, device, precision = "float32" }: EngineFlags): void {
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) {
    throw new InputError(`device "${device}": expected cpu, cuda or cuda:N`);
  }
  if (device !== "cpu" && !configuration().cuda) {
    throw new InputError(`device "${device}": the libtorch in use has no CUDA. Say --device cpu`);
  }
  if (precision === "bfloat16" && device === "cpu" && !configuration().bfloat16) {
    throw new InputError(
      "precision bfloat16: this processor does not multiply such numbers, which would be slower. Say --precision float32",
    );
  }
  setPrecision(precision);
  setThreads(threads === "auto" ? availableParallelism() : threads);
}

/** More are a slip of the hand. */
const MOST_THREADS = 9999;

const threadCount = (text: string): number | "auto" =>
  text === "auto" ? text : wholeNumber(1, MOST_THREADS)(text);
