// A detector at another size of the input than it was trained with.
import type { Command } from "commander";
import { type Detector, MAX_SIDE, MIN_SIDE } from "../models/index.js";
import { loadDetector } from "../train/weights.js";
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

/** The detector of a weights file, for inputs of the side asked for. @throws InputError as loadDetector does */
export const loadForSide = (path: string, { device, side }: SideFlag & { device: string }): Detector =>
  loadDetector(path, device, side === undefined ? {} : { side });
