// Text of label files: by byte order mark, declaration, or UTF-8; what cannot be decoded is refused by its place.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readDataset } from "../../src/data/dataset.js";
import { someOf } from "../../src/data/problems.js";
import { parseXml } from "../../src/data/readers/xml.js";
import { decodeText, splitLines } from "../../src/data/text.js";
import { makeVoc, put, temporaryFolder, xmlOf } from "./temporary.js";

const root = await temporaryFolder();
const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));
const utf16 = (text: string, big = false): Uint8Array => {
  const little = Buffer.from(text, "utf16le");
  return big ? little.swap16() : little;
};
const declared = (encoding: string): string => `<?xml version="1.0" encoding="${encoding}"?>`;

describe("decodeText", () => {
  it.each([
    ["UTF-8", bytes("собака"), "собака"],
    ["UTF-8 with its mark", bytes([0xef, 0xbb, 0xbf], "собака"), "собака"],
    ["UTF-16 with its mark", bytes([0xff, 0xfe], [...utf16("a\nя")]), "a\nя"],
    ["UTF-16, big end first", bytes([0xfe, 0xff], [...utf16("aя", true)]), "aя"],
    ["UTF-16 without a mark", utf16("abc"), "abc"],
    ["GBK as declared", bytes(declared("gb2312"), [0xc8, 0xcb]), `${declared("gb2312")}人`],
    ["Windows-1252 as declared", bytes(declared("Windows-1252"), [0xdf]), `${declared("Windows-1252")}ß`],
    ["Shift-JIS as declared", bytes(declared("Shift_JIS"), [0x94, 0x4c]), `${declared("Shift_JIS")}猫`],
    ["a declaration of UTF-16 that is not true", bytes(declared("utf-16"), "я"), `${declared("utf-16")}я`],
    ["nothing", bytes(), ""],
  ])("%s", (_, given, expected) => {
    expect(decodeText(given, "a.txt")).toBe(expected);
  });

  it.each([
    [
      "GBK without a declaration",
      bytes("ab", [0xc8, 0xcb]),
      /a\.txt: the byte cb at offset 3 is not valid UTF-8/,
    ],
    [
      "a cut-off character",
      bytes("ab", [0xe4, 0xba]),
      /a\.txt: the byte end of file at offset 4 is not valid UTF-8/,
    ],
    [
      "another encoding than declared",
      bytes(declared("utf-8"), [0xff, 0xfe, 0x41]),
      /byte ff at offset 38 is not valid UTF-8 \(as declared\)/,
    ],
    ["an unknown encoding", bytes(declared("klingon")), /a\.txt: unknown encoding "klingon"/],
  ])("refuses %s", (_, given, expected) => {
    expect(() => decodeText(given, "a.txt")).toThrow(expected);
  });

  it("lines end as any system ends them", () => {
    expect(splitLines("a\rb\r\nc\nd")).toEqual(["a", "b", "c", "d"]);
  });
});

it("a few names of many are safe to print", () => {
  expect(someOf(["a", "b\u001b[31m", "c"])).toBe("a, b\\x1b[31m, c");
  expect(someOf(["a", "b", "x".repeat(400), "d", "e"])).toBe(`a, b, ${"x".repeat(300)}... and 2 more`);
});

describe("XML", () => {
  it.each([
    ["&#29483; &#x732B; &#128512;", "猫 猫 😀"],
    ["a &amp; b &lt;c&gt; &quot;d&apos;", "a & b <c> \"d'"],
    ["&amp;#65; &amp;lt;", "&#65; &lt;"],
    ["<![CDATA[a & b]]>", "a & b"],
  ])("%s", (text, expected) => {
    expect(parseXml(`<annotation><name>${text}</name></annotation>`, "a.xml", "annotation")).toEqual({
      name: expected,
    });
  });
});

describe("labels", () => {
  const set = (name: string) => makeVoc(join(root, name), { a: [{ name: "猫" }] }, { train: "a\n" });

  it("annotations and lists in other encodings are read as what they say", async () => {
    const folder = await set("encodings");
    await put(
      join(folder, "Annotations", "a.xml"),
      bytes([0xff, 0xfe], [...utf16(xmlOf(100, 80, [{ name: "猫" }]))]),
    );
    await put(join(folder, "ImageSets", "Main", "train.txt"), bytes([0xfe, 0xff], [...utf16("a\r", true)]));
    expect((await readDataset(folder, "train")).classes).toEqual(["猫"]);
  });

  it("undecodable names are refused by file and place, not fused", async () => {
    const folder = await set("undecodable");
    const xml = xmlOf(100, 80, [{ name: "??" }]);
    const at = xml.indexOf("??");
    await put(join(folder, "Annotations", "a.xml"), bytes(xml.slice(0, at), [0xc8, 0xcb], xml.slice(at + 2)));
    await expect(readDataset(folder, "train")).rejects.toThrow(
      new RegExp(`a\\.xml: the byte cb at offset ${at + 1} is not valid UTF-8`),
    );
  });
});
