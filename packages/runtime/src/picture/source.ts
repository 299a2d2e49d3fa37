// Reads the pixels of any kind of picture, with or without a browser.
import type { RawPicture } from "./pixels.js";

/** The bytes of a decoded picture, rows from the top; RGB or RGBA, depending on their number. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/**
 * Raw pixels, or anything a browser can draw: an img element, a video, a VideoFrame, a canvas, an ImageBitmap. These
 * are typed by their properties, so that the types do not depend on the DOM library.
 */
export type PictureSource =
  | RawImage
  | { naturalWidth: number; naturalHeight: number; complete?: boolean }
  | { videoWidth: number; videoHeight: number; readyState?: number }
  | { displayWidth: number; displayHeight: number }
  | { width: number; height: number };

/** A picture cannot be used: it has no pixels, or too many, or the browser does not allow the page to read them. */
export class PictureError extends Error {
  override name = "PictureError";
}

/** Larger pictures are rejected. */
const MAX_PIXELS = 100e6;

/** HTMLMediaElement.HAVE_CURRENT_DATA: from this state on, a video has a frame to draw. */
const HAS_FRAME = 2;

/** The picture's width and height. @throws PictureError if it has no pixels, or too many */
export function requirePixels(source: PictureSource): { width: number; height: number } {
  const { width, height } = sizeOf(source);
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw new PictureError(
      `the picture has ${width} x ${height} pixels, expected at least 1 x 1: it is empty, or not loaded yet`,
    );
  if (width * height > MAX_PIXELS)
    throw new PictureError(`the picture has ${width} x ${height} pixels, expected at most ${MAX_PIXELS}`);
  if ("complete" in source && source.complete === false)
    throw new PictureError("the image is still loading: await its decode() first");
  if ("readyState" in source && source.readyState! < HAS_FRAME)
    throw new PictureError("the video has no current frame yet: wait for its event loadeddata");
  return { width, height };
}

/** @throws PictureError */
export function readPixels(source: PictureSource): RawPicture {
  const { width, height } = requirePixels(source);
  if (!isRaw(source)) return draw(source, width, height);
  if (!BYTES.includes(Object.prototype.toString.call(source.data)))
    throw new PictureError(
      `the picture's data is ${Object.prototype.toString.call(source.data).slice(8, -1)}, expected a Uint8Array or Uint8ClampedArray with 3 (RGB) or 4 (RGBA) bytes per pixel`,
    );
  const channels = source.data.length / (width * height);
  if (channels !== 3 && channels !== 4)
    throw new PictureError(
      `the picture's data has ${source.data.length} bytes for ${width} x ${height} pixels, expected 3 (RGB) or 4 (RGBA) each`,
    );
  return { data: source.data, width, height, channels };
}

/** The types of raw pixels, also of those from another window. */
const BYTES = ["[object Uint8Array]", "[object Uint8ClampedArray]"];

export const isRaw = (source: PictureSource): source is RawImage => "data" in source;

function sizeOf(source: PictureSource): { width: number; height: number } {
  if (typeof source !== "object" || source === null)
    throw new PictureError(
      `the picture is ${source === null ? "null" : typeof source}, expected an image, canvas, video or pixels`,
    );
  if ("videoWidth" in source) return { width: source.videoWidth, height: source.videoHeight };
  if ("naturalWidth" in source) return { width: source.naturalWidth, height: source.naturalHeight };
  if ("displayWidth" in source) return { width: source.displayWidth, height: source.displayHeight };
  return { width: source.width, height: source.height };
}

let canvas: OffscreenCanvas | HTMLCanvasElement | undefined;

function draw(source: Exclude<PictureSource, RawImage>, width: number, height: number): RawPicture {
  if (typeof OffscreenCanvas === "undefined" && typeof document === "undefined")
    throw new PictureError(
      "without a browser, pass the picture as { data, width, height } with RGB or RGBA bytes",
    );
  canvas ??=
    typeof OffscreenCanvas === "undefined"
      ? document.createElement("canvas")
      : new OffscreenCanvas(width, height);
  // Setting the size also clears the canvas.
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true }) as
    | OffscreenCanvasRenderingContext2D
    | CanvasRenderingContext2D
    | null;
  if (context === null)
    throw new PictureError("the browser could not create a 2d canvas to read the picture's pixels");
  try {
    context.drawImage(source as unknown as CanvasImageSource, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    // Canvases beyond a browser's limit have a size, but stay empty.
    if (data[3] === 0) {
      context.fillRect(0, 0, 1, 1);
      if (context.getImageData(0, 0, 1, 1).data[3] === 0)
        throw new Error(`${width} x ${height} is too large for this browser's canvas`);
    }
    return { data, width, height, channels: 4 };
  } catch (error) {
    // Once a picture from another origin has been drawn, a canvas cannot be read any more.
    canvas = undefined;
    const { name, message } = error as Error;
    const remedy =
      name === "SecurityError"
        ? " It is from another origin: set its attribute crossorigin, and allow the page's origin on its server"
        : "";
    throw new PictureError(`the picture's pixels cannot be read: ${message}${remedy}`);
  }
}
