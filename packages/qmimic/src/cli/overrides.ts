// Flags that change what a detector was trained with: the size of its input, its limit of detections.
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
    "most detections of an image, instead of that of its training",
    wholeNumber(1, MAX_REGIONS),
  );

export const sideOption = (command: Command): Command =>
  command.option(
    "--side <pixels>",
    "longest side of the input, instead of that of its training",
    wholeNumber(MIN_SIDE, MAX_SIDE),
  );
