// Where a picture lies in an input of a fixed size: as large as fits, at the upper left. library/picture.c does the same.
import type { Placement, Size } from "@qmimic/runtime";

export function fixedPlacement({ width, height }: Size, canvas: Size): Placement {
  const byWidth = height * canvas.width <= width * canvas.height;
  const scaled = (length: number, to: number, from: number) =>
    Math.max(1, Math.floor((2 * length * to + from) / (2 * from)));
  return {
    scale: byWidth ? canvas.width / width : canvas.height / height,
    size: {
      width: byWidth ? canvas.width : scaled(width, canvas.height, height),
      height: byWidth ? scaled(height, canvas.width, width) : canvas.height,
    },
    canvas,
  };
}
