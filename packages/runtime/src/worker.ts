// A detector in a worker, so that the page stays responsive.
import type { Detection, DetectOptions, Detector } from "./detector.js";
import { checkLoadOptions, type LoadOptions, type ModelSource, readBytes } from "./load.js";
import { ModelError } from "./model/errors.js";
import type { RawPicture } from "./picture/pixels.js";
import { isRaw, PictureError, type PictureSource, readPixels, requirePixels } from "./picture/source.js";
import type { Answer, ModelSettings, Question } from "./workerMain.js";

/** The errors that keep their class on the way from the worker; others become an Error with their name. */
const ERRORS: Record<string, new (message: string) => Error> = {
  ModelError,
  PictureError,
  RangeError,
  TypeError,
};

function toError({ name, message }: NonNullable<Answer["error"]>): Error {
  const Known = Object.hasOwn(ERRORS, name) ? ERRORS[name] : undefined;
  return Known ? new Known(message) : Object.assign(new Error(message), { name });
}

/** Posting a view copies all of its buffer, for instance of another WebAssembly module's memory. */
const tight = <A extends Uint8Array | Uint8ClampedArray>(data: A): A =>
  data.byteLength < data.buffer.byteLength ? (data.slice() as A) : data;

const withoutBuffer = (picture: RawPicture): RawPicture => ({ ...picture, data: tight(picture.data) });

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** Like Detector, but asynchronous. Close it when it is no longer needed. */
export class WorkerDetector {
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  /** Why there will be no more answers. */
  private failure: Error | undefined;
  /** The class names, used as labels of detections. */
  classes: readonly string[] = [];
  /** The minimum score per class, 0..1. */
  thresholds: readonly number[] = [];
  /** Longest side of a picture in the network's input, in pixels. */
  side = 0;
  /** The default maximum number of detections per picture. */
  maxDetections = 0;
  /** What runs the network. */
  backend: Detector["backend"] = "wasm";

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = this.waiting.get(data.id);
      // Already rejected, because the worker failed in the meantime.
      if (waiting === undefined) return;
      this.waiting.delete(data.id);
      if (data.error === undefined) waiting.resolve(data.result as never);
      else waiting.reject(toError(data.error));
    };
    worker.onerror = ({ message }) =>
      this.fail(new Error(`the detector's worker failed: ${message || "its script could not be loaded"}`));
  }

  /**
   * Starts a worker, downloads a model file and loads it there.
   * @param source bytes are copied, so still usable afterwards
   * @param worker a worker running workerMain.js, if a bundler or page has to create it
   * @throws like Detector.load
   */
  static async load(
    source: ModelSource,
    options: LoadOptions = {},
    worker: Worker = new Worker(new URL("./workerMain.js", import.meta.url), { type: "module" }),
  ): Promise<WorkerDetector> {
    const detector = new WorkerDetector(worker);
    try {
      const settings = checkLoadOptions(options);
      const load = tight(await readBytes(source, options));
      // What was downloaded here is not needed here any more; the caller's bytes are.
      const downloaded = ArrayBuffer.isView(source) || source instanceof ArrayBuffer ? [] : [load.buffer];
      Object.assign(detector, await detector.ask<ModelSettings>({ load, settings }, downloaded));
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return detector;
  }

  /** @throws like Detector.detect */
  async detect(picture: PictureSource, options: DetectOptions = {}): Promise<Detection[]> {
    if (this.failure) throw this.failure;
    const { width, height } = requirePixels(picture);
    const bitmap =
      isRaw(picture) || typeof createImageBitmap === "undefined"
        ? undefined
        : await createImageBitmap(picture as unknown as ImageBitmapSource).catch(() => undefined);
    try {
      // The bitmap of an image with srcset has the pixels of its file, which may not be those of the image.
      if (bitmap?.width === width && bitmap.height === height)
        return await this.ask({ detect: bitmap, options }, [bitmap]);
    } catch (error) {
      if ((error as Error).name !== "DataCloneError") throw error;
    } finally {
      // It is still here if it was not posted, because the worker failed in the meantime.
      bitmap?.close();
    }
    // Like Detector, which reads some pictures that are no bitmaps, or says why they cannot be read.
    return this.ask({ detect: withoutBuffer(readPixels(picture)), options });
  }

  /** Ends the worker; pending and later calls reject. */
  close(): void {
    this.worker.terminate();
    this.fail(new Error("the detector was closed"));
  }

  private fail(error: Error): void {
    this.failure = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private async ask<T>(question: WithoutId<Question>, transfer: Transferable[] = []): Promise<T> {
    if (this.failure) throw this.failure;
    const id = this.next++;
    // Throws if the question cannot be copied to the worker; then there is nothing to wait for.
    this.worker.postMessage({ id, ...question }, transfer);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
  }
}
