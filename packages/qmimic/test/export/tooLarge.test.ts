// Detectors that the runtime cannot run: errors for the user, with the file's name and a remedy.
import { ModelError, PictureError } from "@qmimic/runtime";
import { setThreads } from "@qmimic/torch";
import { expect, test } from "vitest";
import { makeFormat } from "../../src/cli/exportFormats.js";
import { explain, InputError, inFile } from "../../src/errors.js";
import { modelFile } from "../../src/export/modelFile.js";
import { openModel } from "../../src/export/openDetector.js";
import { untrainedDetector, untrainedModel } from "./untrained.js";

setThreads(1);
const picture = { ...{ data: new Uint8Array(3), width: 1, height: 1 }, originalWidth: 1, originalHeight: 1 };

test("with a side: refused at the first picture", async () => {
  const { detect } = await openModel("out/small.safetensors", untrainedModel("fcos"), { side: 8192 });
  const message = /^out\/small\.safetensors: an input of 8192 x 8192 pixels needs .*: use a smaller side$/;
  expect(() => detect([picture])).toThrow(InputError);
  expect(() => detect([picture])).toThrow(message);
});

test("at any side: refused by name when it is opened, and by c-int8 when it is calibrated", async () => {
  const regions = { roiSize: 32, rpnPostNms: 20_000, rpnScore: 1 };
  const detector = untrainedDetector("faster-rcnn", ["cat"], {
    ...{ backbone: "vgg-1-32", headWidth: 4, ...regions },
  });
  const opening = openModel("out/large.html", modelFile(detector, undefined, "int8"));
  await expect(opening).rejects.toThrow(/^out\/large\.html: an input of .*: use a smaller side$/);
  const source = { detector, thresholds: undefined };
  const model = () => modelFile(detector, undefined, "int8");
  const options = { model, input: { width: 96, height: 96 }, calibration: [picture] };
  expect(() => makeFormat("c-int8", { sources: { float32: source, int8: source }, ...options })).toThrow(
    /^c-int8: an input of 96 x 96 pixels needs /,
  );
  detector.dispose();
});

test.each([new ModelError("too large"), new PictureError("no pixels")])("%s is explained", (error) => {
  expect(explain(error)).toBe(error.message);
  expect(inFile("a.safetensors", error)).toEqual(new InputError(`a.safetensors: ${error.message}`));
  const bug = new Error("a bug");
  expect(explain(bug)).toBeUndefined();
  expect(inFile("a.safetensors", bug)).toBe(bug);
});
