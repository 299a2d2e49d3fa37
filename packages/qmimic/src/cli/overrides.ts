// Flags that override what a detector was trained with: its input size, its detection limit.
import type { Command } from "commander";
import { MAX_REGIONS, MAX_SIDE, MIN_SIDE } from "../models/index.js";
import { wholeNumber } from "./numbers.js";

export interface SideFlag {
  side?: number;
}

export interface LimitFlag {
  boxDetections?: number;
}

export const limitOption = (command: Command): Command =>
  command.option(
    "--box-detections <count>",
    "maximum detections per image, instead of the trained value",
    wholeNumber(1, MAX_REGIONS),
  );

export const sideOption = (command: Command): Command =>
  command.option(
    "--side <pixels>",
    "longest side of the input, instead of the trained value",
    wholeNumber(MIN_SIDE, MAX_SIDE),
  );
