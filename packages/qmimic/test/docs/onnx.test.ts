// The programs of docs/onnx.md, run as they stand there.
import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { detectImages } from "../../src/eval/detect.js";
import { createDetector, parseConfig } from "../../src/models/index.js";
import { saveDetector } from "../../src/train/weights.js";
import { put, temporaryFolder } from "../data/temporary.js";

const page = readFileSync(new URL("../../../../docs/onnx.md", import.meta.url), "utf8");
const modules = fileURLToPath(new URL("../../../../node_modules", import.meta.url));

it("exports a detector, and finds in a photograph what the detector finds", async () => {
  const detector = createDetector(
    parseConfig({
      detector: "fcos",
      backbone: "vgg-1-32",
      outputStride: 16,
      classes: ["face"],
      side: 480,
      quantizer: { kind: "none" },
      towerDepth: 1,
      towerKind: "plain",
      towerWidth: 8,
      preNms: 100,
      boxScore: 0.001,
      boxNms: 0.5,
      boxDetections: 10,
    }),
    createRandom("page"),
  ).eval();
  // As large as the network's input, and without loss: no other resizing or decoding can matter.
  const [width, height] = [480, 350];
  const random = createRandom("photograph");
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 60 * random() + (i % 195));
  const [expected] = detectImages(detector, [
    { data, width, height, originalWidth: width, originalHeight: height },
  ]);

  const folder = await temporaryFolder();
  symlinkSync(modules, join(folder, "node_modules"));
  const weights = join(folder, "runs/faces/student/weights/best.safetensors");
  await put(weights, "");
  saveDetector(weights, detector);
  await put(
    join(folder, "photo.jpg"),
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
  const outputs: string[] = [];
  for (const [i, [, program]] of [...page.matchAll(/```js\n(.*?)```/gs)].entries()) {
    await put(join(folder, `${i}.mjs`), program);
    const { status, stdout, stderr } = spawnSync(process.execPath, [`${i}.mjs`], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(status, stderr).toBe(0);
    outputs.push(stdout);
  }
  expect(outputs).toHaveLength(2);
  const scores = [...outputs[1].matchAll(/^1n (\S+) Float32Array/gm)].map(([, score]) => Number(score));
  expect(scores.length).toBeGreaterThan(5);
  expect(scores).toHaveLength(expected.scores.length);
  scores.forEach((score, i) => {
    expect(score).toBeCloseTo(expected.scores[i], 4);
  });
  detector.dispose();
});
