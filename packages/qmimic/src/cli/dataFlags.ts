// Flags of the commands that read labelled images without a recipe.
import { type Command, Option } from "commander";
import { type DataFolder, notesOf, openData } from "../data/dataset.js";
import { FORMATS, type Format } from "../data/readers/types.js";
import { complain } from "./output.js";

export interface DataFlags {
  format: Format | "auto";
  skipBad?: boolean;
}

export const formatOption = (): Option =>
  new Option("--format <name>", "label format; auto: detect it")
    .choices(["auto", ...FORMATS])
    .default("auto");

export function dataFlags(command: Command): Command {
  return command
    .addOption(formatOption())
    .option("--skip-bad", "clip boxes and skip labels and images with a problem; reports how many");
}

export const openFrom = (root: string, { format }: DataFlags): Promise<DataFolder> =>
  openData(root, { format });

/** Prints notes on the data to stderr: stdout is for results only. */
export async function printNotes(folder: DataFolder): Promise<void> {
  for (const note of await notesOf(folder)) complain(note);
}
