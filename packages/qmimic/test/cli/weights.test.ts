// The run folder that a file belongs to.
import { join } from "node:path";
import { expect, test } from "vitest";
import { runFolderOf } from "../../src/train/runFiles.js";
import { put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();
const run = join(root, "runs", "one");
const best = "student/weights/best.safetensors";
await put(join(run, "recipe.yaml"), "");
await put(join(run, best), "");
/** Of someone's own: not a run's. */
await put(join(root, "recipe.yaml"), "");

test.each([
  best,
  "export/detector.int8.safetensors",
  "elsewhere/detector.onnx",
  join("export/finetuned", best),
  join("export/finetuned-2", best),
])("%s is in the run", (file) => {
  expect(runFolderOf(join(run, file))).toBe(run);
});

test.each(["detector.onnx", "runs/detector.onnx", "runs/two/export/detector.onnx"])(
  "%s is in none",
  (file) => {
    expect(runFolderOf(join(root, file))).toBeUndefined();
  },
);

test("paths from a folder of the run lead out of it", () => {
  const before = process.cwd();
  process.chdir(join(run, "student", "weights"));
  try {
    expect(runFolderOf("best.safetensors")).toBe(join("..", ".."));
  } finally {
    process.chdir(before);
  }
});
