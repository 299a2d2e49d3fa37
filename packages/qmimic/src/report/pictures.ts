// Draws boxes on images, and builds contact sheets.
import sharp from "sharp";
import { decodeImage } from "../data/images.js";
import { canDraw, textPath, textWidth } from "./strokeFont.js";

export interface DrawnGroundTruth {
  /** xyxy in pixels of the image as stored (after EXIF orientation). */
  boxes: Float32Array;
  /** 1..K; if given, the class name is drawn below the box. */
  labels?: Int32Array;
}

export interface DrawnDetections {
  /** xyxy in pixels of the image as stored (after EXIF orientation). */
  boxes: Float32Array;
  /** 1..K. */
  labels: Int32Array;
  /** 0..1. */
  scores: Float32Array;
}

export interface DrawOptions {
  groundTruth?: DrawnGroundTruth;
  detections?: DrawnDetections;
  /** classes[0] is label 1. */
  classes: readonly string[];
  /** Smaller images are enlarged to this longest side in pixels. Default 480. */
  minSide?: number;
  /** Larger ones are downscaled. Default 1280. */
  maxSide?: number;
  /** Default "jpeg". */
  format?: "jpeg" | "png";
}

/** Distinguishable on light and dark backgrounds; green is reserved for the ground truth. */
const COLOURS = ["#ff4d4d", "#33a1ff", "#ffb000", "#c66bff", "#00d0d8", "#ff7ac0", "#e6e04a", "#ff8540"];
const TRUTH = "#3dff5c";

/**
 * The image with the ground truth as dashed green-and-white boxes and the detections in their class's colour
 * with a tag "class 0.87". Low scores are drawn first, so that high ones stay readable. Returns the encoded
 * file. Throws InputError if the image cannot be decoded.
 */
export async function drawDetections(imagePath: string, options: DrawOptions): Promise<Buffer> {
  const { groundTruth, detections, classes, minSide = 480, maxSide = 1280, format = "jpeg" } = options;
  const image = await decodeImage(imagePath, { maxSide });
  const enlarge = Math.max(1, minSide / Math.max(image.width, image.height));
  const width = Math.round(image.width * enlarge);
  const height = Math.round(image.height * enlarge);
  const scale: Scale = { x: width / image.originalWidth, y: height / image.originalHeight, width, height };
  const parts = [
    ...(groundTruth ? drawTruth(groundTruth, classes, scale) : []),
    ...(detections ? drawFound(detections, classes, scale) : []),
  ];
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${parts.join("")}</svg>`;
  const picture = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(width, height, { fit: "fill" })
    .composite([{ input: Buffer.from(overlay) }])
    .removeAlpha();
  return format === "png" ? picture.png().toBuffer() : picture.jpeg({ quality: 90 }).toBuffer();
}

/**
 * A JPEG with encoded pictures in rows of `columns`, each fitted into a tile of tileSide x tileSide px, on a
 * dark background. Rejects if there are no pictures or one cannot be decoded.
 */
export async function contactSheet(
  pictures: readonly Uint8Array[],
  columns: number,
  tileSide = 480,
): Promise<Buffer> {
  if (pictures.length === 0) throw new RangeError("a contact sheet needs at least one picture");
  if (!Number.isInteger(columns) || columns < 1) {
    throw new RangeError(`a contact sheet needs at least one column, not ${columns}`);
  }
  const GAP = 6;
  const background = "#202428";
  const tiles = await Promise.all(
    pictures.map((picture) =>
      sharp(picture)
        .resize(tileSide, tileSide, { fit: "contain", background })
        .removeAlpha()
        .png()
        .toBuffer(),
    ),
  );
  const across = Math.min(columns, tiles.length);
  const down = Math.ceil(tiles.length / across);
  const place = (index: number): number => GAP + index * (tileSide + GAP);
  return sharp({ create: { width: place(across), height: place(down), channels: 3, background } })
    .composite(
      tiles.map((input, i) => ({ input, left: place(i % across), top: place(Math.floor(i / across)) })),
    )
    .jpeg({ quality: 88 })
    .toBuffer();
}

interface Scale {
  x: number;
  y: number;
  width: number;
  height: number;
}

function drawTruth({ boxes, labels }: DrawnGroundTruth, classes: readonly string[], scale: Scale): string[] {
  const line = lineWidth(scale);
  return Array.from({ length: boxes.length / 4 }, (_, i) => {
    const box = rectangle(boxes, i, scale);
    // White in the gaps of the green: visible on any background.
    const frame =
      `<rect ${box.attributes} fill="none" stroke="#fff" stroke-width="${line}"/>` +
      `<rect ${box.attributes} fill="none" stroke="${TRUTH}" stroke-width="${line}" stroke-dasharray="${line * 3} ${line * 2}"/>`;
    if (labels === undefined) return frame;
    return frame + tag(labelText(classes, labels[i]), box.x, box.y + box.height + line, TRUTH, scale);
  });
}

function drawFound(
  { boxes, labels, scores }: DrawnDetections,
  classes: readonly string[],
  scale: Scale,
): string[] {
  const line = lineWidth(scale);
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b]);
  return order.map((i) => {
    const box = rectangle(boxes, i, scale);
    const colour = COLOURS[(labels[i] - 1 + COLOURS.length) % COLOURS.length];
    const text = `${labelText(classes, labels[i])} ${scores[i].toFixed(2)}`;
    return (
      `<rect ${box.attributes} fill="none" stroke="#000" stroke-opacity="0.45" stroke-width="${line * 2}"/>` +
      `<rect ${box.attributes} fill="none" stroke="${colour}" stroke-width="${line}"/>` +
      tag(text, box.x, box.y - tagHeight(scale), colour, scale)
    );
  });
}

/** The class's name, or its number (as in the class tables) if the font lacks a character of the name. */
function labelText(classes: readonly string[], label: number): string {
  const name = classes[label - 1] ?? String(label);
  return canDraw(name) ? name : `class ${label}`;
}

/** Text on a coloured plate with its top left corner at (x, y), moved to stay inside the picture. */
function tag(text: string, x: number, y: number, colour: string, scale: Scale): string {
  const height = tagHeight(scale);
  const letters = height * 0.5;
  const pad = height * 0.25;
  const width = textWidth(text, letters) + 2 * pad;
  const left = Math.max(0, Math.min(x, scale.width - width));
  const top = Math.max(0, Math.min(y, scale.height - height));
  return (
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${colour}" fill-opacity="0.9"/>` +
    `<path d="${textPath(text, left + pad, top + pad * 0.85, letters)}" fill="none" stroke="#101010" ` +
    `stroke-width="${(letters / 6.5).toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"/>`
  );
}

function rectangle(
  boxes: Float32Array,
  index: number,
  scale: Scale,
): { x: number; y: number; height: number; attributes: string } {
  const [x1, y1, x2, y2] = boxes.subarray(index * 4, index * 4 + 4);
  const x = x1 * scale.x;
  const y = y1 * scale.y;
  const width = (x2 - x1) * scale.x;
  const height = (y2 - y1) * scale.y;
  const attributes = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"`;
  return { x, y, height, attributes };
}

function lineWidth({ width, height }: Scale): number {
  return Math.max(1.5, Math.max(width, height) / 300);
}

function tagHeight({ width, height }: Scale): number {
  return Math.max(14, Math.round(Math.max(width, height) / 34));
}
