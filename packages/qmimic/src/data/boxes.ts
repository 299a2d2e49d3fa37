// Validates boxes of labels.
import { quoted } from "../text.js";

/** xmin, ymin, xmax, ymax in pixels of the image. */
export type Box = [number, number, number, number];

export interface ImageSize {
  width: number;
  height: number;
}

/**
 * VOC counts pixels from 1 and its boxes include their last pixel, others count from 0: 1 px outside is not an
 * error.
 */
const BORDER_TOLERANCE = 1;

/**
 * The box clipped to its image. It may exceed the border by 1 px.
 * @param clip also clip boxes that exceed it by more
 * @returns a message if it is inverted, outside the image, or has no area
 */
export function checkBox(
  [xmin, ymin, xmax, ymax]: Readonly<Box>,
  name: string,
  { width, height }: ImageSize,
  clip = false,
): { box: Box; clipped: boolean } | string {
  const written = () =>
    `${quoted(name)} has a box with xmin ${xmin}, ymin ${ymin}, xmax ${xmax}, ymax ${ymax}`;
  if (![xmin, ymin, xmax, ymax].every(Number.isFinite)) {
    return `${written()}: not four finite numbers. Correct or remove the object.`;
  }
  if (xmax < xmin || ymax < ymin) {
    return `${written()}: inverted; expected xmin < xmax and ymin < ymax. Correct or remove the object.`;
  }
  const outside =
    Math.min(xmin, ymin) < -BORDER_TOLERANCE ||
    xmax > width + BORDER_TOLERANCE ||
    ymax > height + BORDER_TOLERANCE;
  if (outside && !clip) {
    return `${written()}: outside the image of ${width} x ${height} px by more than ${BORDER_TOLERANCE} px. Correct the box, or the size given in the labels.`;
  }
  const within = (value: number, limit: number): number => Math.min(Math.max(value, 0), limit);
  const box: Box = [within(xmin, width), within(ymin, height), within(xmax, width), within(ymax, height)];
  if (!(Math.fround(box[2]) > Math.fround(box[0]) && Math.fround(box[3]) > Math.fround(box[1]))) {
    return `${written()} in an image of ${width} x ${height} px: no area; expected xmin < xmax and ymin < ymax. Correct or remove the object.`;
  }
  return { box, clipped: outside };
}

/** The bounding box of points x, y, x, y, ...; undefined without points. */
export function boxAround(points: readonly number[]): Box | undefined {
  if (points.length < 2) return undefined;
  const box: Box = [points[0], points[1], points[0], points[1]];
  for (let i = 0; i + 1 < points.length; i += 2) {
    box[0] = Math.min(box[0], points[i]);
    box[1] = Math.min(box[1], points[i + 1]);
    box[2] = Math.max(box[2], points[i]);
    box[3] = Math.max(box[3], points[i + 1]);
  }
  return box;
}
