// A set that any detector learns in a minute: red squares and blue discs on grey noise.
import { join } from "node:path";
import sharp from "sharp";
import { createRandom } from "../../src/data/random.js";
import { put, xmlOf } from "./temporary.js";

export const SHAPES_SIDE = 96;

/** A VOC folder with so many pictures of each split; classes are "disc" and "square". */
export async function makeShapes(root: string, splits: Record<string, number>): Promise<string> {
  const random = createRandom("shapes");
  for (const [split, count] of Object.entries(splits)) {
    const ids = Array.from({ length: count }, (_, i) => `${split}-${i}`);
    for (const id of ids) {
      const pixels = Uint8Array.from({ length: 3 * SHAPES_SIDE ** 2 }, () => 110 + Math.floor(36 * random()));
      // One on each half, so that they do not touch.
      const objects = [0, 1].map((half) => {
        const size = 22 + Math.floor(20 * random());
        const left = Math.floor(half * 48 + random() * (47 - size));
        const top = Math.floor(random() * (SHAPES_SIDE - size));
        const name = random() < 0.5 ? "disc" : "square";
        paint(pixels, name, { left, top, size });
        return { name, box: [left + 1, top + 1, left + size, top + size] };
      });
      const raw = { width: SHAPES_SIDE, height: SHAPES_SIDE, channels: 3 } as const;
      await put(join(root, "JPEGImages", `${id}.png`), await sharp(pixels, { raw }).png().toBuffer());
      await put(join(root, "Annotations", `${id}.xml`), xmlOf(SHAPES_SIDE, SHAPES_SIDE, objects));
    }
    await put(join(root, "ImageSets", "Main", `${split}.txt`), `${ids.join("\n")}\n`);
  }
  return root;
}

interface Square {
  left: number;
  top: number;
  size: number;
}

function paint(pixels: Uint8Array, name: string, { left, top, size }: Square): void {
  const radius = size / 2;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (name === "disc" && (x + 0.5 - radius) ** 2 + (y + 0.5 - radius) ** 2 > radius ** 2) continue;
      pixels.set(name === "disc" ? [30, 50, 220] : [220, 40, 30], 3 * ((top + y) * SHAPES_SIDE + left + x));
    }
  }
}
