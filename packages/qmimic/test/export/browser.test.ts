// What a page does with the runtime, in a real Chromium: the same boxes as Node, from every kind of picture, in the page and in a
// worker; and the page that carries everything with it.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Detection, Detector } from "@qmimic/runtime";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NODE_FLAGS } from "../../../runtime/test/stem/compare.mjs";
import { decodeImage } from "../../src/data/images.js";
import { createRandom } from "../../src/data/random.js";
import { htmlPage } from "../../src/export/page/htmlPage.js";
import { temporaryFolder } from "../data/temporary.js";
import { hasBrowser, openBrowser, serve } from "./browser.js";
import { untrainedModel } from "./untrained.js";

const dist = fileURLToPath(new URL("../../../runtime/dist", import.meta.url));
const stems = fileURLToPath(new URL("../../../runtime/test/stem/compare.mjs", import.meta.url));
const root = await temporaryFolder();
const [WIDTH, HEIGHT] = [131, 90];

const PAGE = `<!doctype html><title>test</title><script type="module">
import * as runtime from "/index.js";
import { WorkerDetector } from "/worker.js";
window.qmimic = { ...runtime, WorkerDetector };
</script>`;

/** What the test of the camera puts into its page: the cameras opened, and the requests that wait for permission. */
interface Granting {
  cameras: MediaStream[];
  waiting: (() => void)[];
}

/** What the page above puts there. */
declare const qmimic: typeof import("@qmimic/runtime") & typeof import("../../../runtime/src/worker.js");

const random = createRandom("picture");
const pixels = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, () => Math.floor(256 * random()));
const png = await sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
  .png()
  .toBuffer();

/**
 * Each has its like among the others; where scores are all but equal their order may differ.
 * @param apart how far, in pixels, boxes may be; scores a hundredth of that
 * @param alike fraction of them that have to be
 */
function expectSame(
  found: readonly Detection[],
  expected: readonly Detection[],
  apart = 0.01,
  alike = 1,
): void {
  expect(found.length).toBe(expected.length);
  const isLike = (a: Detection) => (b: Detection) =>
    a.label === b.label &&
    Math.abs(a.score - b.score) < apart / 100 &&
    (["xmin", "ymin", "xmax", "ymax"] as const).every((side) => Math.abs(a.box[side] - b.box[side]) < apart);
  const lonely = found.filter((detection) => !expected.some(isLike(detection)));
  expect(lonely.length, JSON.stringify(lonely)).toBeLessThanOrEqual((1 - alike) * found.length);
}

/** Files that decoders may read differently, each with what Node makes of it. */
async function oddFiles(): Promise<Record<string, Buffer>> {
  const image = () => sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
  const smooth = () => image().blur(4);
  const alpha = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < 60 ? 255 : 90));
  const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
  const jpeg = { quality: 95, chromaSubsampling: "4:4:4" };
  return {
    "turned.jpg": await smooth().withExif({}).withMetadata({ orientation: 6 }).jpeg(jpeg).toBuffer(),
    "mirrored.jpg": await smooth().withMetadata({ orientation: 2 }).jpeg(jpeg).toBuffer(),
    "subsampled.jpg": await smooth().jpeg({ quality: 90 }).toBuffer(),
    "grey.png": await image().toColourspace("b-w").png().toBuffer(),
    "transparent.png": await smooth().joinChannel(Buffer.from(alpha), { raw }).png().toBuffer(),
    "palette.png": await smooth().png({ palette: true, colours: 64 }).toBuffer(),
    "lossy.webp": await smooth().webp({ quality: 90 }).toBuffer(),
    "one.png": await image().extract({ left: 3, top: 3, width: 1, height: 1 }).png().toBuffer(),
    "wide.png": await image().resize(3000, 9, { fit: "fill" }).png().toBuffer(),
    "large.jpg": await smooth().resize(2600, 1786, { fit: "fill" }).jpeg(jpeg).toBuffer(),
  };
}
const odd = await oddFiles();

describe.skipIf(!hasBrowser)("in Chromium", () => {
  const models = {
    "faster-rcnn": untrainedModel("faster-rcnn"),
    "r-fcn": untrainedModel("r-fcn"),
    fcos: untrainedModel("fcos"),
  };
  let browser: Browser;
  let page: Page;
  let server: Server;
  let url: string;
  beforeAll(async () => {
    browser = await openBrowser();
    const files = Object.entries(models).map(([kind, file]) => [`/${kind}.safetensors`, file]);
    ({ server, url } = await serve(dist, {
      ...Object.fromEntries(files),
      "/picture.png": png,
      ...Object.fromEntries(Object.entries(odd).map(([name, file]) => [`/${name}`, file])),
      "/page.html": PAGE,
      "/stems.js": readFileSync(stems, "utf8").replaceAll("../../dist/", "/"),
    }));
    page = await browser.newPage();
    await page.goto(`${url}/page.html`);
    await page.waitForFunction(() => "qmimic" in window);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("convolutions of bytes give the same as in Node", async () => {
    const networks = [
      [2, 2, "pool", 4, 4, "pool"],
      [3, 1, "floats"],
    ];
    // As text, because Vitest replaces import().
    const inPage = await page.evaluate<Record<string, number>[]>(
      `import("/stems.js").then(({ compare }) => compare(${JSON.stringify(networks)}))`,
    );
    const output = execFileSync(process.execPath, [...NODE_FLAGS, stems, JSON.stringify(networks)]);
    const rounded = (results: Record<string, number>[]) =>
      results.map(({ name, layers, worst, differ }) => [name, layers, Math.round(worst), differ.toFixed(6)]);
    expect(rounded(inPage)).toEqual(rounded(JSON.parse(output.toString())));
  });

  const expectedOf = async (kind: keyof typeof models) =>
    (await Detector.load(models[kind])).detect(
      { data: pixels, width: WIDTH, height: HEIGHT },
      { threshold: 0.02 },
    );

  test.each(Object.keys(models) as (keyof typeof models)[])("%s: boxes of every source", async (kind) => {
    const expected = await expectedOf(kind);
    expect(expected.length).toBeGreaterThan(3);
    const found = await page.evaluate(async (model) => {
      const { Detector } = qmimic;
      const detector = await Detector.load(model);
      const image = new Image();
      image.src = "/picture.png";
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext("2d")!;
      context.drawImage(image, 0, 0);
      const offscreen = new OffscreenCanvas(canvas.width, canvas.height);
      offscreen.getContext("2d")!.drawImage(image, 0, 0);
      const sources = {
        image,
        canvas,
        offscreen,
        imageData: context.getImageData(0, 0, canvas.width, canvas.height),
        bitmap: await createImageBitmap(image),
        frame: new VideoFrame(canvas, { timestamp: 0 }),
      };
      return Object.entries(sources).map(([name, source]) => [
        name,
        detector.detect(source, { threshold: 0.02 }),
      ]);
    }, `/${kind}.safetensors`);
    expect(found).toHaveLength(6);
    for (const [, detections] of found as [string, Detection[]][]) expectSame(detections, expected);
  });

  test("a video: its current frame; without one, an error instead of no objects", async () => {
    const expected = await expectedOf("fcos");
    const { early, found } = await page.evaluate(async () => {
      const { Detector } = qmimic;
      const detector = await Detector.load("/fcos.safetensors");
      const image = new Image();
      image.src = "/picture.png";
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      const context = canvas.getContext("2d")!;
      const video = document.createElement("video");
      video.muted = true;
      let early = "";
      try {
        detector.detect(video);
      } catch (error) {
        early = `${(error as Error).name}: ${(error as Error).message}`;
      }
      video.srcObject = canvas.captureStream(30);
      const drawing = setInterval(() => context.drawImage(image, 0, 0), 30);
      await video.play();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const found = detector.detect(video, { threshold: 0.02 });
      clearInterval(drawing);
      return { early, found };
    });
    expect(early).toMatch(/^PictureError: the picture has 0 x 0 pixels/);
    // The stream's colours are rounded: a few boxes near the threshold may differ.
    expectSame(found, expected, 2, 0.8);
  });

  test.each(Object.keys(odd))("%s: decoded by the browser and by Node", async (name) => {
    const file = join(root, name);
    writeFileSync(file, odd[name]);
    const { data, width, height } = await decodeImage(file);
    const detector = await Detector.load(models.fcos);
    const expected = detector.detect({ data, width, height }, { threshold: 0.02 });
    const found = await page.evaluate(async (path) => {
      const detector = await qmimic.Detector.load("/fcos.safetensors");
      const image = new Image();
      image.src = path;
      await image.decode();
      const bitmap = await createImageBitmap(image);
      return [image, bitmap].map((source) => detector.detect(source, { threshold: 0.02 }));
    }, `/${name}`);
    // Where bytes are rounded differently boxes move a little, and near the limit others are kept. A canvas rounds
    // transparent pixels twice.
    const [apart, alike] = name.startsWith("transparent") ? [2, 0.9] : [0.5, 1];
    for (const detections of found) expectSame(detections, expected, apart, alike);
  });

  test("a worker: the same, and errors come back", async () => {
    const expected = await expectedOf("fcos");
    const { found, classes, error, missing, failed, closed } = await page.evaluate(async () => {
      const { WorkerDetector } = qmimic;
      const detector = await WorkerDetector.load("fcos.safetensors");
      const image = new Image();
      image.src = "/picture.png";
      await image.decode();
      const found = await Promise.all([
        detector.detect(image, { threshold: 0.02 }),
        detector.detect(await createImageBitmap(image), { threshold: 0.02 }),
      ]);
      const empty = { data: new Uint8Array(0), width: 0, height: 0 };
      const error = await detector
        .detect(empty)
        .catch((reason: Error) => `${reason.name}: ${reason.message}`);
      const missing = await WorkerDetector.load("/nowhere").catch((reason: Error) => reason.message);
      const broken = new Worker(URL.createObjectURL(new Blob(["syntax error"])));
      const failed = await WorkerDetector.load("fcos.safetensors", {}, broken).catch(
        (reason: Error) => reason.message,
      );
      detector.close();
      const closed = await detector.detect(image).catch((reason: Error) => reason.message);
      return { found, classes: detector.classes, error, missing, failed, closed };
    });
    expect(classes).toEqual(["cat", "dog"]);
    for (const detections of found) expectSame(detections, expected);
    expect(error).toMatch(/^PictureError: the picture has 0 x 0 pixels/);
    expect(missing).toMatch(/nowhere: 404/);
    expect(failed).toMatch(/^the detector's worker failed: /);
    expect(closed).toBe("the detector was closed");
  });

  test("boxes are drawn where they are", async () => {
    const painted = await page.evaluate(async () => {
      const { draw } = qmimic;
      const canvas = new OffscreenCanvas(100, 100);
      const box = { xmin: 20, ymin: 40, xmax: 60, ymax: 80 };
      draw(canvas, [{ label: "cat", score: 0.5, box }], { color: () => "#ff0000", lineWidth: 2 });
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, 100, 100);
      const redAt = (x: number, y: number) =>
        data[4 * (100 * y + x)] === 255 && data[4 * (100 * y + x) + 3] === 255;
      return [redAt(20, 60), redAt(60, 60), redAt(40, 40), redAt(40, 80), redAt(40, 60), redAt(80, 60)];
    });
    expect(painted).toEqual([true, true, true, true, false, false]);
  });

  test("the page that carries everything: opens from disk, takes a picture, a threshold and a camera", async () => {
    const title = 'cats & <dogs> "x"';
    const file = join(root, "page.html");
    writeFileSync(file, htmlPage(models.fcos, title));
    const own = await browser.newPage();
    const errors: string[] = [];
    const requests: string[] = [];
    own.on("pageerror", ({ message }) => errors.push(message));
    own.on("request", (request) => {
      if (!/^(file|data|blob):/.test(request.url())) requests.push(request.url());
    });
    await own.goto(pathToFileURL(file).href);
    expect(await own.textContent("h1")).toBe(title);
    await own.waitForFunction(() => document.getElementById("status")!.textContent!.startsWith("cat, dog"));
    await own.setInputFiles("#files", { name: "p.png", mimeType: "image/png", buffer: png });
    await own.waitForFunction(() => "detections" in window);
    await own.fill("#threshold", "0.02");
    const found = await own.evaluate(() => (window as unknown as { detections: Detection[] }).detections);
    expectSame(found, await expectedOf("fcos"));
    expect(await own.locator("#found tbody tr").count()).toBe(Math.min(50, found.length));
    await own.click("#camera");
    await own.waitForFunction(() => document.getElementById("status")!.textContent!.includes("640 x 480"));
    await own.click("#camera");
    await own.setInputFiles("#files", {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("no"),
    });
    await own.waitForFunction(() =>
      document.getElementById("status")!.textContent!.includes("cannot open notes.txt"),
    );
    expect(errors).toEqual([]);
    expect(requests).toEqual([]);
    await own.close();
  });

  test("the page's camera: whichever was wanted last is shown, and no other camera stays on", async () => {
    const file = join(root, "camera.html");
    writeFileSync(file, htmlPage(models.fcos, "camera"));
    const own = await browser.newPage();
    const errors: string[] = [];
    own.on("pageerror", ({ message }) => errors.push(message));
    // Permission is granted when the test says so.
    await own.addInitScript(() => {
      const devices = navigator.mediaDevices;
      const open = devices.getUserMedia.bind(devices);
      const cameras: MediaStream[] = [];
      const waiting: (() => void)[] = [];
      devices.getUserMedia = async (constraints) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        const camera = await open(constraints);
        cameras.push(camera);
        return camera;
      };
      Object.assign(window, { cameras, waiting });
    });
    const waitFor = (count: number) =>
      own.waitForFunction((n) => (window as unknown as Granting).waiting.length === n, count);
    /** Grants all requests, and waits until the page has taken or refused their cameras. @returns how many are on */
    const grant = () =>
      own.evaluate(async () => {
        const { waiting, cameras } = window as unknown as Granting;
        const expected = cameras.length + waiting.length;
        for (const resolve of waiting.splice(0)) resolve();
        while (cameras.length < expected) await new Promise((resolve) => setTimeout(resolve, 10));
        await new Promise((resolve) => setTimeout(resolve, 500));
        return cameras
          .flatMap((camera) => camera.getTracks())
          .filter(({ readyState }) => readyState === "live").length;
      });
    await own.goto(pathToFileURL(file).href);
    await own.waitForFunction(() => document.getElementById("status")!.textContent!.startsWith("cat, dog"));

    await own.click("#camera");
    await waitFor(1);
    await own.setInputFiles("#files", { name: "p.png", mimeType: "image/png", buffer: png });
    const shown = `${WIDTH} x ${HEIGHT}`;
    await own.waitForFunction(
      (text) => document.getElementById("status")!.textContent!.includes(text),
      shown,
    );
    expect(await grant()).toBe(0);
    expect(await own.textContent("#status")).toContain(shown);
    expect(await own.textContent("#camera")).toBe("Start camera");

    // A second click before it is granted cancels.
    await own.click("#camera");
    await waitFor(1);
    expect(await own.textContent("#camera")).toBe("Stop camera");
    await own.click("#camera");
    expect(await own.textContent("#camera")).toBe("Start camera");
    expect(await grant()).toBe(0);
    await own.click("#camera");
    await waitFor(1);
    expect(await grant()).toBe(1);
    await own.waitForFunction(() => document.getElementById("status")!.textContent!.includes("640 x 480"));
    await own.click("#camera");
    expect(await own.textContent("#camera")).toBe("Start camera");
    expect(await grant()).toBe(0);
    expect(errors).toEqual([]);
    await own.close();
  });
});
