// What stored maps can and cannot say of a moved image (docs/method.md, "Stored maps"): codes that change when an image is
// moved by a multiple of the output stride, away from its edges. A network that pools to stride 16 before its neck makes
// them again only when the image moves by 16 pixels.
import { noGrad, scope, tensor } from "@qmimic/torch";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/random.js";
import { createBackbone } from "../../src/models/backbones/backbone.js";
import { NECKS } from "../../src/models/index.js";
import { quantizeCodes } from "../../src/native/quantize.js";

const SIDE = 640;
/** Pixels from the edges that their padding may reach through the layers. */
const MARGIN = 256;

const noise = createRandom("picture");
/** Larger than the input: it is looked at through a moved window. */
const picture = Float32Array.from({ length: 3 * (SIDE + 16) ** 2 }, () => 2 * noise() - 1);
const window = (shift: number) => {
  const width = SIDE + 16;
  const seen = new Float32Array(3 * SIDE * SIDE);
  for (let row = 0; row < 3 * SIDE; row++) {
    const from = (Math.floor(row / SIDE) * width + (row % SIDE) + shift) * width + shift;
    seen.set(picture.subarray(from, from + SIDE), row * SIDE);
  }
  return tensor(seen, [1, 3, SIDE, SIDE]);
};

describe.each(["vgg-1-32", "resnet18-1-16"])("%s", (backbone) => {
  test.each(NECKS.flatMap((neck) => ([4, 8, 16] as const).map((outputStride) => ({ neck, outputStride }))))(
    "neck $neck, stride $outputStride",
    ({ neck, outputStride }) => {
      const network = createBackbone({ backbone, neck, outputStride }, createRandom("shift")).eval();
      const cells = SIDE / outputStride;
      const mapOf = (shift: number) => noGrad(() => scope(() => network.forward(window(shift)).toFloat32()));
      const plain = mapOf(0);
      const rms = Math.sqrt(plain.reduce((sum, x) => sum + x * x, 0) / plain.filter((x) => x > 0).length);
      const codes = (shift: number) =>
        scope(() => quantizeCodes(tensor(mapOf(shift)), rms / 2).toArray() as Uint8Array);
      const still = codes(0);
      /** Fraction of the codes that are not 0 in either and differ, when the picture is moved by `shift` px. */
      const changed = (shift: number): number => {
        const moved = codes(shift);
        const by = shift / outputStride;
        const margin = MARGIN / outputStride;
        let [differ, active] = [0, 0];
        for (let c = 0; c < network.outChannels; c++) {
          for (let y = margin; y < cells - margin; y++) {
            for (let x = margin; x < cells - margin; x++) {
              const a = still[(c * cells + y) * cells + x];
              const b = moved[(c * cells + y - by) * cells + x - by];
              active += Number(a !== 0 || b !== 0);
              differ += Number(a !== b);
            }
          }
        }
        expect(active).toBeGreaterThan(0);
        return differ / active;
      };
      const exact = neck === "none" ? outputStride : 16;
      for (let shift = outputStride; shift <= 16; shift += outputStride) {
        if (shift % exact === 0) expect(changed(shift), `${shift} px`).toBe(0);
        else expect(changed(shift), `${shift} px`).toBeGreaterThan(0.05);
      }
      network.dispose();
    },
  );
});
