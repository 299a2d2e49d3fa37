// A detector in a worker, so that the page stays responsive.
import type { Detection, DetectOptions } from "./detector.js";
import type { LoadOptions } from "./load.js";
import { type PictureSource, readPixels } from "./picture/source.js";
import type { Answer, Question } from "./workerMain.js";

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** Like Detector, but asynchronous. Close it when it is no longer needed. */
export class WorkerDetector {
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  /** The class names, used as labels of detections. */
  classes: readonly string[] = [];

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const { resolve, reject } = this.waiting.get(data.id)!;
      this.waiting.delete(data.id);
      if (data.error === undefined) resolve(data.result as never);
      else reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    };
    worker.onerror = (event) => {
      const error = new Error(
        `the detector's worker failed: ${event.message || "its script could not be loaded"}`,
      );
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
  }

  /**
   * Starts a worker and loads a model file in it.
   * @param source a URL, or bytes (copied, so still usable afterwards)
   * @param worker a worker running workerMain.js, if a bundler or page has to create it
   * @throws like Detector.load
   */
  static async load(
    source: string | URL | Uint8Array | ArrayBuffer,
    { backend }: Pick<LoadOptions, "backend"> = {},
    worker: Worker = new Worker(new URL("./workerMain.js", import.meta.url), { type: "module" }),
  ): Promise<WorkerDetector> {
    const detector = new WorkerDetector(worker);
    // URLs are relative to this page, not to the worker's script.
    const model =
      typeof source === "string" || source instanceof URL
        ? new URL(source, globalThis.document?.baseURI ?? import.meta.url).href
        : source;
    try {
      const question = { load: model, ...(backend ? { backend } : {}) };
      detector.classes = await detector.ask<string[]>(question);
    } catch (error) {
      worker.terminate();
      throw error;
    }
    return detector;
  }

  /** @throws like Detector.detect */
  async detect(picture: PictureSource, options: DetectOptions = {}): Promise<Detection[]> {
    const raw = "data" in picture && ArrayBuffer.isView(picture.data);
    if (raw || typeof createImageBitmap === "undefined")
      return this.ask({ detect: readPixels(picture), options });
    const bitmap = await createImageBitmap(picture as unknown as ImageBitmapSource);
    return this.ask({ detect: bitmap, options }, [bitmap]);
  }

  close(): void {
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(new Error("the detector was closed"));
    this.waiting.clear();
  }

  private ask<T>(question: WithoutId<Question>, transfer: Transferable[] = []): Promise<T> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...question }, transfer);
    });
  }
}
