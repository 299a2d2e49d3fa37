// The C functions that a detector is made of: files beside the source of this package, of which those that are used are written
// one after the other.
import { readFileSync } from "node:fs";
import type { WeightFormat } from "../modelFile.js";

// From dist/export/c and from src/export/c alike.
const FOLDER = new URL("../../../src/export/c/library/", import.meta.url);

/** Files that exist once for each format. */
const BY_FORMAT = new Set([
  ...["map", "parameters", "conv", "groupedConv", "add", "normalised", "values", "linear"],
  ...["dsp", "writer", "lookUp", "round", "roundPow2", "exp"],
]);

/** The text of one file. */
export function libraryFile(name: string, format: WeightFormat): string {
  const folder = !BY_FORMAT.has(name) ? "" : format === "int8" ? "int8/" : "float/";
  return readFileSync(new URL(`${folder}${name}.c`, FOLDER), "utf8").trimEnd();
}
