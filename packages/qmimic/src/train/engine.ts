// Which processor or graphics card is used, on how many threads, and how wide layers multiply in training.
import { availableParallelism } from "node:os";
import { configuration, type Precision, setPrecision, setThreads } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { quoted } from "../text.js";

export interface Engine {
  threads: number | "auto";
  device: string;
  /** Of training. */
  precision?: Precision;
}

/**
 * Uses the processor threads and the precision that are asked for.
 * @throws InputError for a device that is not there, or a precision that it lacks
 */
export function useEngine({ threads, device, precision = "float32" }: Engine): void {
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) {
    throw new InputError(`device ${quoted(device)}: expected cpu, cuda or cuda:N`);
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
