// qmimic evaluate through the real command line.
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { makeVoc, put, temporaryFolder } from "../data/temporary.js";
import { matBytes } from "../eval/matBytes.js";
import { qmimic } from "./qmimic.js";

const root = await temporaryFolder();

describe.concurrent("qmimic evaluate", () => {
  it("voc", async () => {
    const truth = join(root, "voc");
    await makeVoc(truth, { a: [{ box: [1, 1, 10, 10] }, { name: "dog" }] }, { test: "a\n" });
    const found = join(root, "voc-found");
    await put(join(found, "comp4_det_test_cat.txt"), "a 0.5 1 1 10 5\n");
    const json = join(root, "voc.json");
    const args = ["evaluate", "voc", "--ground-truth", truth, "--detections", found];
    const { code, stdout } = await qmimic([...args, "--inclusive", "--json", json]);
    expect(stdout).toMatch(/^mean AP50 50.0, 11-point 50.0 \(boxes include their last pixel\)$/m);
    expect(stdout).toMatch(/^cat +1 +0 +1 +100.0 +100.0$/m);
    expect(stdout).toMatch(/^no file for dog: counted as no detections/m);
    expect(code).toBe(0);
    expect(JSON.parse(await readFile(json, "utf8"))).toMatchObject({
      protocol: "voc",
      images: 1,
      mAP: 0.5,
      mAP11: 0.5,
      pixelInclusive: true,
      missing: ["dog"],
    });
    // As edges the box has 4/9 of the object.
    expect((await qmimic(args)).stdout).toMatch(/^cat +1 +0 +1 +0.0/m);
    await put(join(found, "comp4_det_test_dog.txt"), "a 0.5 1 1 10 5\nb 0.5 1 1 10 5\n");
    const refused = await qmimic([...args, "--json", join(root, "refused.json")]);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(
      /^qmimic: .*comp4_det_test_dog.txt: line 2: the split has no image "b"\n$/,
    );
    expect(existsSync(join(root, "refused.json"))).toBe(false);
  });

  it("coco", async () => {
    const truth = join(root, "truth.json");
    const found = join(root, "found.json");
    const box = { image_id: 1, category_id: 2, bbox: [0, 0, 50, 50] };
    await put(
      truth,
      JSON.stringify({ images: [{ id: 1 }], categories: [{ id: 2, name: "cat" }], annotations: [box] }),
    );
    await put(found, JSON.stringify([{ ...box, score: 0.5 }]));
    const { code, stdout } = await qmimic([
      "evaluate",
      "coco",
      "--ground-truth",
      truth,
      "--detections",
      found,
    ]);
    expect(stdout).toMatch(/AP50:95 +AP50 +AP75 +small +medium +large\n100.0 +100.0 +100.0 +- +100.0 +-/);
    expect(code).toBe(0);
    await put(found, JSON.stringify([box]));
    const refused = await qmimic(["evaluate", "coco", "--ground-truth", truth, "--detections", found]);
    expect(refused.stderr).toMatch(/^qmimic: .*found.json: \[0\].score is missing; expected a number\n$/);
    expect(refused.code).toBe(1);
  });

  it("wider", async () => {
    const truth = join(root, "ground_truth");
    const found = join(root, "submission");
    const faces = [[0, 0, 9, 9]];
    for (const name of ["easy", "medium", "hard"]) {
      const bytes = matBytes({
        event_list: { cells: ["0--Parade"] },
        file_list: { cells: [{ cells: ["p_1", "p_2"] }] },
        face_bbx_list: { cells: [{ cells: [faces, faces] }] },
        gt_list: { cells: [{ cells: [[[1]], [[1]]] }] },
      });
      await put(join(truth, `wider_${name}_val.mat`), bytes);
    }
    await put(join(found, "0--Parade", "p_2.txt"), "p_2\n1\n0 0 9 9 0.5\n");
    const args = ["evaluate", "wider", "--ground-truth", truth, "--detections", found];
    const { code, stdout } = await qmimic(args);
    expect(stdout).toMatch(/^hard +2 +50.0$/m);
    expect(stdout).toMatch(/^1 image has no file \(0--Parade\/p_1\): their faces count as missed$/m);
    expect(code).toBe(0);
    await put(join(truth, "wider_hard_val.mat"), "no MAT-file");
    expect(await qmimic(args)).toMatchObject({
      code: 1,
      stderr: `qmimic: ${join(truth, "wider_hard_val.mat")}: cannot be read as a MAT-file of version 5: 11 bytes; expected at least 128\n`,
    });
  });

  it("is loaded without libtorch", () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = readFileSync(file, "utf8");
      for (const [, what, from] of text.matchAll(/^(?:import|export)(?: ([^"]*?) from)? "([^"]+)";/gms)) {
        if (what?.startsWith("type ")) continue;
        expect(from, file).not.toBe("@qmimic/torch");
        if (from.startsWith(".")) visit(resolve(dirname(file), from.replace(/\.js$/, ".ts")));
      }
    };
    visit(fileURLToPath(new URL("../../src/cli/evaluate.ts", import.meta.url)));
    expect([...seen].some((file) => file.endsWith("matFile.ts"))).toBe(true);
  });
});
