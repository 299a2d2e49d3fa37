// The files written by qmimic export, per format.
import { parseModel, type Size, stemOf } from "@qmimic/runtime";
import type { RawImage } from "../data/images.js";
import { inFile } from "../errors.js";
import { cFiles } from "../export/c/cFiles.js";
import type { WeightFormat } from "../export/modelFile.js";
import { onnxFile } from "../export/onnx/onnxFile.js";
import { htmlPage } from "../export/page/htmlPage.js";
import type { Detector } from "../models/index.js";
import { kibibytes } from "../report/summary.js";

export const FORMATS = ["safetensors", "int8", "onnx", "c", "c-int8", "html", "html-int8"] as const;
export type Format = (typeof FORMATS)[number];

/** Weight precision of each format. */
export const WEIGHTS: Record<Format, WeightFormat> = {
  ...{ safetensors: "float32", onnx: "float32", c: "float32", html: "float32" },
  ...{ int8: "int8", "c-int8": "int8", "html-int8": "int8" },
};

/** Prefix of C's files and functions. */
export const C_NAMES = { c: "detector", "c-int8": "detector_int8" } as const;
export const isC = (format: Format): format is keyof typeof C_NAMES => format in C_NAMES;

export interface Made {
  /** Contents by file name. */
  files: Record<string, string | Uint8Array>;
  /** Further information. */
  note?: string;
}

/** A trained detector, and each class's score threshold. */
export interface Source {
  detector: Detector;
  thresholds: readonly (number | null)[] | undefined;
}

export interface MakeOptions {
  /** By weight precision: the fine-tuned detector may be used for rounded weights. */
  sources: Record<WeightFormat, Source>;
  /** The model file with these weights. */
  model(weights: WeightFormat): Uint8Array;
  /** Of C. */
  input: Size;
  /** Images to calibrate int8 with. */
  calibration: readonly RawImage[];
}

export function makeFormat(format: Format, { sources, model, input, calibration }: MakeOptions): Made {
  const weights = WEIGHTS[format];
  const { detector, thresholds } = sources[weights];
  const { classes } = detector.config;
  const suffix = weights === "int8" ? ".int8" : "";
  switch (format) {
    case "safetensors":
    case "int8":
      return withNote(`detector${suffix}.safetensors`, model(weights));
    case "html":
    case "html-int8": {
      const title =
        classes.length > 5 ? `Detector of ${classes.length} classes` : `Detector: ${classes.join(", ")}`;
      const file = model(weights);
      return withNote(`detector${suffix}.html`, file, htmlPage(file, title));
    }
    case "onnx":
      return { files: { "detector.onnx": onnxFile(detector, thresholds) } };
    case "c":
    case "c-int8": {
      const options = { name: C_NAMES[format], ...input, format: weights, calibration };
      try {
        const { files, arenaBytes, constantBytes } = cFiles(detector, thresholds, options);
        const note = `input ${input.width} x ${input.height} px, RAM ${kibibytes(arenaBytes)}, flash ${kibibytes(constantBytes)} plus code`;
        return { files, note };
      } catch (error) {
        throw inFile(format, error);
      }
    }
  }
}

/** With a note on rounded maps. */
function withNote(name: string, model: Uint8Array, content: string | Uint8Array = model): Made {
  const layers = stemOf(parseModel(model))?.layers.length ?? 0;
  const what =
    layers === 1 ? "the first convolution's map is" : `maps of the first ${layers} convolutions are`;
  const note = `${what} rounded to 7 bits, which is faster`;
  return { files: { [name]: content }, ...(layers > 0 ? { note } : {}) };
}
