// The flag for another size of the input than a detector was trained with.
import type { Command } from "commander";
import { MAX_SIDE, MIN_SIDE } from "../models/index.js";
import { wholeNumber } from "./numbers.js";

export interface SideFlag {
  side?: number;
}

export const sideOption = (command: Command): Command =>
  command.option(
    "--side <pixels>",
    "longest side of the input, instead of that of its training",
    wholeNumber(MIN_SIDE, MAX_SIDE),
  );
