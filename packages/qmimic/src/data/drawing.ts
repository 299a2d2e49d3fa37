// Images and augmentations to the network's input, by the addon's kernel.
import { imagesToBatch, type Tensor, tensor } from "@qmimic/torch";
import type { Augmentation, CanvasSize } from "./augment.js";
import type { RawImage } from "./images.js";

/** The pixels of a batch, [B, 3, H, W]. */
export function drawImages(
  images: readonly RawImage[],
  augmentations: readonly Augmentation[],
  canvas: CanvasSize,
  device: string,
): Tensor {
  const geometry = new Float32Array(5 * images.length);
  const colour = new Float32Array(12 * images.length);
  augmentations.forEach((one, i) => {
    geometry.set([one.scale, one.scale, one.offsetX, one.offsetY, one.flip ? 1 : 0], 5 * i);
    colour.set(one.colour, 12 * i);
  });
  const sources = images.map(({ data, width, height }) => tensor(data, [height, width, 3]));
  const batch = imagesToBatch(
    sources,
    tensor(geometry, [images.length, 5]),
    tensor(colour, [images.length, 12]),
    canvas.height,
    canvas.width,
  );
  return batch.to(device);
}
