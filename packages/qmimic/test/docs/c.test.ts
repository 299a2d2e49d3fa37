// The programs of docs/c.md, run as they stand there.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect, it } from "vitest";
import { has } from "../../src/export/c/program.js";
import { saveDetector } from "../../src/train/weights.js";
import { put, temporaryFolder } from "../data/temporary.js";
import { STRICT } from "../export/c/compilers.js";
import { untrainedDetector } from "../export/untrained.js";

const page = readFileSync(new URL("../../../../docs/c.md", import.meta.url), "utf8");
const modules = fileURLToPath(new URL("../../../../node_modules", import.meta.url));
const programOf = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "s").exec(page)![1];

it("writes a detector, which a program calls", async () => {
  const folder = await temporaryFolder();
  symlinkSync(modules, join(folder, "node_modules"));
  const weights = join(folder, "runs/faces/student/weights/best.safetensors");
  await put(weights, "");
  const detector = untrainedDetector("fcos", ["face"]);
  saveDetector(weights, detector);
  detector.dispose();
  const raw = { width: 96, height: 64, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 3 * 96 * 64 }, (_, i) => i % 251);
  await put(join(folder, "photo.jpg"), await sharp(pixels, { raw }).jpeg().toBuffer());
  await put(join(folder, "export.mjs"), programOf("ts"));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["export.mjs"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^RAM \d+ bytes, flash \d+ plus code\n$/);
  if (!has("gcc")) return;
  const draw = "static void draw_box(float a, float b, float c, float d, const char *name)";
  writeFileSync(
    join(folder, "main.c"),
    `#include "face.h"
${draw} { (void)(a + b + c + d), (void)name; }
void on_frame(const uint8_t *rgb);
${programOf("c")}
int main(void) { static uint8_t rgb[3 * 320 * 240]; on_frame(rgb); return 0; }
`,
  );
  execFileSync("gcc", [...STRICT, "face.c", "main.c", "-o", "program", "-lm"], { cwd: folder });
  execFileSync("./program", { cwd: folder });
});
