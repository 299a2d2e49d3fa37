// A worker that fails or is closed: every call settles, and pictures are released.
import { afterEach, expect, test, vi } from "vitest";
import { Detector, ModelError, PictureError } from "../src/index.js";
import { WorkerDetector } from "../src/worker.js";
import type { Answer, Question } from "../src/workerMain.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A worker that answers only when told to. */
class FakeWorker {
  onmessage: (event: { data: Answer }) => void = () => {};
  onerror: (event: { message: string }) => void = () => {};
  readonly postMessage = vi.fn<(question: Question) => void>();
  readonly terminate = vi.fn();

  answer(result: unknown, id = this.postMessage.mock.calls.at(-1)![0].id): void {
    this.onmessage({ data: { id, result } });
  }
}

async function loaded(): Promise<{ worker: FakeWorker; detector: WorkerDetector }> {
  const worker = new FakeWorker();
  const loading = WorkerDetector.load(new Uint8Array(0), {}, worker as unknown as Worker);
  await vi.waitFor(() => expect(worker.postMessage).toHaveBeenCalled());
  worker.answer(SETTINGS);
  return { worker, detector: await loading };
}

const SETTINGS = { classes: ["cat"], thresholds: [0.5], side: 96, maxDetections: 100, backend: "typescript" };
const RAW = { data: new Uint8Array(3), width: 1, height: 1 };
const IMAGE = { naturalWidth: 1, naturalHeight: 1 } as HTMLImageElement;

/** Makes createImageBitmap return a picture, once it is released. */
function stubBitmap(): { close: () => void; release: () => void } {
  const close = vi.fn();
  let release = (): void => {};
  const bitmap = new Promise((resolve) => {
    release = () => resolve({ width: 1, height: 1, close });
  });
  vi.stubGlobal("createImageBitmap", () => bitmap);
  return { close, release };
}

test("loads with the model's settings; options reach the worker, and a source that fails ends it", async () => {
  const { detector } = await loaded();
  expect(detector).toMatchObject(SETTINGS);
  const worker = new FakeWorker();
  const loading = WorkerDetector.load(
    new Uint8Array(3),
    { side: 96, backend: "typescript" },
    worker as unknown as Worker,
  );
  await vi.waitFor(() => expect(worker.postMessage).toHaveBeenCalled());
  expect(worker.postMessage.mock.calls[0][0]).toMatchObject({
    load: new Uint8Array(3),
    settings: { side: 96, backend: "typescript" },
  });
  worker.onmessage({ data: { id: 0, error: { name: "ModelError", message: "damaged" } } });
  await expect(loading).rejects.toBeInstanceOf(ModelError);
  const other = new FakeWorker();
  const aborted = { signal: AbortSignal.abort() };
  await expect(WorkerDetector.load("x", aborted, other as unknown as Worker)).rejects.toThrow(/abort/);
  for (const { terminate } of [worker, other]) expect(terminate).toHaveBeenCalledOnce();
});

test("options out of range are refused before the download", async () => {
  const worker = new FakeWorker();
  const fetched = vi.fn();
  vi.stubGlobal("fetch", fetched);
  for (const options of [{ backend: "wsam" }, { backend: "" }, { side: 0 }])
    await expect(
      WorkerDetector.load("http://x", options as never, worker as unknown as Worker),
    ).rejects.toBeInstanceOf(RangeError);
  expect(fetched).not.toHaveBeenCalled();
});

test("pictures without pixels are refused before anything is posted, errors keep their class", async () => {
  const { worker, detector } = await loaded();
  const unloaded = { naturalWidth: 0, naturalHeight: 0 };
  const pictures = [
    null,
    undefined,
    "x",
    unloaded,
    { ...IMAGE, complete: false },
    { data: [1, 2, 3], width: 1, height: 1 },
  ];
  for (const picture of pictures)
    await expect(detector.detect(picture as never)).rejects.toBeInstanceOf(PictureError);
  expect(worker.postMessage).toHaveBeenCalledOnce();
  const found = detector.detect(RAW, { threshold: 2 });
  const id = worker.postMessage.mock.calls.at(-1)![0].id;
  worker.onmessage({ data: { id, error: { name: "RangeError", message: "threshold is 2" } } });
  await expect(found).rejects.toBeInstanceOf(RangeError);
});

test("closed: pending and later calls reject, and nothing is posted any more", async () => {
  const { worker, detector } = await loaded();
  const { close, release } = stubBitmap();
  const pending = detector.detect(RAW);
  const decoding = detector.detect(IMAGE);
  detector.close();
  release();
  await expect(pending).rejects.toThrow("the detector was closed");
  await expect(decoding).rejects.toThrow("the detector was closed");
  expect(close).toHaveBeenCalledOnce();
  for (const picture of [RAW, IMAGE])
    await expect(detector.detect(picture)).rejects.toThrow("the detector was closed");
  expect(worker.terminate).toHaveBeenCalledOnce();
  // The model and the first picture.
  expect(worker.postMessage).toHaveBeenCalledTimes(2);
});

test("failed: pending and later calls reject with the reason, and a late answer is ignored", async () => {
  const { worker, detector } = await loaded();
  const pending = detector.detect(RAW);
  worker.onerror({ message: "out of memory" });
  await expect(pending).rejects.toThrow("the detector's worker failed: out of memory");
  expect(() => worker.answer([])).not.toThrow();
  await expect(detector.detect(RAW)).rejects.toThrow("out of memory");
  expect(worker.postMessage).toHaveBeenCalledTimes(2);
});

test("a picture that cannot be posted is released, and later ones are detected", async () => {
  const { worker, detector } = await loaded();
  const { close, release } = stubBitmap();
  release();
  worker.postMessage.mockImplementationOnce(() => {
    throw new Error("could not be cloned");
  });
  await expect(detector.detect(IMAGE)).rejects.toThrow("could not be cloned");
  expect(close).toHaveBeenCalledOnce();
  const found = detector.detect(RAW);
  worker.answer([]);
  expect(await found).toEqual([]);
});

/** The page's canvas, which is kept from one picture to the next. */
const context = { drawImage: () => {}, getImageData: vi.fn<() => { data: Uint8ClampedArray }>() };
function stubCanvas(getImageData: () => { data: Uint8ClampedArray }): void {
  context.getImageData.mockImplementation(getImageData);
  vi.stubGlobal("OffscreenCanvas", function OffscreenCanvas(this: unknown) {
    return { getContext: () => context };
  });
}
const fromElsewhere = (): never => {
  throw new DOMException("The canvas has been tainted by cross-origin data.", "SecurityError");
};

test.each<[string, () => Promise<unknown>]>([
  ["posted", async () => ({ width: 1, height: 1, close: () => {} })],
  [
    "used, because its bitmap has the pixels of another srcset",
    async () => ({ width: 2, height: 2, close: () => {} }),
  ],
  ["made into a bitmap", () => Promise.reject(new DOMException("not usable", "InvalidStateError"))],
])("a picture that cannot be %s is read in the page, with Detector's errors", async (_, makeBitmap) => {
  const { worker, detector } = await loaded();
  vi.stubGlobal("createImageBitmap", makeBitmap);
  worker.postMessage.mockImplementation((question) => {
    if ("detect" in question && "close" in question.detect)
      throw new DOMException("An ImageBitmap could not be cloned.", "DataCloneError");
  });
  stubCanvas(fromElsewhere);
  const refused = detector.detect(IMAGE);
  await expect(refused).rejects.toBeInstanceOf(PictureError);
  await expect(refused).rejects.toThrow(/cannot be read: .* another origin: set its attribute crossorigin/);
  stubCanvas(() => ({ data: new Uint8ClampedArray(4).fill(255) }));
  const found = detector.detect(IMAGE);
  await vi.waitFor(() =>
    expect(worker.postMessage.mock.calls.at(-1)![0]).toMatchObject({ detect: { width: 1, channels: 4 } }),
  );
  worker.answer([]);
  expect(await found).toEqual([]);
});

test("a view is posted without the rest of its buffer", async () => {
  const { worker, detector } = await loaded();
  const memory = new Uint8Array(1000);
  const found = detector.detect({ ...RAW, data: memory.subarray(500, 503) });
  const { detect } = worker.postMessage.mock.calls.at(-1)![0] as unknown as { detect: typeof RAW };
  expect(detect.data.buffer.byteLength).toBe(3);
  worker.answer([]);
  expect(await found).toEqual([]);
});

test("options that cannot be posted do not blame the picture", async () => {
  const { worker, detector } = await loaded();
  vi.stubGlobal("createImageBitmap", async () => ({ width: 1, height: 1, close: () => {} }));
  stubCanvas(() => ({ data: new Uint8ClampedArray(4).fill(255) }));
  worker.postMessage.mockImplementation(() => {
    throw new DOMException("() => {} could not be cloned.", "DataCloneError");
  });
  await expect(detector.detect(IMAGE)).rejects.toThrow(/^\(\) => \{\} could not be cloned/);
});

test("the worker's script releases a picture, whether or not detection succeeds", async () => {
  const answers = vi.fn<(answer: Answer) => void>();
  vi.stubGlobal("postMessage", answers);
  vi.stubGlobal("onmessage", undefined);
  await import("../src/workerMain.js");
  const ask = globalThis.onmessage as unknown as (event: { data: Question }) => Promise<void>;
  const detect = vi.fn(() => []);
  vi.spyOn(Detector, "load").mockResolvedValue({ ...SETTINGS, detect } as unknown as Detector);
  await ask({ data: { id: 0, load: new Uint8Array(0), settings: {} } });
  const bitmap = { close: vi.fn() };
  const picture = bitmap as unknown as ImageBitmap;
  await ask({ data: { id: 1, detect: picture, options: {} } });
  expect(bitmap.close).toHaveBeenCalledTimes(1);
  detect.mockImplementationOnce(() => {
    throw new Error("overflow");
  });
  await ask({ data: { id: 2, detect: picture, options: {} } });
  expect(bitmap.close).toHaveBeenCalledTimes(2);
  expect(answers.mock.calls.map(([answer]) => answer)).toEqual([
    { id: 0, result: SETTINGS },
    { id: 1, result: [] },
    { id: 2, error: { name: "Error", message: "overflow" } },
  ]);
});
