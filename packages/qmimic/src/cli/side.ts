// A detector at another size of the input than it was trained with.
import type { Command } from "commander";
import type { Detector } from "../models/index.js";
import { loadDetector } from "../train/weights.js";
import { wholeNumber } from "./numbers.js";

export interface SideFlag {
  side?: number;
}

/** Against slips of the hand: maps of larger inputs fit into few machines. */
const MOST = 8192;

export const sideOption = (command: Command): Command =>
  command.option(
    "--side <pixels>",
    "longest side of the input, instead of that of its training",
    wholeNumber(1, MOST),
  );

/** The detector of a weights file, for inputs of the side asked for. @throws InputError as loadDetector does */
export const loadForSide = (path: string, { device, side }: SideFlag & { device: string }): Detector =>
  loadDetector(path, device, side === undefined ? {} : { side });
