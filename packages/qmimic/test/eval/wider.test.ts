// WIDER FACE's protocol and files: cases worked out by hand, MAT files written here, and an independent evaluator's numbers.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parseMat } from "../../src/eval/matFile.js";
import { evaluateWider, evaluateWiderSets, type WiderImage } from "../../src/eval/wider.js";
import { readWider } from "../../src/eval/widerFiles.js";
import { put, temporaryFolder } from "../data/temporary.js";

const root = await temporaryFolder();

const image = (faces: number[][], found: number[][]): WiderImage => ({
  faces: Float64Array.from(faces.flat()),
  boxes: Float64Array.from(found.flatMap((row) => row.slice(0, 4))),
  scores: Float64Array.from(found, (row) => row[4]),
});
const A = [0, 0, 40, 40];
const B = [100, 0, 40, 40];

describe("evaluateWider", () => {
  const found = [
    [...A, 0.9],
    [300, 0, 40, 40, 0.5],
    [...B, 0.1],
  ];

  it("is the area under the monotone precision", () => {
    expect(evaluateWider([image([A, B], found)], [Int32Array.of(0, 1)])).toBeCloseTo(0.5 + 0.5 * (2 / 3), 6);
  });

  it("faces that do not count are ignored with their detections, however many", () => {
    const more = [...found, [...B, 0.2], [1, 1, 40, 40, 0.05]];
    expect(evaluateWider([image([A, B], more)], [Int32Array.of(0)])).toBeCloseTo(1, 6);
  });

  it("a face found twice is one found and two detections", () => {
    const twice = [
      [...A, 0.9],
      [...A, 0.8],
      [...B, 0.1],
    ];
    expect(evaluateWider([image([A, B], twice)], [Int32Array.of(0, 1)])).toBeCloseTo(0.5 + 0.5 * (2 / 3), 6);
  });

  it("IoU counts the last pixel in: sides are one longer", () => {
    // 9 x 9 of 18 x 9 pixels is 10 x 10 of 19 x 10 with both ends.
    const face = [0, 0, 18, 9];
    const half = [0, 0, 9, 9];
    const iou = 100 / 190;
    expect(iou).toBeGreaterThan(0.5);
    expect(
      evaluateWider(
        [
          image(
            [face],
            [
              [...half, 1],
              [...half, 0],
            ],
          ),
        ],
        [Int32Array.of(0)],
      ),
    ).toBeCloseTo(1, 6);
  });

  it("scores are scaled over all images", () => {
    const images = [image([A], [[...A, 1000]]), image([A], [[...A, -1000]])];
    const sets = [[Int32Array.of(0), Int32Array.of(0)]];
    expect(evaluateWiderSets(images, sets)[0]).toBeCloseTo(1, 6);
  });
});

// A writer of small MAT files: numeric arrays, text, and cells.
type Value = { dims: number[]; numbers: number[]; type?: "double" | "uint8" } | string | Value[];

function element(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + Math.ceil(data.length / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, data.length, true);
  bytes.set(data, 8);
  return bytes;
}
const concat = (parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const ints = (values: number[]) => new Uint8Array(Int32Array.from(values).buffer);

function matrix(name: string, value: Value): Uint8Array {
  const [kind, dims, body] = Array.isArray(value)
    ? [1, [value.length, 1], concat(value.map((one) => matrix("", one)))]
    : typeof value === "string"
      ? [
          4,
          [1, value.length],
          element(4, new Uint8Array(Uint16Array.from(value, (c) => c.charCodeAt(0)).buffer)),
        ]
      : value.type === "uint8"
        ? [9, value.dims, element(2, Uint8Array.from(value.numbers))]
        : [6, value.dims, element(9, new Uint8Array(Float64Array.from(value.numbers).buffer))];
  return element(
    14,
    concat([
      element(6, ints([kind as number, 0])),
      element(5, ints(dims as number[])),
      element(
        1,
        Uint8Array.from(name, (c) => c.charCodeAt(0)),
      ),
      body as Uint8Array,
    ]),
  );
}

function mat(variables: Record<string, Value>, compressed = false): Uint8Array {
  const header = new Uint8Array(128).fill(0x20);
  header.set([0, 1, 0x49, 0x4d], 124);
  const parts = Object.entries(variables).map(([name, value]) => {
    const plain = matrix(name, value);
    if (!compressed) return plain;
    const packed = deflateSync(plain);
    const tag = new Uint8Array(8);
    new DataView(tag.buffer).setUint32(0, 15, true);
    new DataView(tag.buffer).setUint32(4, packed.length, true);
    return concat([tag, packed]);
  });
  return concat([header, ...parts]);
}

const column = (rows: number[][]): Value => ({
  dims: [rows.length, rows[0]?.length ?? 0],
  numbers: (rows[0] ?? []).flatMap((_, c) => rows.map((row) => row[c])),
});

describe("parseMat", () => {
  const variables = {
    a: { dims: [2, 2], numbers: [1, 2.5, -3, 4] },
    b: [
      "one",
      [{ dims: [1, 3], numbers: [1, 2, 255], type: "uint8" as const }],
      { dims: [0, 0], numbers: [] },
    ],
  };

  it.each([false, true])("reads numbers, text and cells, compressed: %s", (compressed) => {
    const read = parseMat(mat(variables, compressed), "x.mat");
    expect(read.get("a")).toEqual({ dims: [2, 2], numbers: Float64Array.of(1, 2.5, -3, 4) });
    expect(read.get("b")).toEqual({
      cells: [
        { text: "one" },
        { cells: [{ dims: [1, 3], numbers: Float64Array.of(1, 2, 255) }] },
        { dims: [0, 0], numbers: new Float64Array(0) },
      ],
    });
  });

  it("refuses what is not such a file, or is cut short anywhere, in words", () => {
    expect(() => parseMat(new Uint8Array(200), "x.mat")).toThrow(/x\.mat: not a level 5 MAT file/);
    const whole = mat(variables);
    for (let length = 129; length < whole.length; length += 3)
      expect(() => parseMat(whole.slice(0, length), "x.mat"), `${length}`).toThrow(/x\.mat: /);
    const packed = mat(variables, true);
    expect(() => parseMat(packed.with(150, packed[150] ^ 0xff), "x.mat")).toThrow(/x\.mat: /);
  });
});

/** Two events with three images; the second image has a face that does not count in "easy". */
async function makeSet(folder: string, submission: Record<string, string>) {
  const truth = join(folder, "truth");
  await put(
    join(truth, "wider_face_val.mat"),
    mat(
      {
        event_list: ["0--Parade", "1--Handshaking"],
        file_list: [["a", "b"], ["c"]],
        face_bbx_list: [[column([A]), column([A, B])], [column([B])]],
      },
      true,
    ),
  );
  const numbers = (...faces: number[]): Value => ({
    dims: [faces.length, faces.length > 0 ? 1 : 0],
    numbers: faces,
  });
  for (const [set, lists] of Object.entries({
    easy: [[numbers(1), numbers(2)], [numbers(1)]],
    medium: [[numbers(1), numbers(1, 2)], [numbers(1)]],
    hard: [[numbers(1), numbers(1, 2)], [numbers(1)]],
  }))
    await put(join(truth, `wider_${set}_val.mat`), mat({ gt_list: lists as Value }));
  for (const [name, text] of Object.entries(submission)) await put(join(folder, "found", name), text);
  return readWider(truth, join(folder, "found"));
}
const GOOD = {
  "0--Parade/a.txt": `a\n1\n${A.join(" ")} 0.9\n`,
  "0--Parade/b.txt": `b\r\n2\r\n${A.join(" ")} 0.8\r\n${B.join(" ")} 0.7\r\n`,
  "1--Handshaking/c.txt": `c\n0\n`,
};

describe("readWider", () => {
  it("reads lists and submission; images without a file are named", async () => {
    const set = await makeSet(join(root, "good"), GOOD);
    expect(set.missing).toEqual([]);
    expect(set.images.map(({ scores }) => scores.length)).toEqual([1, 2, 0]);
    expect(set.sets[0].map((one) => [...one])).toEqual([[0], [1], [0]]);
    const aps = evaluateWiderSets(set.images, set.sets);
    expect(aps[0]).toBeCloseTo(2 / 3, 6);
    expect(aps[1]).toBeCloseTo(3 / 4, 6);
    const { "1--Handshaking/c.txt": _, ...few } = GOOD;
    const { missing } = await makeSet(join(root, "few"), few);
    expect(missing).toEqual([join(root, "few", "found", "1--Handshaking", "c.txt")]);
  });

  it.each([
    ["b\n3\n0 0 1 1 0.5\n", /b\.txt: line 2 says 3 detections, there are 1 lines/],
    ["b\n1\n0 0 1 0.5\n", /b\.txt: line 3: "x y width height score" expected/],
    ["b\n1\n0 0 1 one 0.5\n", /b\.txt: line 3/],
    ["b\n", /b\.txt: line 2: the number of detections/],
  ])("refuses %j", async (text, message) => {
    await expect(makeSet(join(root, "bad"), { ...GOOD, "0--Parade/b.txt": text })).rejects.toThrow(message);
  });

  it("refuses a submission without any file", async () => {
    await expect(makeSet(join(root, "empty"), {})).rejects.toThrow(
      /found: there is no file of any image; expected for instance .*a\.txt/,
    );
  });

  const shared = fileURLToPath(new URL("../../../../../shared/data/", import.meta.url));
  const [truth, submission] = [
    join(shared, "wider-labels/ground_truth"),
    join(shared, "eval-reference/wider_case1/predictions"),
  ];
  if (existsSync(truth) && existsSync(submission)) {
    it("gives an independent evaluator's numbers on 3,226 images", async () => {
      const { images, sets, missing } = await readWider(truth, submission);
      expect([images.length, missing.length]).toEqual([3226, 0]);
      const [easy, medium, hard] = evaluateWiderSets(images, sets);
      expect(easy).toBeCloseTo(0.9356415711, 8);
      expect(medium).toBeCloseTo(0.899563759, 8);
      expect(hard).toBeCloseTo(0.6735011548, 8);
    });
  } else it.skip(`WIDER FACE: skipped, there is no ${submission}`);
});
