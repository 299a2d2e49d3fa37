// Flags of the verbs that read labelled photographs without a recipe.
import { type Command, Option } from "commander";
import { type DataFolder, notesOf, openData } from "../data/dataset.js";
import { FORMATS, type Format } from "../data/readers/types.js";
import { complain } from "./output.js";

export interface DataFlags {
  format: Format | "auto";
  skipBad?: boolean;
}

export const formatOption = (): Option =>
  new Option("--format <name>", "format of the labels; auto: found by looking")
    .choices(["auto", ...FORMATS])
    .default("auto");

export function dataFlags(command: Command): Command {
  return command
    .addOption(formatOption())
    .option("--skip-bad", "clip boxes and leave out labels and images with a problem; they are counted");
}

export const openFrom = (root: string, { format }: DataFlags): Promise<DataFolder> =>
  openData(root, { format });

/** What is worth knowing of the data, on the error output: results alone go to the other. */
export async function printNotes(folder: DataFolder): Promise<void> {
  for (const note of await notesOf(folder)) complain(note);
}
