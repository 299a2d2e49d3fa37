// Scores of the classes in a weights file: nothing else in it changes.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseThresholds, describeThresholds } from "../../src/cli/thresholds.js";
import { createRandom } from "../../src/data/random.js";
import { createFasterRcnn } from "../../src/models/fasterRcnn.js";
import {
  loadDetector,
  readThresholds,
  readWeights,
  saveDetector,
  storeThresholds,
} from "../../src/train/weights.js";
import { filesBelow } from "../cli/qmimic.js";
import { temporaryFolder } from "../data/temporary.js";
import { smallFasterRcnn } from "../models/smallFasterRcnn.js";

const config = smallFasterRcnn(["cat", "dog"]);
const folder = await temporaryFolder();

function weights(name: string): string {
  const path = join(folder, name);
  saveDetector(path, createFasterRcnn(config, createRandom(0)), { val: "0.5" });
  return path;
}

/** What stands behind the JSON at the head of a safetensors file. */
async function dataOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}

describe("storeThresholds", () => {
  it("leaves tensors bit for bit, other metadata, and no other file", async () => {
    const path = weights("stored.safetensors");
    const before = { data: await dataOf(path), metadata: readWeights(path).metadata };
    expect(readThresholds(path)).toBeUndefined();
    storeThresholds(path, [Math.fround(0.3), null]);
    expect(readThresholds(path)).toEqual([Math.fround(0.3), null]);
    expect((await dataOf(path)).equals(before.data)).toBe(true);
    expect(readWeights(path).metadata).toMatchObject({ ...before.metadata });
    const once = await readFile(path);
    storeThresholds(path, [Math.fround(0.3), null]);
    expect((await readFile(path)).equals(once)).toBe(true);
    expect(loadDetector(path).config.classes).toEqual(["cat", "dog"]);
    expect(filesBelow(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it.each([[[0.5]], [[0.5, 2]], [[0.5, Number.NaN, 0.5]]])(
    "refuses %j of two classes by file",
    (thresholds) => {
      const path = weights("odd.safetensors");
      storeThresholds(path, thresholds);
      expect(() => readThresholds(path)).toThrow(
        /odd.safetensors: the thresholds of its 2 classes do not fit/,
      );
    },
  );
});

describe("chooseThresholds", () => {
  const text = (path: string, asked?: number, exported = false) =>
    describeThresholds(
      chooseThresholds({ classes: config.classes, thresholds: readThresholds(path), exported }, asked),
    );

  it("takes the user's, else the weights' own, else 0.5, and says which", () => {
    const path = weights("chosen.safetensors");
    expect(text(path)).toBe("thresholds  0.50 for every class (default; the weights store none)");
    storeThresholds(path, [0.3, 0.625]);
    expect(text(path)).toBe(
      "thresholds  cat 0.30, dog 0.63 (best F1 of each class on val, from the weights)",
    );
    // An exported model has one for each class, with or without val.
    expect(text(path, undefined, true)).toBe("thresholds  cat 0.30, dog 0.63 (of the exported model)");
    expect(text(path, 0.1)).toBe("thresholds  0.10 for every class (--threshold)");
    storeThresholds(path, [0.3, null]);
    expect(text(path)).toBe(
      "thresholds  cat 0.30, dog 0.50 (best F1 of each class on val, from the weights; default for dog, with no detections on val)",
    );
  });
});
