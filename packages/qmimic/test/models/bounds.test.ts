// Numbers of recipes and of weights files have bounds: neither may end the process or keep it busy for hours.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { liveTensors } from "@qmimic/torch";
import { expect, it } from "vitest";
import { z } from "zod";
import { createRandom } from "../../src/data/random.js";
import {
  configureDetector,
  createDetector,
  type DetectorConfig,
  KINDS,
  parseConfig,
} from "../../src/models/index.js";
import { chooseAnchors } from "../../src/models/twoStage/chooseAnchors.js";
import { parseRecipe } from "../../src/train/recipe.js";
import { SETTINGS } from "../../src/train/schema.js";
import { loadDetector, saveDetector } from "../../src/train/weights.js";
import { put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();

/** Any whole number is a seed. */
const UNBOUNDED = ["seed"];

interface Schema {
  type?: string;
  const?: unknown;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  items?: Schema;
  prefixItems?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
}

/** Places in a schema where a number, or the length of a list, has no bounds. */
function unbounded(schema: Schema, at: string): string[] {
  if (schema.const !== undefined) return [];
  const { type, minimum = -Infinity, maximum = Infinity, items, maxItems, prefixItems = [] } = schema;
  const open =
    type === "number" || type === "integer"
      ? maximum - minimum > 2 ** 25
      : type === "array" && maxItems === undefined && prefixItems.length === 0;
  return [
    ...(open ? [at] : []),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...prefixItems, ...(items ? [items] : [])].flatMap(
      (one) => unbounded(one, at),
    ),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, one]) => unbounded(one, `${at}.${key}`)),
  ];
}

const jsonOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: "input" }) as Schema;

it("every number and list of a recipe has bounds", () => {
  const open = [...SETTINGS].flatMap(([key, { schema }]) => unbounded(jsonOf(schema), key));
  expect(open).toEqual(UNBOUNDED);
});

it.each(KINDS)("every number and list of the configuration of $name has bounds", ({ config, name }) => {
  expect(unbounded(jsonOf(config), name)).toEqual([]);
});

const shared = {
  backbone: "vgg-1-64",
  outputStride: 16,
  neck: "none",
  classes: ["cat"],
  side: 96,
  quantizer: { kind: "none" },
  boxScore: 0.01,
  boxNms: 0.5,
  boxVote: 1,
  boxDetections: 10,
};
const CONFIGS: Record<string, Record<string, unknown>> = {
  "faster-rcnn": {
    ...shared,
    ...{ detector: "faster-rcnn", anchorSizes: [32], aspectRatios: [1], headWidth: 16, roiSize: 3 },
    ...{ roiSamples: 1, rpnPreNms: 50, rpnPostNms: 10, rpnNms: 0.7 },
  },
  fcos: {
    ...shared,
    ...{ detector: "fcos", towerDepth: 1, towerKind: "plain", towerWidth: 4, preNms: 100 },
  },
};

/** A small weights file that says `changes` of its network. */
async function weightsWith(kind: string, changes: Record<string, unknown>): Promise<string> {
  const path = join(root, "weights.safetensors");
  const config = CONFIGS[kind];
  const detector = createDetector(parseConfig(config), createRandom(0));
  saveDetector(path, detector);
  const bytes = await readFile(path);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
  header.__metadata__.config = JSON.stringify({ ...detector.config, ...changes });
  detector.dispose();
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await put(path, Buffer.concat([length, json, bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)))]));
  return path;
}

it.each([
  ["faster-rcnn", { headWidth: 1e10 }, /headWidth: .*4096/],
  ["faster-rcnn", { side: 65_536 }, /side: .*8192/],
  ["faster-rcnn", { rpnPostNms: 1e9 }, /rpnPostNms: .*20000/],
  ["faster-rcnn", { boxDetections: 1e9 }, /boxDetections: .*20000/],
  ["faster-rcnn", { anchorSizes: Array(1e5).fill(32) }, /anchorSizes: .*32/],
  ["faster-rcnn", { boxWeights: [1e-300, 1, 1, 1] }, /boxWeights\.0: /],
  ["faster-rcnn", { quantizer: { kind: "uniform", stride: 1e-300 } }, /quantizer\.stride: /],
  [
    "faster-rcnn",
    { quantizer: { kind: "power-of-two", minExponent: 3, maxExponent: 2 } },
    /minExponent is above/,
  ],
  ["fcos", { towerDepth: 1e9 }, /towerDepth: .*32/],
  ["fcos", { towerWidth: 1e9 }, /towerWidth: .*4096/],
])("a weights file of %s that says %j is refused", async (kind, changes, message) => {
  const path = await weightsWith(kind, changes);
  expect(() => loadDetector(path)).toThrow(message);
  expect(() => loadDetector(path)).toThrow(/^.*weights\.safetensors: /);
});

// The first of these took 19 GB before its shapes were found to be others.
it.each([
  ["fcos", { towerDepth: 32, towerWidth: 4096 }, /head\.class_tower.* needs 4096 x/],
  ["faster-rcnn", { headWidth: 4096, roiSize: 32 }, /box_head\.fc6.* needs 4096 x/],
  ["faster-rcnn", { backbone: "vgg" }, /tensor .* needs 64 x 3/],
])("a small file of %s that describes a huge network, %j, is refused before it is built", async (...all) => {
  const [kind, changes, message] = all;
  const path = await weightsWith(kind, changes);
  const [tensors, before] = [liveTensors(), process.resourceUsage().maxRSS];
  expect(() => loadDetector(path)).toThrow(message);
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(200 * 1024);
  // Their handles are freed, or wait for the garbage collector: none has memory.
  expect(liveTensors()).toBeGreaterThanOrEqual(tensors);
  expect((loadDetector(await weightsWith(kind, {})).config as DetectorConfig).side).toBe(96);
});

it.each([
  ["scales", [1e-300]],
  ["scales", Array(1000).fill(1)],
  ["side", 65_536],
  ["threads", 5e9],
  ["batch", 1e9],
  ["epochs", 1e12],
  ["head-width", 1e10],
  ["mimic-regions", 1e9],
  ["mimic-roi-size", 1e5],
  ["anchor-count", 1e6],
  ["lr", 1e30],
  ["box-detections", 1e9],
])("a recipe with %s %j is refused", (name, value) => {
  expect(() => parseRecipe({ data: "x", [name]: value }, "r.yaml")).toThrow(
    new RegExp(`^r\\.yaml: ${name}: .* is invalid`),
  );
});

it("more classes in the data than a detector has are refused in words", () => {
  const classes = Array.from({ length: 10_001 }, (_, i) => `class ${i}`);
  const network = { backbone: "vgg-1-64", side: 96, samples: [], classes };
  const recipe = parseRecipe({ data: "x", "anchor-sizes": [32], "aspect-ratios": [1] }, "r.yaml");
  expect(() => configureDetector(recipe, network)).toThrow(/^cannot build the detector .*: classes: .*10000/);
  expect(() => parseRecipe({ merge: "a\u001b[2J" }, "r.yaml")).toThrow(/merge: "a\\u001b\[2J" is invalid/);
});

it("anchors are chosen for the objects that are trained, not for ignored ones", () => {
  const box = (x: number, y: number) => [0, 0, x, y];
  const sample = (boxes: number[][], difficult: number[]) => ({
    ...{ id: "a", imagePath: "a", width: 480, height: 480, boxes: Float32Array.from(boxes.flat()) },
    ...{ labels: new Int32Array(difficult.length).fill(1), difficult: Uint8Array.from(difficult) },
  });
  const alone = chooseAnchors([sample([box(40, 40), box(80, 80)], [0, 0])], 480, 3);
  const crowd = sample([box(40, 40), box(480, 100), box(80, 80), box(3, 9)], [0, 1, 0, 1]);
  expect(chooseAnchors([crowd], 480, 3)).toEqual(alone);
});

it("aspect ratios of objects like threads are above 0", () => {
  const sample = {
    ...{ id: "a", imagePath: "a", width: 1000, height: 1000, boxes: Float32Array.of(0, 0, 1000, 1) },
    ...{ labels: Int32Array.of(1), difficult: Uint8Array.of(0) },
  };
  const { aspectRatios } = chooseAnchors([sample], 480, 5);
  for (const ratio of aspectRatios) expect(ratio).toBeGreaterThan(0);
});
