// Sets the device (CPU or GPU), threads and training precision.
import { availableParallelism } from "node:os";
import { configuration, type Precision, setPrecision, setThreads, zeros } from "@qmimic/torch";
import { InputError } from "../errors.js";
import { MAX_THREADS } from "../models/index.js";
import { quoted } from "../text.js";

export interface Engine {
  threads: number | "auto";
  device: string;
  /** Precision of training. */
  precision?: Precision;
}

/** A number of threads; for "auto" OMP_NUM_THREADS, as for every program with OpenMP, otherwise one per core. */
export function threadsOf(setting: number | "auto"): number {
  if (setting !== "auto") return setting;
  const wanted = Number.parseInt(process.env.OMP_NUM_THREADS ?? "", 10);
  return wanted >= 1 && wanted <= MAX_THREADS ? wanted : availableParallelism();
}

/**
 * Applies threads and precision.
 * @throws InputError if the device is unavailable, or does not support the precision
 */
export function useEngine({ threads, device, precision = "float32" }: Engine): void {
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) {
    throw new InputError(`device ${quoted(device)}: expected cpu, cuda or cuda:N`);
  }
  if (device !== "cpu") requireDevice(device);
  if (precision === "bfloat16" && device === "cpu" && !configuration().bfloat16) {
    throw new InputError(
      "precision bfloat16: this CPU has no bfloat16 instructions, so it would be slower. Use --precision float32",
    );
  }
  setPrecision(precision);
  setThreads(threadsOf(threads));
}

/** @throws InputError if nothing can be stored there: libtorch has no CUDA, or there is no such GPU, or no driver */
function requireDevice(device: string): void {
  if (!configuration().cuda)
    throw new InputError(`device "${device}": this libtorch has no CUDA support. Use --device cpu`);
  try {
    zeros([1], "float32", device).dispose();
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new InputError(`device "${device}" cannot be used: ${reason}. Use --device cpu, or another number`);
  }
}
