// Decoding of photographs to 8-bit RGB, by sharp (libvips), with limits.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import sharp, { type Metadata, type Sharp } from "sharp";
import { InputError } from "../errors.js";
import { requireFile } from "../files.js";
import { shortened } from "../text.js";

// sharp caches opened files by name: memory that our own budget does not see, and stale when a file changes.
sharp.cache(false);

/** A decoded image: 3 bytes a pixel, rows from the top, RGB. */
export interface RawImage {
  /** height x width x 3, RGB, 0..255. */
  data: Uint8Array;
  width: number;
  height: number;
  /** Size in pixels before it was reduced to maxSide, after EXIF orientation. */
  originalWidth: number;
  originalHeight: number;
}

export interface DecodeOptions {
  /** Longest side in pixels of the result; larger images are reduced (Lanczos), keeping the aspect ratio. Default: none. */
  maxSide?: number;
}

/** Images of more pixels are refused before they are decoded. */
const MAX_PIXELS = 100e6;

/**
 * Decodes a JPEG, PNG, WebP, GIF (first frame), TIFF or AVIF file. EXIF orientation is applied; greyscale, CMYK and
 * 16-bit images become 8-bit sRGB; transparency is laid over black, which is what an untouched canvas gives.
 * Throws InputError, naming the file, when it is missing, not an image, damaged or truncated, or has more than 100
 * million pixels.
 */
export async function decodeImage(path: string, options: DecodeOptions = {}): Promise<RawImage> {
  const original = await readImageSize(path);
  const { width, height } = reducedSize(original.width, original.height, options.maxSide);
  let image = open(path).autoOrient();
  if (width !== original.width || height !== original.height) {
    image = image.resize(width, height, { fit: "fill" });
  }
  const { data, info } = await image
    .flatten({ background: "#000" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true })
    .catch((error: Error) => {
      throw unreadable(path, error);
    });
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    data: info.channels === 3 ? bytes : toThreeChannels(bytes, info.channels),
    width: info.width,
    height: info.height,
    originalWidth: original.width,
    originalHeight: original.height,
  };
}

/** Size in pixels after EXIF orientation, from the header alone. Throws InputError like decodeImage. */
export async function readImageSize(path: string): Promise<{ width: number; height: number }> {
  const { width, height } = await readImageHeader(path);
  return { width, height };
}

/** The size as readImageSize gives it, and the EXIF orientation, 1 to 8 (1: pixels are stored upright). */
export async function readImageHeader(
  path: string,
): Promise<{ width: number; height: number; orientation: number }> {
  let metadata: Metadata;
  try {
    await requireFile(path);
    metadata = await open(path).metadata();
  } catch (error) {
    throw unreadable(path, error as Error);
  }
  const { width, height, orientation = 1 } = metadata;
  if (width * height > MAX_PIXELS) {
    throw new InputError(
      `${path}: the image has ${width} x ${height} = ${width * height} pixels; the limit is ${MAX_PIXELS}. Reduce the image.`,
    );
  }
  return orientation >= 5 ? { width: height, height: width, orientation } : { width, height, orientation };
}

/** The size an image is reduced to: longest side at most maxSide, each side at least 1 px, never enlarged. */
export function reducedSize(
  width: number,
  height: number,
  maxSide?: number,
): { width: number; height: number } {
  const longest = Math.max(width, height);
  if (maxSide === undefined || longest <= maxSide) return { width, height };
  const factor = maxSide / longest;
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Boxes in pixels of the original image -> pixels of the decoded (perhaps reduced) one; a copy. */
export function scaleBoxes(boxes: Float32Array, image: RawImage): Float32Array {
  const scaleX = image.width / image.originalWidth;
  const scaleY = image.height / image.originalHeight;
  return boxes.map((value, index) => value * (index % 2 === 0 ? scaleX : scaleY));
}

/** Nothing can be found in less, whatever the network's input. */
const SHORTEST_SIDE = 8;
const LARGEST_ASPECT = 50;

/** What to say of an image too small or too elongated to find anything in; undefined when it is neither. */
export function unusableSize({ width, height }: { width: number; height: number }): string | undefined {
  const shorter = Math.min(width, height);
  const aspect = Math.max(width, height) / shorter;
  if (shorter < SHORTEST_SIDE) {
    return `the image has ${width} x ${height} px; each side needs at least ${SHORTEST_SIDE}. Leave it out, or replace it.`;
  }
  if (aspect > LARGEST_ASPECT) {
    return `the image has ${width} x ${height} px, ${Math.round(aspect)}:1; at most ${LARGEST_ASPECT}:1 is usable. Cut it into pieces.`;
  }
  return undefined;
}

/** What to say when an annotation and its image disagree about the size; undefined when they agree. */
export function sizeMismatch(
  stated: { width: number; height: number },
  actual: { width: number; height: number },
  where: string,
): string | undefined {
  if (stated.width === actual.width && stated.height === actual.height) return undefined;
  const turned = stated.width === actual.height && stated.height === actual.width;
  const hint = turned
    ? "The sides are swapped: the boxes were probably drawn on the pixels as they are stored, without the image's EXIF orientation. Remove the orientation from the image (exiftool -Orientation= FILE), or turn the boxes and the size."
    : "Boxes of another size would be wrong: correct the size in the labels, or use the image that was labelled.";
  return `the image has ${actual.width} x ${actual.height} px (upright), ${where} states ${stated.width} x ${stated.height}. ${hint}`;
}

function open(path: string): Sharp {
  // "error": damaged pixel data is refused; harmless oddities (stray bytes between JPEG markers) are not.
  // The limit is ours, checked on the header, because its message names size and limit.
  return sharp(path, { failOn: "error", limitInputPixels: false });
}

function unreadable(path: string, error: Error): InputError {
  const reason = shortened(error.message.split("\n")[0]);
  if (/missing|no such file/i.test(reason)) return new InputError(`${path}: the image is missing.`);
  const format = unreadFormat(path);
  return new InputError(
    format === undefined
      ? `${path}: the image cannot be decoded: ${reason}. It may be damaged, truncated or of another format; replace it.`
      : `${path}: the file is a ${format} image, which is not read, whatever its name ends in. Convert it to PNG or JPEG.`,
  );
}

/** The format of a file that sharp does not read, by its first bytes; undefined for all else. */
function unreadFormat(path: string): string | undefined {
  let start: string;
  try {
    // Opening a named pipe waits for its other end.
    if (!statSync(path).isFile()) return undefined;
    const file = openSync(path, "r");
    const bytes = Buffer.alloc(12);
    readSync(file, bytes);
    closeSync(file);
    start = bytes.toString("latin1");
  } catch {
    return undefined;
  }
  if (start.startsWith("BM")) return "BMP";
  return /^ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)/.test(start.slice(4)) ? "HEIC" : undefined;
}

/** libvips keeps greyscale at one channel in some pipelines. */
function toThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)];
  }
  return rgb;
}
