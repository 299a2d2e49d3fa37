// Runs an .onnx file from onnxFile in ONNX Runtime, if installed: it is not a dependency.
import { type Detections, drawPicture, placePicture } from "@qmimic/runtime";
import type { InferenceSession, TensorConstructor } from "onnxruntime-common";
import { z } from "zod";
import type { RawImage } from "../../data/images.js";
import { InputError, reasonOf } from "../../errors.js";
import { readOnnxMetadata } from "./metadata.js";

export interface OnnxDetector {
  classes: readonly string[];
  thresholds: readonly number[];
  /** Longest side of images in training, in pixels. */
  side: number;
  /** Detections in pixels of the image's file, with the input scaled to a longest side of `side` pixels. */
  detect(image: RawImage, side: number): Promise<Detections>;
  release(): Promise<void>;
}

/** The used part of either package. */
interface OnnxRuntime {
  InferenceSession: { create(bytes: Uint8Array): Promise<InferenceSession> };
  Tensor: TensorConstructor;
  env: { wasm: { numThreads?: number } };
}

const json = z.string().transform((text) => JSON.parse(text) as unknown);
const metadataSchema = z.object({
  classes: json.pipe(z.array(z.string()).min(1)),
  thresholds: json.pipe(z.array(z.number().min(0).max(1))),
  side: z.coerce.number().int().positive(),
});

/**
 * @param file name for errors
 * @throws InputError if it is not an .onnx file from qmimic, or ONNX Runtime is not installed or cannot be loaded
 */
export async function openOnnx(bytes: Uint8Array, file: string): Promise<OnnxDetector> {
  let metadata: z.infer<typeof metadataSchema>;
  try {
    metadata = metadataSchema.parse(readOnnxMetadata(bytes));
  } catch (error) {
    throw new InputError(`${file}: not an ONNX file from qmimic export, or damaged: ${reasonOf(error)}`);
  }
  const { InferenceSession, Tensor } = await findRuntime(file);
  const session = await InferenceSession.create(bytes).catch((error: unknown) => {
    throw new InputError(`${file}: ONNX Runtime cannot load it: ${textOf(error)}`);
  });
  return {
    ...metadata,
    async detect(image, side) {
      const { scale, size } = placePicture(image, side, 1);
      const planes = new Float32Array(3 * size.width * size.height);
      drawPicture({ ...image, channels: 3 }, { scale, size, canvas: size }, { side, ...AS_THEY_ARE }, planes);
      const input = new Tensor("float32", planes, [1, 3, size.height, size.width]);
      const { boxes, scores, labels } = await session.run({ image: input }).catch((error: unknown) => {
        throw new InputError(
          `${file}: ONNX Runtime cannot run it on ${size.width} x ${size.height} pixels: ${textOf(error)}. A smaller side needs less memory.`,
        );
      });
      const perPixel = [
        image.originalWidth / image.width / scale,
        image.originalHeight / image.height / scale,
      ];
      const largest = [image.originalWidth, image.originalHeight];
      return {
        boxes: (boxes.data as Float32Array).map((x, k) => Math.min(largest[k % 2], x * perPixel[k % 2])),
        scores: scores.data as Float32Array,
        labels: Int32Array.from(labels.data as BigInt64Array, Number),
      };
    },
    release: () => session.release(),
  };
}

/** WebAssembly throws C++ exceptions as numbers. */
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The file's input range is 0..255. */
const AS_THEY_ARE = { levels: 0, grid: 1, mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };

async function findRuntime(file: string): Promise<OnnxRuntime> {
  for (const name of ["onnxruntime-node", "onnxruntime-web"]) {
    const found = await importInstalled(name, file);
    if (found === undefined) continue;
    if (name === "onnxruntime-web") found.env.wasm.numThreads = 1;
    return found;
  }
  throw new InputError(`${file}: ONNX Runtime is not installed; run npm install onnxruntime-node`);
}

/** @returns undefined if there is no such package */
async function importInstalled(name: string, file: string): Promise<OnnxRuntime | undefined> {
  try {
    return (await import(name)) as OnnxRuntime;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A package that is installed may lack one of its own dependencies: then the message quotes that one.
    if (code === "ERR_MODULE_NOT_FOUND" && message.includes(`'${name}'`)) return undefined;
    throw new InputError(`${file}: cannot load ${name}: ${reasonOf(error)}`);
  }
}
