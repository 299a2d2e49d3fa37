// Which processor or graphics card a verb runs on, and on how many threads.
import { availableParallelism } from "node:os";
import { configuration, setThreads } from "@qmimic/torch";
import { type Command, InvalidArgumentError } from "commander";
import { InputError } from "../errors.js";

export interface EngineFlags {
  threads: number | "auto";
  device: string;
}

export function engineOptions(command: Command): Command {
  return command
    .option("--threads <count>", "processor threads; auto: all cores", threadCount, "auto")
    .option("--device <name>", "cpu, cuda or cuda:N", "cpu");
}

/** Uses the processor threads that are asked for. @throws InputError for a device that is not there */
export function useEngine({ threads, device }: EngineFlags): void {
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) {
    throw new InputError(`device "${device}": expected cpu, cuda or cuda:N`);
  }
  if (device !== "cpu" && !configuration().cuda) {
    throw new InputError(`device "${device}": the libtorch in use has no CUDA. Say --device cpu`);
  }
  setThreads(threads === "auto" ? availableParallelism() : threads);
}

function threadCount(text: string): number | "auto" {
  if (text === "auto") return text;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("Expected a whole number of at least 1.");
  return Number(text);
}
