// Decodes images to 8-bit RGB with sharp (libvips), within limits.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import sharp, { type Metadata, type Sharp } from "sharp";
import { InputError } from "../errors.js";
import { requireFile } from "../files.js";
import { shortened } from "../text.js";

// sharp caches opened files by name: outside our memory budget, and stale if a file changes.
sharp.cache(false);

/** A decoded image: 3 bytes per pixel, rows from the top, RGB. */
export interface RawImage {
  /** height x width x 3, RGB, 0..255. */
  data: Uint8Array;
  width: number;
  height: number;
  /** Size in pixels before downscaling to maxSide, after EXIF orientation. */
  originalWidth: number;
  originalHeight: number;
}

export interface DecodeOptions {
  /**
   * Longest side of the result in pixels; larger images are downscaled (Lanczos), keeping the aspect ratio.
   * Default: none.
   */
  maxSide?: number;
}

/** Images with more pixels are rejected before decoding. */
const MAX_PIXELS = 100e6;

/**
 * Decodes a JPEG, PNG, WebP, GIF (first frame), TIFF or AVIF file. EXIF orientation is applied; greyscale, CMYK
 * and 16-bit images become 8-bit sRGB; transparency is composited over black, like the canvas. Throws
 * InputError, naming the file, if it is missing, not an image, damaged or truncated, or has more than 100
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

/** Size in pixels after EXIF orientation; reads only the header. Throws InputError like decodeImage. */
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
      `${path}: the image has ${width} x ${height} = ${width * height} pixels; the limit is ${MAX_PIXELS}. Downscale the image.`,
    );
  }
  return orientation >= 5 ? { width: height, height: width, orientation } : { width, height, orientation };
}

/**
 * The size of an image after downscaling: longest side at most maxSide, each side at least 1 px, never
 * enlarged.
 */
function reducedSize(width: number, height: number, maxSide?: number): { width: number; height: number } {
  const longest = Math.max(width, height);
  if (maxSide === undefined || longest <= maxSide) return { width, height };
  const factor = maxSide / longest;
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Maps boxes from pixels of the original image to the decoded (perhaps downscaled) one; a copy. */
export function scaleBoxes(boxes: Float32Array, image: RawImage): Float32Array {
  const scaleX = image.width / image.originalWidth;
  const scaleY = image.height / image.originalHeight;
  return boxes.map((value, index) => value * (index % 2 === 0 ? scaleX : scaleY));
}

/** Nothing can be detected in smaller images. */
const SHORTEST_SIDE = 8;
const LARGEST_ASPECT = 50;

/** A message for images too small or too elongated to detect anything in; undefined for others. */
export function unusableSize({ width, height }: { width: number; height: number }): string | undefined {
  const shorter = Math.min(width, height);
  const aspect = Math.max(width, height) / shorter;
  if (shorter < SHORTEST_SIDE) {
    return `the image has ${width} x ${height} px; each side needs at least ${SHORTEST_SIDE}. Remove or replace it.`;
  }
  if (aspect > LARGEST_ASPECT) {
    return `the image has ${width} x ${height} px, ${Math.round(aspect)}:1; the limit is ${LARGEST_ASPECT}:1. Cut it into pieces.`;
  }
  return undefined;
}

/** A message if an annotation and its image disagree about the size; undefined if they agree. */
export function sizeMismatch(
  stated: { width: number; height: number },
  actual: { width: number; height: number },
  where: string,
): string | undefined {
  if (stated.width === actual.width && stated.height === actual.height) return undefined;
  const turned = stated.width === actual.height && stated.height === actual.width;
  const hint = turned
    ? "The sides are swapped: the boxes were probably drawn on the stored pixels, ignoring EXIF orientation. Remove the orientation from the image (exiftool -Orientation= FILE), or rotate the boxes and the size."
    : "The boxes would be wrong: correct the size in the labels, or use the image that was labelled.";
  return `the image has ${actual.width} x ${actual.height} px (upright), ${where} states ${stated.width} x ${stated.height}. ${hint}`;
}

function open(path: string): Sharp {
  // "error": rejects damaged pixel data, but not harmless oddities (stray bytes between JPEG markers). We check
  // the limit ourselves, on the header, to name size and limit in the message.
  return sharp(path, { failOn: "error", limitInputPixels: false });
}

function unreadable(path: string, error: Error): InputError {
  const reason = shortened(error.message.split("\n")[0]);
  if (/missing|no such file/i.test(reason)) return new InputError(`${path}: the image is missing.`);
  const format = unreadFormat(path);
  return new InputError(
    format === undefined
      ? `${path}: cannot decode the image: ${reason}. It may be damaged, truncated or in another format; replace it.`
      : `${path}: the file is a ${format} image, which is not supported, despite its extension. Convert it to PNG or JPEG.`,
  );
}

/** The name of an unsupported format, by the file's first bytes; undefined for all others. */
function unreadFormat(path: string): string | undefined {
  let start: string;
  try {
    // Opening a named pipe would block.
    if (!statSync(path).isFile()) return undefined;
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(12);
      readSync(file, bytes);
      start = bytes.toString("latin1");
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
  if (start.startsWith("BM")) return "BMP";
  return /^ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)/.test(start.slice(4)) ? "HEIC" : undefined;
}

/** In some pipelines libvips keeps greyscale as one channel. */
function toThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)];
  }
  return rgb;
}
