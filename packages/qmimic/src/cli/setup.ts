// qmimic setup: a compiler, libtorch, OpenBLAS, and the addons that call libtorch. Installing the package does none of it.
import { SetupError, setUp, TORCH_ADDON } from "@qmimic/torch/setup";
import type { Command } from "commander";
import { InputError } from "../errors.js";
import { QMIMIC_ADDON } from "../native/addon.js";

export function addSetup(program: Command): void {
  program
    .command("setup")
    .description(
      "find libtorch and compile what calls it, once; what trains, or runs trained weights, needs it. LIBTORCH=DIR or " +
        "LIBTORCH_USE_PYTORCH=1 choose a libtorch, CXX a compiler, QMIMIC_CACHE where the result is kept",
    )
    .option(
      "--yes",
      "where a compiler or libtorch is missing, install it with sudo apt-get; root does so unasked",
      false,
    )
    .action(setup);
}

async function setup({ yes }: { yes: boolean }): Promise<void> {
  try {
    await setUp([TORCH_ADDON, QMIMIC_ADDON], { command: "npx qmimic setup", yes });
  } catch (error) {
    if (error instanceof SetupError) throw new InputError(error.message);
    throw error;
  }
}
