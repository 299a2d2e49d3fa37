// The script run by the worker of worker.ts: loads a detector, then answers requests one after another.
import { type DetectOptions, Detector } from "./detector.js";
import type { LoadOptions } from "./load.js";
import { hasSimd, startCompiling } from "./network/kernels.js";
import type { PictureSource } from "./picture/source.js";

export type Question =
  | { id: number; load: Uint8Array; settings: Pick<LoadOptions, "backend" | "side"> }
  | { id: number; detect: PictureSource; options: DetectOptions };

/** What a loaded detector tells of its model. */
export type ModelSettings = Pick<Detector, "classes" | "thresholds" | "side" | "maxDetections" | "backend">;

export interface Answer {
  id: number;
  /** The model's settings, or detections. */
  result?: unknown;
  error?: { name: string; message: string };
}

let detector: Detector | undefined;
// While the page downloads the model.
if (hasSimd()) startCompiling();

async function answer(question: Question): Promise<unknown> {
  if ("load" in question) {
    detector = await Detector.load(question.load, question.settings);
    const { classes, thresholds, side, maxDetections, backend } = detector;
    return { classes, thresholds, side, maxDetections, backend } satisfies ModelSettings;
  }
  const { detect, options } = question;
  try {
    return detector!.detect(detect, options);
  } finally {
    if ("close" in detect) (detect as ImageBitmap).close();
  }
}

globalThis.onmessage = async ({ data }: MessageEvent<Question>) => {
  const { id } = data;
  try {
    globalThis.postMessage({ id, result: await answer(data) } satisfies Answer);
  } catch (error) {
    const { name, message } = error as Error;
    globalThis.postMessage({ id, error: { name, message } } satisfies Answer);
  }
};
