// What is packed into a page comes out of the page's own function as it went in.
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { modelFile } from "../../src/export/modelFile.js";
import { htmlPage } from "../../src/export/page/htmlPage.js";
import { packedElement, toText, UNPACK } from "../../src/export/page/packing.js";
import { configureDetector, createDetector, kindOf } from "../../src/models/index.js";

/** The page's function, on an element as the browser's parser leaves it. */
async function unpacked(element: string): Promise<Uint8Array> {
  const [, attributes, textContent] = /^<script type="text\/plain" (.*?)>(.*)<\/script>$/s.exec(element)!;
  const dataset = Object.fromEntries(
    [...attributes.matchAll(/data-(\w+)="(\d+)"/g)].map(([, k, v]) => [k, v]),
  );
  const document = { getElementById: () => ({ dataset, textContent }) };
  const unpack = runInNewContext(`${UNPACK}; unpack`, {
    ...{ document, Blob, Response, DecompressionStream, Uint8Array, ArrayBuffer, DataView },
  });
  return unpack("model");
}

const random = createRandom("packing");
const noise = (length: number) => Uint8Array.from({ length }, () => Math.floor(256 * random()));
const floats = new Uint8Array(Float32Array.from({ length: 999 }, () => random() - 0.5).buffer);

describe("packed", () => {
  it.each([
    ...[0, 1, 2, 3, 6, 7, 8, 9, 255, 4001].map((length): [string, Uint8Array] => [
      `${length} of noise`,
      noise(length),
    ]),
    ["floats", floats],
    ["floats and a byte", Uint8Array.from([...floats, 7])],
    ["zeros", new Uint8Array(1000)],
    ["text", new TextEncoder().encode("</script><!-- \r\n & ü ".repeat(50))],
  ])("%s", async (_, bytes) => {
    expect(await unpacked(packedElement("model", bytes))).toEqual(bytes);
  });

  it("text and floats", async () => {
    for (const text of [0, 1, 2, 3, 4, 1001]) {
      const bytes = Uint8Array.from([...new Uint8Array(text).fill(65), ...floats]);
      const element = packedElement("model", bytes, text);
      expect(element).toContain(`data-floats="${text}"`);
      expect(await unpacked(element)).toEqual(bytes);
    }
  });
});

it("holds nothing that HTML changes, whatever the bytes", () => {
  for (const bytes of [
    noise(20_000),
    new Uint8Array(100),
    new Uint8Array(100).fill(0x3c),
    Uint8Array.from([0xff]),
  ])
    expect(toText(bytes)).not.toMatch(/[\0\r<]|[\ud800-\udfff]/);
});

it("takes a seventh more than the bytes", () => {
  const bytes = noise(50_000);
  expect(Buffer.byteLength(toText(bytes)) / bytes.length).toBeLessThan(1.15);
});

it("floats by rows of their bytes are shorter", () => {
  expect(packedElement("model", floats)).toMatch(/data-floats="0"/);
  const program = Buffer.from("const a = 1;".repeat(99));
  expect(packedElement("program", program)).toMatch(new RegExp(`data-floats="${program.length}"`));
});

it("a page with a two-stage detector of the faces recipe takes 250 kB, 120 kB with weights of eight bits", () => {
  const settings = kindOf("faster-rcnn").settings.parse({
    anchorSizes: [8, 16, 32, 64, 128],
    aspectRatios: [1],
  });
  const shared = {
    ...settings,
    detector: "faster-rcnn",
    side: 480,
    outputStride: 4 as const,
    neck: "detail" as const,
  };
  const facts = { backbone: "vgg-1-32", samples: [], side: 480, classes: ["face"] };
  const detector = createDetector(configureDetector(shared, facts), createRandom("page"));
  const [whole, eight] = (["float32", "int8"] as const).map((kind) =>
    Buffer.byteLength(htmlPage(modelFile(detector, [0.5], kind), "face")),
  );
  detector.dispose();
  expect(whole).toBeLessThan(250_000);
  expect(eight).toBeLessThan(120_000);
});
