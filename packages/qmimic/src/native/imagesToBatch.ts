// Draws images of different sizes into one batch.
import type { Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

const imagesToBatchOf = ownOperator("qmimic::images_to_batch");
/**
 * Scales, positions, mirrors and recolours images, and writes them into one batch.
 * @param images uint8 [h, w, 3] each
 * @param geometry [B, 7]: scale x, scale y, offset x, offset y (pixels of the batch), mirrored (0 or 1), and the drawn size in pixels, width and height, which the caller has rounded
 * @param colour [B, 12]: a 3 x 4 matrix that maps red, green, blue in 0..255 to the network's input
 * @returns [B, 3, height, width]; 0 outside the images
 */
export const imagesToBatch = (
  images: readonly Tensor[],
  geometry: Tensor,
  colour: Tensor,
  { height, width }: { height: number; width: number },
): Tensor => imagesToBatchOf(images, geometry, colour, height, width);
