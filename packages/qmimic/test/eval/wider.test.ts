import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { parseMat } from "../../src/eval/readers/matFile.js";
import { readWider } from "../../src/eval/readers/widerFolder.js";
import { evaluateWider, type WiderImage } from "../../src/eval/wider.js";
import { put, temporaryFolder } from "../data/temporary.js";
import { type MatInput, matBytes } from "./matBytes.js";
import { haveShared, shared } from "./sharedData.js";
import { slowWider } from "./slowWider.js";

const image = (id: string, faces: number[], boxes: number[], scores: number[]): WiderImage => ({
  id,
  faces: Float64Array.from(faces),
  boxes: Float64Array.from(boxes),
  scores: Float64Array.from(scores),
});
const A = [0, 0, 9, 9];
const B = [30, 0, 9, 9];
const NOWHERE = [70, 70, 9, 9];
const apOf = (images: WiderImage[], counted: number[][]) =>
  evaluateWider(images, [{ name: "s", counted: counted.map((marks) => Uint8Array.from(marks)) }])[0];

describe("evaluateWider", () => {
  it("ignores detections of faces outside the setting, and leaves out images without faces", () => {
    const images = [image("1", [...A, ...B], [...A, ...B], [0.9, 1]), image("2", [], NOWHERE, [1])];
    expect(apOf(images, [[1, 0], []])).toMatchObject({ ap: 1, faces: 1 });
    expect(apOf(images, [[0, 0], []])).toMatchObject({ ap: null, faces: 0 });
  });

  it("counts a second detection of a face as a false positive", () => {
    const images = [image("1", [...A, ...B], [...A, ...A, ...B], [1, 0.5, 0])];
    expect(apOf(images, [[1, 1]]).ap).toBeCloseTo(0.5 + 0.5 * (2 / 3), 12);
  });

  it("stretches scores over the whole set", () => {
    const images = (scale: number) => [
      image("1", A, [...A, ...NOWHERE], [-3 * scale, -5 * scale]),
      image("2", B, [...NOWHERE, ...B], [-2 * scale, -4 * scale]),
    ];
    expect(apOf(images(1), [[1], [1]]).ap).toBeCloseTo(2 / 3, 12);
    expect(apOf(images(1000), [[1], [1]])).toEqual(apOf(images(1), [[1], [1]]));
  });

  it("includes the last pixel of a box", () => {
    // 10 x 5 of 10 x 10 pixels: exactly half; as edges 9 x 4 of 81.
    expect(apOf([image("1", A, [0, 0, 9, 4], [1])], [[1]]).ap).toBe(1);
  });

  it("has one answer where nothing or everything has one score", () => {
    expect(apOf([image("1", A, A, [0.5])], [[1]]).ap).toBe(1);
    expect(apOf([image("1", A, [], [])], [[1]]).ap).toBe(0);
  });

  it("ranks the detections of an image by score, whatever the order of its file", () => {
    // In the order of the file NOWHERE would count from the first threshold on.
    expect(apOf([image("1", A, [...NOWHERE, ...A], [0.1, 0.9])], [[1]]).ap).toBe(1);
    // The better of two detections of a face finds it.
    expect(apOf([image("1", [...A, ...B], [...A, ...B, ...A], [0.1, 0.5, 0.9])], [[1, 1]]).ap).toBe(1);
  });

  it("equals the official walk over all thresholds, also for files that are not sorted", () => {
    for (let round = 0; round < 4; round++) {
      const random = createRandom(round);
      const whole = (below: number) => Math.floor(random() * below);
      const images = Array.from({ length: 4 }, (_, i) => {
        const faces = Array.from({ length: whole(5) }, () => [
          whole(40),
          whole(40),
          5 + whole(9),
          5 + whole(9),
        ]);
        const boxes = [...faces, ...faces, NOWHERE].map((box) => box.map((value) => value + whole(3)));
        const scores = boxes.map(() => (round % 2 ? random() : whole(8) / 8));
        if (round < 2) scores.sort((a, b) => b - a);
        return image(String(i), faces.flat(), boxes.flat(), scores);
      });
      const counted = images.map(({ faces }) =>
        Uint8Array.from({ length: faces.length / 4 }, () => whole(2)),
      );
      const [{ ap }] = evaluateWider(images, [{ name: "s", counted }]);
      expect(ap).toBeCloseTo(slowWider(images, counted), 12);
    }
  });
});

describe("parseMat", () => {
  const cells: MatInput = {
    cells: [
      "0--Parade",
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { cells: [] },
      "ab",
      [[7]],
    ],
  };

  it.each([true, false])("reads cells, texts and numbers (compressed: %s)", (compressed) => {
    const value = parseMat(matBytes({ list: cells, n: [[0.5]] }, { compressed }));
    expect(value.get("list")).toMatchObject({
      kind: "cell",
      dims: [5, 1],
      cells: [
        { kind: "text", text: "0--Parade" },
        { kind: "numbers", dims: [3, 2], numbers: Float64Array.of(1, 3, 5, 2, 4, 6) },
        { kind: "cell", cells: [] },
        { kind: "text", text: "ab" },
        { kind: "numbers", numbers: Float64Array.of(7) },
      ],
    });
    expect(value.get("n")).toMatchObject({ numbers: Float64Array.of(0.5) });
  });

  it("refuses what is no such file, at whatever byte it is cut", () => {
    const bytes = matBytes({ list: cells }, { compressed: false });
    expect(() => parseMat(new Uint8Array(10))).toThrow(/10 bytes; expected at least 128/);
    expect(() => parseMat(new Uint8Array(200))).toThrow(/no byte order mark/);
    for (let end = 129; end < bytes.length; end++) {
      expect(() => parseMat(bytes.subarray(0, end)), `cut at ${end}`).toThrow();
    }
  });
});

describe("readWider", () => {
  const files = (keep: number[][]) =>
    matBytes({
      event_list: { cells: ["0--Parade"] },
      file_list: { cells: [{ cells: ["p_1", "p_2"] }] },
      face_bbx_list: { cells: [{ cells: [[A, B], [B]] }] },
      gt_list: { cells: [{ cells: [keep, []] }] },
    });

  async function folders(submission: Record<string, string>) {
    const root = await temporaryFolder();
    const truth = join(root, "ground_truth");
    for (const name of ["easy", "medium", "hard"]) {
      await put(join(truth, `wider_${name}_val.mat`), files(name === "easy" ? [[1]] : [[1], [2]]));
    }
    const found = join(root, "found");
    for (const [name, text] of Object.entries(submission)) await put(join(found, name), text);
    return [truth, found] as const;
  }

  it("reads faces, settings and detections, and says which images have no file", async () => {
    const [truth, found] = await folders({ "0--Parade/p_1.txt": "p_1\n1\n0 0 9 9 0.75\n" });
    const { images, settings, missing } = await readWider(truth, found);
    expect(images[0]).toEqual(image("0--Parade/p_1", [...A, ...B], A, [0.75]));
    expect(images[1]).toEqual(image("0--Parade/p_2", B, [], []));
    expect(settings.map(({ name, counted }) => [name, ...counted[0]])).toEqual([
      ["easy", 1, 0],
      ["medium", 1, 1],
      ["hard", 1, 1],
    ]);
    expect(missing).toEqual(["0--Parade/p_2"]);
  });

  it.each([
    ["p_1\n2\n0 0 9 9 0.5\n", /p_1.txt: line 2 says 2 detections, but 1 lines follow/],
    ["p_1\n1\n0 0 9 nan 0.5\n", /p_1.txt: line 3: "0 0 9 nan 0.5"; expected x, y, width, height and score/],
    ["p_1\n1\n0 0 9 9\n", /line 3: "0 0 9 9"/],
    [
      "p_1\n2\n0 0 9 9 0.5\n9 0 -9 9 0.5\n",
      /line 4: "9 0 -9 9 0.5": negative size; expected width and height of 0/,
    ],
    ["p_1\n1\n0 0 9 -0.5 0.5\n", /line 3: "0 0 9 -0.5 0.5": negative size/],
    ["p_2\n0\n", /line 1: "p_2"; expected the image's name, p_1/],
    ["", /line 1: ""/],
    ["p_1\nmany\n", /line 2: "many"; expected the number of detections/],
  ])("refuses the file %j", async (text, message) => {
    const [truth, found] = await folders({ "0--Parade/p_1.txt": text });
    await expect(readWider(truth, found)).rejects.toThrow(message);
  });

  it("refuses detections of unknown events and images, and an empty folder", async () => {
    const sound = "p_1\n0\n";
    for (const [name, message] of [
      ["0--Parade/p_3.txt", /p_3.txt: not an image in the ground truth/],
      ["0-Parade/p_1.txt", /0-Parade: not an event in the ground truth. Did you mean "0--Parade"\?/],
      ["notes.txt", /notes.txt: not an event folder/],
    ] as const) {
      const [truth, found] = await folders({ "0--Parade/p_1.txt": sound, [name]: sound });
      await expect(readWider(truth, found)).rejects.toThrow(message);
    }
    const [truth, found] = await folders({});
    await expect(readWider(truth, found)).rejects.toThrow(/found: no such directory/);
    await expect(readWider(found, found)).rejects.toThrow(/wider_easy_val.mat: no such file/);
  });
});

describe.skipIf(!haveShared)("WIDER FACE, another evaluator's values (skipped without shared data)", () => {
  it("wider_case1: easy, medium and hard", async () => {
    const { images, settings, missing } = await readWider(
      join(shared, "wider-labels", "ground_truth"),
      join(shared, "eval-reference", "wider_case1", "predictions"),
    );
    expect([images.length, missing.length]).toEqual([3226, 0]);
    const aps = evaluateWider(images, settings).map(({ ap }) => ap!);
    const expected = [0.9356415711, 0.899563759, 0.6735011548];
    aps.forEach((ap, i) => {
      expect(Math.abs(ap - expected[i])).toBeLessThan(1e-9);
    });
  });
});
