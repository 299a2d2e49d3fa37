// The flag for another size of the input than a detector was trained with.
import { MAX_SIDE } from "@qmimic/runtime";
import type { Command } from "commander";
import { wholeNumber } from "./numbers.js";

export interface SideFlag {
  side?: number;
}

export const sideOption = (command: Command): Command =>
  command.option(
    "--side <pixels>",
    "longest side of the input, instead of that of its training",
    wholeNumber(1, MAX_SIDE),
  );
