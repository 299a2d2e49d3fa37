// Draws boxes on images, and builds contact sheets.
import sharp from "sharp";
import { decodeImage } from "../data/images.js";
import { canDraw, textPath, textWidth } from "./strokeFont.js";
import { hasGlyphs, type TextImage, textImage } from "./unifont.js";

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
const INK = "#101010";

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
  const drawn = [...(groundTruth?.labels ?? []), ...(detections?.labels ?? [])];
  const names = await nameLabels(new Set(drawn), classes, scale);
  const parts = [
    ...(groundTruth ? drawTruth(groundTruth, names, scale) : []),
    ...(detections ? drawFound(detections, names, scale) : []),
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

/** A label's name, as text for the stroke font or as an image. */
type Name = string | TextImage;

type Names = ReadonlyMap<number, Name>;

function drawTruth({ boxes, labels }: DrawnGroundTruth, names: Names, scale: Scale): string[] {
  const line = lineWidth(scale);
  return Array.from({ length: boxes.length / 4 }, (_, i) => {
    const box = rectangle(boxes, i, scale);
    // White in the gaps of the green: visible on any background.
    const frame =
      `<rect ${box.attributes} fill="none" stroke="#fff" stroke-width="${line}"/>` +
      `<rect ${box.attributes} fill="none" stroke="${TRUTH}" stroke-width="${line}" stroke-dasharray="${line * 3} ${line * 2}"/>`;
    if (labels === undefined) return frame;
    return frame + tag([names.get(labels[i])!], { x: box.x, y: box.y + box.height + line }, TRUTH, scale);
  });
}

function drawFound({ boxes, labels, scores }: DrawnDetections, names: Names, scale: Scale): string[] {
  const line = lineWidth(scale);
  const order = Array.from(scores.keys()).sort((a, b) => scores[a] - scores[b]);
  return order.map((i) => {
    const box = rectangle(boxes, i, scale);
    const colour = COLOURS[(labels[i] - 1 + COLOURS.length) % COLOURS.length];
    const text = [names.get(labels[i])!, scores[i].toFixed(2)];
    return (
      `<rect ${box.attributes} fill="none" stroke="#000" stroke-opacity="0.45" stroke-width="${line * 2}"/>` +
      `<rect ${box.attributes} fill="none" stroke="${colour}" stroke-width="${line}"/>` +
      tag(text, { x: box.x, y: box.y - tagHeight(scale) }, colour, scale)
    );
  });
}

/**
 * Names of classes; the number (as in the class tables) if no font has a character of the name, or the font cannot be
 * unpacked, because a picture without names is better than none.
 */
async function nameLabels(
  labels: Iterable<number>,
  classes: readonly string[],
  scale: Scale,
): Promise<Names> {
  const names = new Map<number, Name>();
  for (const label of labels) {
    const name = classes[label - 1] ?? String(label);
    const byNumber = `class ${label}`;
    if (canDraw(name)) names.set(label, name);
    else if (!hasGlyphs(name)) names.set(label, byNumber);
    // Capitals as high as in the stroke font.
    else names.set(label, await textImage(name, letterHeight(scale) / 0.625, INK).catch(() => byNumber));
  }
  return names;
}

/** Words on a coloured plate with its top left corner at (x, y), moved to stay inside the picture. */
function tag(
  words: readonly Name[],
  { x, y }: { x: number; y: number },
  colour: string,
  scale: Scale,
): string {
  const height = tagHeight(scale);
  const letters = letterHeight(scale);
  const pad = height * 0.25;
  const widths = words.map((word) => (typeof word === "string" ? textWidth(word, letters) : word.width));
  // As wide as a space of the stroke font.
  const gap = (letters * 4) / 3;
  const width = widths.reduce((sum, each) => sum + each, gap * (words.length - 1)) + 2 * pad;
  const left = Math.max(0, Math.min(x, scale.width - width));
  const top = Math.max(0, Math.min(y, scale.height - height));
  let at = left + pad;
  const drawn = words.map((word, i) => {
    const start = at;
    at += widths[i] + gap;
    if (typeof word === "string")
      return (
        `<path d="${textPath(word, start, top + pad * 0.85, letters)}" fill="none" stroke="${INK}" ` +
        `stroke-width="${(letters / 6.5).toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"/>`
      );
    return (
      `<image href="data:image/png;base64,${word.png.toString("base64")}" x="${Math.round(start)}" ` +
      `y="${Math.round(top + (height - word.height) / 2)}" width="${word.width}" height="${word.height}"/>`
    );
  });
  return (
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${colour}" fill-opacity="0.9"/>` +
    drawn.join("")
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

/** Height of capitals. */
const letterHeight = (scale: Scale): number => tagHeight(scale) * 0.5;

function tagHeight({ width, height }: Scale): number {
  return Math.max(14, Math.round(Math.max(width, height) / 34));
}
