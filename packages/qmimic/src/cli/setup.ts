// qmimic setup: finds or installs a compiler, libtorch and OpenBLAS, and compiles the addons that call libtorch.
// Installing the package does none of this.
import { SetupError, setUp, TORCH_ADDON } from "@qmimic/torch/setup";
import type { Command } from "commander";
import { InputError } from "../errors.js";
import { QMIMIC_ADDON } from "../native/addon.js";

export function addSetup(program: Command): void {
  program
    .command("setup")
    .description(
      "find libtorch and compile the native addons, once; required for training and for running trained weights. " +
        "LIBTORCH=DIR or LIBTORCH_USE_PYTORCH=1 select a libtorch, CXX a compiler, QMIMIC_CACHE the output folder",
    )
    .option(
      "--yes",
      "install a missing compiler or libtorch with sudo apt-get; root does so by default",
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
