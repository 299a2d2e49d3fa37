// The sides in Chromium: warm in one page, and each from a cold load in a separate browser.
import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { median } from "../common.mjs";

const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium"].find((path) => path && existsSync(path));
export const hasChromium = executablePath !== undefined;
const launch = () => chromium.launch({ executablePath, args: ["--no-sandbox"] });

/** Opens a page and waits until it has set a global. @throws Error thrown by the page */
export async function openPage(address, global) {
  const browser = await launch();
  const page = await browser.newPage();
  const failed = new Promise((_, reject) => page.on("pageerror", reject));
  failed.catch(() => {});
  const bodies = [];
  page.on("response", (response) => bodies.push(response.body().catch(() => Buffer.alloc(0))));
  await page.goto(address);
  await Promise.race([page.waitForFunction((name) => name in window, global, { timeout: 120_000 }), failed]);
  return { browser, page, bodies };
}

/** One function per side of a page, which returns the milliseconds of each of `count` detections. */
export async function warmSides(url, sides) {
  const { browser, page } = await openPage(`${url}/warm.html`, "measure");
  const measure = (side) => (count) => page.evaluate(([name, n]) => window.measure(name, n), [side, count]);
  return {
    sides: Object.fromEntries(sides.map((side) => [side, measure(side)])),
    close: () => browser.close(),
  };
}

/** Loads each side `count` times, each time in a new browser; "bare" is a page that detects nothing. */
export async function coldLoads(url, sides, count) {
  const all = ["bare", ...sides];
  const found = Object.fromEntries(all.map((side) => [side, { first: [], rss: [] }]));
  for (let i = 0; i < count; i++) {
    for (const side of all.map((_, k) => all[(k + i) % all.length])) {
      const { browser, page, bodies } = await openPage(`${url}/cold-${side}.html`, "first");
      const results = found[side];
      results.first.push(await page.evaluate(() => window.first));
      const loaded = await Promise.all(bodies);
      results.bytes = loaded.reduce((sum, { length }) => sum + length, 0);
      results.gzipBytes = loaded.reduce((sum, body) => sum + gzipSync(body).length, 0);
      await page.evaluate(async () => {
        for (let k = 0; k < 20; k++) await window.detect();
      });
      results.rss.push(await rendererPeak(browser));
      await browser.close();
    }
  }
  return Object.fromEntries(
    Object.entries(found).map(([side, { first, bytes, gzipBytes, rss }]) => [
      side,
      {
        first: median(first),
        low: Math.min(...first),
        high: Math.max(...first),
        bytes,
        gzipBytes,
        peakRssBytes: median(rss),
      },
    ]),
  );
}

/** The peak resident memory of the page's process, including code and libraries shared between processes. */
async function rendererPeak(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]));
  return 1024 * Math.max(...peaks);
}

/** face-api's detections in images, given their URL paths: lists of [x, y, width, height, score]. */
export async function faceApiFinds(url, addresses) {
  const { browser, page } = await openPage(`${url}/faces.html`, "findFaces");
  const found = [];
  for (const address of addresses)
    found.push(await page.evaluate((image) => window.findFaces(image), `${url}${address}`));
  await browser.close();
  return found;
}
