// The built playground in a real Chromium: it finds the same boxes as Node.
import type { Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Detection, Detector } from "@qmimic/runtime";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../packages/qmimic/test/data/temporary.js";
import { hasBrowser, openBrowser, serve } from "../../../packages/qmimic/test/export/browser.js";
import { untrainedModel } from "../../../packages/qmimic/test/export/untrained.js";

const [WIDTH, HEIGHT] = [160, 120];
const root = await temporaryFolder();

async function picture(seed: number): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
  const pixels = pixelsOf(seed);
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  return {
    name: `${seed}.png`,
    mimeType: "image/png",
    buffer: await sharp(pixels, { raw }).png().toBuffer(),
  };
}

const pixelsOf = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => Math.floor((i * seed) / 7) % 256);

describe.skipIf(!hasBrowser)("the playground", () => {
  const kinds = ["faster-rcnn", "fcos"] as const;
  let browser: Browser;
  let page: Page;
  let server: Server;
  const requests: string[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    const outDir = join(root, "dist");
    const app = fileURLToPath(new URL("..", import.meta.url));
    await build({ root: app, logLevel: "error", build: { outDir, emptyOutDir: true, target: "es2022" } });
    const served = await serve(outDir, {});
    ({ server } = served);
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    page.on("request", (request) => requests.push(new URL(request.url()).host));
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(`${served.url}/index.html`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const detections = (panel: number): Promise<Detection[]> =>
    page.evaluate(
      (index) => JSON.parse(document.querySelectorAll<HTMLElement>("article")[index].dataset.detections!),
      panel,
    );
  const expected = async (kind: string, seed: number, threshold: number) =>
    (await Detector.load(untrainedModel(kind))).detect(
      { data: pixelsOf(seed), width: WIDTH, height: HEIGHT },
      { threshold },
    );

  test("two models side by side: the same boxes as in Node, with sizes and timings", async () => {
    for (const kind of kinds) {
      const buffer = Buffer.from(untrainedModel(kind));
      await page.setInputFiles("#models", { name: `${kind}.safetensors`, mimeType: "", buffer });
    }
    await page.waitForFunction(() => document.querySelectorAll("article").length === 2);
    await page.setInputFiles("#media", [await picture(3), await picture(5)]);
    await page.waitForFunction(() => document.querySelector("article")?.dataset.detections);
    await page.fill("#threshold", "0.03");
    for (const [i, kind] of kinds.entries()) {
      const [actual, wanted] = [await detections(i), await expected(kind, 3, 0.03)];
      expect(actual.length).toBe(wanted.length);
      actual.forEach((detection, k) => {
        expect(Math.abs(detection.box.xmin - wanted[k].box.xmin)).toBeLessThan(0.01);
      });
    }
    const text = await page.textContent("article");
    expect(text).toMatch(
      /faster-rcnn\.safetensors.*kB, 96 px, cat, dog.* ms: pixels .*, draw .*, maps .*, decode/s,
    );
  });

  test("shows the runtime's size", async () => {
    await page.waitForFunction(() => document.getElementById("runtime")!.textContent !== "");
    expect(await page.textContent("#runtime")).toMatch(/^The runtime: [\d.]+ kB, [\d.]+ kB gzipped\.$/);
  });

  test("two quick clicks on the camera open and close it; a third opens it", async () => {
    const running = await page.evaluate(async () => {
      const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const opened: MediaStream[] = [];
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await original(wanted);
        opened.push(stream);
        return stream;
      };
      const button = document.getElementById("camera")!;
      for (let i = 0; i < 3; i++) button.click();
      while (opened.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 200));
      navigator.mediaDevices.getUserMedia = original;
      return opened.filter((stream) => stream.active).length;
    });
    expect(running).toBe(1);
    await page.click("#camera");
  });

  test("keyboard shortcuts for pictures, minimum score and overlays", async () => {
    await page.locator("h1").click();
    await page.keyboard.press("ArrowRight");
    expect((await detections(1)).length).toBe((await expected("fcos", 5, 0.03)).length);
    await page.keyboard.press("ArrowLeft");
    expect((await detections(1)).length).toBe((await expected("fcos", 3, 0.03)).length);
    await page.keyboard.press("+");
    expect((await detections(0)).length).toBe((await expected("faster-rcnn", 3, 0.08)).length);
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press("o");
      expect(await page.locator("#overlay").inputValue()).not.toBe("none");
    }
  });

  test.each(["#media", "#next", "summary", "article button"])(
    "shortcuts with the focus on %s",
    async (control) => {
      const overlay = () => page.locator("#overlay").inputValue();
      await page.selectOption("#overlay", "none");
      await page.fill("#threshold", "0.03");
      await page.focus(control);
      await page.keyboard.press("ArrowRight");
      expect((await detections(1)).length).toBe((await expected("fcos", 5, 0.03)).length);
      await page.keyboard.press("ArrowLeft");
      expect((await detections(1)).length).toBe((await expected("fcos", 3, 0.03)).length);
      await page.keyboard.press("o");
      expect(await overlay()).toBe("regions");
      await page.keyboard.press("+");
      expect(await page.inputValue("#threshold")).toBe("0.08");
      await page.keyboard.press("-");
      expect(await page.inputValue("#threshold")).toBe("0.03");
    },
  );

  test("controls keep the keys that mean something to them", async () => {
    const overlay = () => page.locator("#overlay").inputValue();
    const picture = await detections(1);
    await page.fill("#threshold", "0.03");
    await page.focus("#threshold");
    await page.keyboard.press("ArrowRight");
    expect(await page.inputValue("#threshold")).toBe("0.04");
    await page.keyboard.press("ArrowLeft");
    expect(await detections(1)).toEqual(picture);
    await page.keyboard.press("o");
    const chosen = await overlay();
    await page.focus("#overlay");
    await page.keyboard.press("o");
    expect(await overlay()).toBe(chosen);
    await page.keyboard.press("+");
    expect(await page.inputValue("#threshold")).toBe("0.08");
    await page.focus("summary");
    await page.keyboard.press(" ");
    expect(await page.locator("details").getAttribute("open")).not.toBeNull();
    await page.keyboard.press(" ");
    await page.focus("#next");
    await page.keyboard.press(" ");
    await page.keyboard.press("ArrowLeft");
    expect(await detections(1)).toEqual(picture);
  });

  test("reports invalid models and pictures; runs the camera; closes a panel", async () => {
    const broken = { name: "broken.safetensors", mimeType: "", buffer: Buffer.from("no model") };
    await page.setInputFiles("#models", broken);
    await page.waitForFunction(() => /^broken/.test(document.getElementById("status")!.textContent!));
    const text = { name: "notes.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
    await page.setInputFiles("#media", text);
    await page.waitForFunction(() =>
      /^notes.png cannot/.test(document.getElementById("status")!.textContent!),
    );
    await page.click("#camera");
    await page.waitForFunction(() => document.querySelector("canvas")!.width === 640);
    await page.click("#camera");
    await page.click("article button");
    expect(await page.locator("article").count()).toBe(1);
  });

  test("sends no requests to other servers, and throws no errors", () => {
    expect(new Set(requests).size).toBe(1);
    expect(errors).toEqual([]);
  });

  test("fits a phone", async () => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(390);
  });
});
