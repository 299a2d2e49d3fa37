// CVAT for images 1.1, and what is refused of it.
import { describe, expect, it } from "vitest";
import { readDataset } from "../../../src/data/dataset.js";
import { folder, IMAGE, message, read } from "./labelFolders.js";

describe("CVAT for images", () => {
  const document = (images: string, labels = "<label><name>cat</name></label>") =>
    `<?xml version="1.0"?><annotations><version>1.1</version><meta><task><labels>${labels}</labels></task></meta>${images}</annotations>`;
  const of = (shapes: string, more = "") =>
    document(`<image id="0" name="a.jpg" width="100" height="80"${more}>${shapes}</image>`);
  const tag = (name: string, attributes: string) => `<${name} label="cat" occluded="0" ${attributes}/>`;

  it.each([
    ["a box", tag("box", 'xtl="10" ytl="20" xbr="30" ybr="40"'), [10, 20, 30, 40]],
    ["a turned box", tag("box", 'xtl="40" ytl="30" xbr="60" ybr="40" rotation="90"'), [45, 25, 55, 45]],
    ["a polygon", tag("polygon", 'points="10.00,20.00;30.00,25.00;20.00,40.00"'), [10, 20, 30, 40]],
    ["an ellipse", tag("ellipse", 'cx="20" cy="30" rx="10" ry="10"'), [10, 20, 30, 40]],
    ["a mask", tag("mask", 'rle="1, 2" left="10" top="20" width="20" height="20"'), [10, 20, 30, 40]],
    ["points and tags", `${tag("points", 'points="1,1"')}<tag label="cat"></tag>`, []],
  ])("%s", async (_, shapes, expected) => {
    const set = await folder({ "annotations.xml": of(shapes), "images/a.jpg": IMAGE });
    const [{ boxes }] = await read(set);
    expect([...boxes].map((value) => Math.round(value * 1e4) / 1e4)).toEqual(expected);
  });

  it("subsets are splits, and classes have the order of the task", async () => {
    const set = await folder({
      "annotations.xml": document(
        `<image id="0" name="s/a.jpg" subset="Train" width="100" height="80"/><image id="1" name="b.jpg" subset="Validation" width="100" height="80">${tag("box", 'xtl="1" ytl="2" xbr="3" ybr="4"')}</image>`,
        "<label><name>zebra</name></label><label><name>cat</name></label>",
      ),
      "images/Train/s/a.jpg": IMAGE,
      "images/Validation/b.jpg": IMAGE,
    });
    expect((await read(set)).map(({ id }) => id)).toEqual(["s/a"]);
    const { classes, samples } = await readDataset(set, "val");
    expect([classes, [...samples[0].labels]]).toEqual([["zebra", "cat"], [2]]);
  });

  it.each([
    [
      tag("box", 'xtl="ten" ytl="20" xbr="30" ybr="40"'),
      /image "a\.jpg", box: "cat": xtl is "ten"; expected a number/,
    ],
    [tag("box", 'xtl="10" ytl="20" xbr="300" ybr="40"'), /image "a\.jpg", box: "cat" has a box.*outside/],
    [tag("polygon", 'points="10,20;30"'), /expected at least three points/],
  ])("refuses %j", async (shapes, expected) => {
    expect(await message(await folder({ "annotations.xml": of(shapes), "a.jpg": IMAGE }))).toMatch(expected);
  });

  it("refuses tracks of videos", async () => {
    const set = await folder({
      "annotations.xml": document('<track id="0" label="cat"></track>'),
      "a.jpg": IMAGE,
    });
    expect(await message(set)).toMatch(/CVAT for video/);
  });
});
