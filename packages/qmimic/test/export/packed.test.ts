// The runtime as others get it: packed, installed into an empty project with nothing else, and the code of its README run as it
// stands there, in Node and, bundled, in Chromium. And its size.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { Detector } from "@qmimic/runtime";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { temporaryFolder } from "../data/temporary.js";
import { hasBrowser, openBrowser, serve } from "./browser.js";
import { untrainedModel } from "./untrained.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../../", import.meta.url));
const runtime = fileURLToPath(new URL("../../../runtime/", import.meta.url));
const project = await temporaryFolder();
const readme = readFileSync(join(runtime, "README.md"), "utf8");
const [WIDTH, HEIGHT] = [131, 90];
const random = createRandom("picture");
const pixels = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, () => Math.floor(256 * random()));
const model = untrainedModel("fcos");

/** The code block of the README that is marked so. */
function snippet(mark: string): string {
  const code = new RegExp(`\`\`\`js ${mark}\\n([^]*?)\`\`\``).exec(readme)?.[1];
  if (code === undefined) throw new Error(`the README has no code marked ${mark}`);
  return code;
}

beforeAll(async () => {
  await run("npm", ["pack", runtime, "--pack-destination", project], { cwd: project });
  const [packed] = readdirSync(project).filter((name) => name.endsWith(".tgz"));
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  // Offline: there is nothing to fetch.
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${packed}`], { cwd: project });
  writeFileSync(join(project, "detector.int8.safetensors"), model);
  writeFileSync(join(project, "photo.rgb"), pixels);
});

test("nothing comes along, and what is there is what is needed", () => {
  expect(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
    "@qmimic",
  ]);
  const files = readdirSync(join(project, "node_modules/@qmimic/runtime"));
  for (const name of ["LICENSE", "README.md", "dist", "package.json"]) expect(files).toContain(name);
});

test("the repository's README has the same code", () => {
  const main = readFileSync(join(runtime, "../../README.md"), "utf8");
  expect(main).toContain(`\`\`\`js\n${snippet("browser")}\`\`\``);
});

test("the README's code in Node", async () => {
  writeFileSync(join(project, "node.js"), snippet("node"));
  const { stdout } = await run(process.execPath, ["node.js"], { cwd: project });
  const expected = (await Detector.load(model)).detect({ data: pixels, width: WIDTH, height: HEIGHT });
  expect(expected.length).toBeGreaterThan(2);
  expect(stdout.match(/xmin/g)).toHaveLength(expected.length);
});

test("all of it as one module", async () => {
  const code = snippet("node").replace("@qmimic/runtime", "@qmimic/runtime/module");
  writeFileSync(join(project, "module.js"), code);
  const [whole, files] = await Promise.all(
    ["module.js", "node.js"].map((name) => run(process.execPath, [name], { cwd: project })),
  );
  expect(whole.stdout).toBe(files.stdout);
});

test("JavaScript and WebAssembly within 30 kB gzipped", () => {
  const bundle = readFileSync(join(project, "node_modules/@qmimic/runtime/dist/bundle.js"));
  const bytes = gzipSync(bundle, { level: 9 }).length;
  expect(bytes).toBeLessThan(30_000);
  // What READMEs and the package say.
  const said = `${Math.round(bytes / 1000)} kB`;
  for (const file of ["README.md", "packages/runtime/README.md", "packages/runtime/package.json"])
    expect(readFileSync(join(root, file), "utf8"), file).toContain(said);
});

test.skipIf(!hasBrowser)("the README's code in Chromium, bundled by Vite", async () => {
  const app = join(project, "app");
  mkdirSync(app);
  writeFileSync(join(app, "index.html"), PAGE);
  writeFileSync(join(app, "main.js"), `${snippet("browser")}\nwindow.detections = detections;\n`);
  const { build } = await import("vite");
  await build({ root: app, logLevel: "error", build: { target: "es2022" } });
  expect(existsSync(join(app, "dist/index.html"))).toBe(true);

  const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
  const picture = await sharp(pixels, { raw }).png().toBuffer();
  const { url, server } = await serve(join(app, "dist"), {
    "/picture.png": picture,
    "/detector.int8.safetensors": model,
  });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/index.html`);
    await page.waitForFunction(() => "detections" in window);
    const found = await page.evaluate(() => (window as unknown as { detections: unknown[] }).detections);
    const expected = (await Detector.load(model)).detect({ data: pixels, width: WIDTH, height: HEIGHT });
    expect(found).toHaveLength(expected.length);
  } finally {
    await browser.close();
    server.close();
  }
});

test.skipIf(!hasBrowser)("the README's page without a bundler", async () => {
  const [, page] = /```html\n(.*?)```/s.exec(readme)!;
  const { url, server } = await serve(join(project, "node_modules/@qmimic/runtime/dist"), {
    "/page.html": page.replace("</script>", "window.classes = detector.classes;\n</script>"),
    "/detector.int8.safetensors": model,
  });
  const browser = await openBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`${url}/page.html`);
    await page.waitForFunction(() => "classes" in window);
    const { classes } = await Detector.load(model);
    expect(await page.evaluate(() => (window as unknown as { classes: string[] }).classes)).toEqual(classes);
  } finally {
    await browser.close();
    server.close();
  }
});

const PAGE = `<!doctype html><title>app</title><img src="/picture.png"><canvas></canvas>
<script type="module" src="./main.js"></script>`;
