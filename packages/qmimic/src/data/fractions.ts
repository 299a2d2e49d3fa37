// Boxes as fractions of the image's sides, as YOLO writes them.
import type { Box, ImageSize } from "./boxes.js";

/** A box from its centre, width and height. */
export function fromCentre([x, y, width, height]: readonly number[]): Box {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}

/** Centre, width and height of a box, as fractions of the image. */
export function centreOf([xmin, ymin, xmax, ymax]: Readonly<Box>, { width, height }: ImageSize): number[] {
  return [
    (xmin + xmax) / 2 / width,
    (ymin + ymax) / 2 / height,
    (xmax - xmin) / width,
    (ymax - ymin) / height,
  ];
}

/** Rounded to a billionth of a pixel, so that edges at 0 or 1 are exact. */
export function toPixels([xmin, ymin, xmax, ymax]: Readonly<Box>, { width, height }: ImageSize): Box {
  const round = (value: number): number => Math.round(value * 1e9) / 1e9;
  return [round(xmin * width), round(ymin * height), round(xmax * width), round(ymax * height)];
}
