// Augmentation parameters: which part of an image lands where on the canvas, and with which colours. A kernel
// elsewhere draws the pixels; the boxes are transformed here, by the same formula.

export interface AugmentSettings {
  /** Probability of a horizontal flip. Default 0.5; use 0 if left and right differ in meaning (signs, text). */
  flip: number;
  /**
   * Sizes relative to the base scale, one picked uniformly per batch. A short list rather than a range, so that
   * a teacher's feature maps can be stored per image, flip and scale. Default [0.75, 1, 1.25].
   */
  scales: readonly number[];
  /** Indices of the scales that are picked. Default: all. */
  usedScales?: readonly number[];
  /**
   * Whether to place the image (or the crop, if larger than the canvas) at random, in steps of the feature
   * grid, instead of at the top left. Default true.
   */
  randomOffset: boolean;
  /** Brightness is multiplied by a factor from 1 - x to 1 + x. Default 0.25. */
  brightness: number;
  /** Contrast around mid-grey is multiplied by a factor from 1 - x to 1 + x. Default 0.25. */
  contrast: number;
  /** Distance from grey is multiplied by a factor from 1 - x to 1 + x. Default 0.3. */
  saturation: number;
  /** Red, green and blue are each multiplied by a factor from 1 - x to 1 + x (light colour). Default 0.06. */
  channelGain: number;
  /** A box with a smaller fraction of its area on the canvas becomes an ignored region. Default 0.3. */
  minVisible: number;
  /** Mean and standard deviation of red, green, blue in 0..1; the defaults are ImageNet's. */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** For training. */
export const TRAINING_AUGMENTATION: AugmentSettings = {
  flip: 0.5,
  scales: [0.75, 1, 1.25],
  randomOffset: true,
  brightness: 0.25,
  contrast: 0.25,
  saturation: 0.3,
  channelGain: 0.06,
  minVisible: 0.3,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** For evaluation: the whole image at the base scale, at the top left, normalised only. */
export const NO_AUGMENTATION: AugmentSettings = {
  ...TRAINING_AUGMENTATION,
  flip: 0,
  scales: [1],
  randomOffset: false,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  channelGain: 0,
};

/**
 * How one image is drawn onto the canvas. With w x h the image and scaledWidth = Math.round(w * scale), the
 * canvas pixel (x, y) shows the image, in pixel-centre coordinates, at
 *
 *   xs = (x + 0.5 - offsetX) / scale - 0.5                  not flipped
 *   xs = (scaledWidth - (x + 0.5 - offsetX)) / scale - 0.5  flipped: mirrored, then placed
 *   ys = (y + 0.5 - offsetY) / scale - 0.5
 *
 * Pixels are interpolated bilinearly; for scales below 1, a triangle filter with a radius of 1 / scale image
 * pixels avoids aliasing.
 */
export interface Augmentation {
  /** Index into settings.scales. */
  scaleIndex: number;
  /** Canvas pixels per image pixel. */
  scale: number;
  flip: boolean;
  /** Canvas pixels, multiples of the grid's stride; negative if the image is cropped on the left or top. */
  offsetX: number;
  offsetY: number;
  /**
   * 3 x 4, row-major: out_c = m[c][0] R + m[c][1] G + m[c][2] B + m[c][3], with RGB in 0..255; photometric
   * changes and normalisation combined. Not clamped: values may leave the range of an image.
   */
  colour: Float32Array;
}

export interface CanvasSize {
  width: number;
  height: number;
}

export interface TransformedBoxes {
  /** xyxy in canvas pixels, clipped to the canvas, one for each of `kept`. */
  boxes: Float32Array;
  /** Indices of the boxes kept. */
  kept: Int32Array;
  /** xyxy in canvas pixels of dropped boxes that are partly visible: neither object nor background. */
  ignore: Float32Array;
}

/**
 * Minimum width and height of a target's visible part, in canvas pixels: thinner ones show nothing of the
 * object.
 */
const MIN_VISIBLE_SIDE = 2;
/** Rec. 601 weights, for desaturation. */
const LUMA = [0.299, 0.587, 0.114];
const MID_GREY = 127.5;

/**
 * Picks an index of settings.scales. Images of a batch share it: with different scales, the canvas would be
 * mostly padding.
 */
export function sampleScale(random: () => number, { scales, usedScales }: AugmentSettings): number {
  const used = usedScales ?? [...scales.keys()];
  return used[Math.min(Math.floor(random() * used.length), used.length - 1)];
}

/**
 * The settings with weaker augmentation: changes of colour times `strength`, 0..1, and only the scales nearest to 1,
 * that fraction of them, at least one. Flips and placement stay.
 */
export function weakened(settings: AugmentSettings, strength: number): AugmentSettings {
  if (strength === 1) return settings;
  const { scales, brightness, contrast, saturation, channelGain } = settings;
  const fromOne = (i: number): number => Math.abs(Math.log(scales[i]));
  const nearest = [...scales.keys()].sort((a, b) => fromOne(a) - fromOne(b));
  return {
    ...settings,
    usedScales: nearest.slice(0, Math.max(1, Math.round(strength * scales.length))),
    brightness: strength * brightness,
    contrast: strength * contrast,
    saturation: strength * saturation,
    channelGain: strength * channelGain,
  };
}

/** Where an image is placed. */
export interface PlacementSettings {
  /** The base scale makes the image's longest side this long, in pixels. */
  side: number;
  /** Offsets are multiples of this, in pixels. */
  gridStride: number;
  /** Index in the settings' scales. */
  scaleIndex: number;
  /** Default: side x side; smaller for images of one shape. */
  canvas?: CanvasSize;
}

/**
 * Draws an augmentation. Every call draws the same number of values from `random` for all settings, so that runs stay
 * comparable.
 * @param image its size in pixels
 */
export function sampleAugmentation(
  random: () => number,
  settings: AugmentSettings,
  image: CanvasSize,
  { side, gridStride, scaleIndex, canvas = { width: side, height: side } }: PlacementSettings,
): Augmentation {
  const scale = (side / Math.max(image.width, image.height)) * settings.scales[scaleIndex];
  const flip = random() < settings.flip;
  const placeX = random();
  const placeY = random();
  const colour = sampleColour(random, settings);
  const offset = (place: number, canvasSide: number, imageSide: number): number =>
    settings.randomOffset ? gridOffset(place, canvasSide - Math.round(imageSide * scale), gridStride) : 0;
  return {
    scaleIndex,
    scale,
    flip,
    offsetX: offset(placeX, canvas.width, image.width),
    offsetY: offset(placeY, canvas.height, image.height),
    colour,
  };
}

/** An image and the canvas on which it is drawn. */
export interface ImageOnCanvas {
  image: CanvasSize;
  canvas: CanvasSize;
}

/**
 * Maps boxes (xyxy, image pixels) to the canvas. `minVisible`: see AugmentSettings. Boxes entirely off the
 * canvas are neither kept nor ignored.
 */
export function transformBoxes(
  boxes: Float32Array,
  { scale, flip, offsetX, offsetY }: Pick<Augmentation, "scale" | "flip" | "offsetX" | "offsetY">,
  { image, canvas }: ImageOnCanvas,
  minVisible: number,
): TransformedBoxes {
  const scaledWidth = Math.round(image.width * scale);
  const out: number[] = [];
  const kept: number[] = [];
  const ignore: number[] = [];
  for (let i = 0; i < boxes.length; i += 4) {
    const left = flip ? scaledWidth - boxes[i + 2] * scale : boxes[i] * scale;
    const right = flip ? scaledWidth - boxes[i] * scale : boxes[i + 2] * scale;
    const top = boxes[i + 1] * scale;
    const bottom = boxes[i + 3] * scale;
    const x1 = clamp(left + offsetX, canvas.width);
    const y1 = clamp(top + offsetY, canvas.height);
    const x2 = clamp(right + offsetX, canvas.width);
    const y2 = clamp(bottom + offsetY, canvas.height);
    if (x2 <= x1 || y2 <= y1) continue;
    const visible = ((x2 - x1) * (y2 - y1)) / ((right - left) * (bottom - top));
    if (visible < minVisible || x2 - x1 < MIN_VISIBLE_SIDE || y2 - y1 < MIN_VISIBLE_SIDE) {
      ignore.push(x1, y1, x2, y2);
    } else {
      out.push(x1, y1, x2, y2);
      kept.push(i / 4);
    }
  }
  return { boxes: Float32Array.from(out), kept: Int32Array.from(kept), ignore: Float32Array.from(ignore) };
}

/**
 * A random multiple of the stride: from 0 to the free space, or, if the image is larger than the canvas (free <
 * 0), down to the multiple that shows its far edge.
 */
function gridOffset(place: number, free: number, stride: number): number {
  const steps = free >= 0 ? Math.floor(free / stride) : Math.ceil(-free / stride);
  const step = Math.min(Math.floor(place * (steps + 1)), steps);
  return free >= 0 ? step * stride : 0 - step * stride;
}

/** Light colour, then saturation, contrast, brightness, then (v / 255 - mean) / std, as one affine map. */
function sampleColour(random: () => number, settings: AugmentSettings): Float32Array {
  const factor = (strength: number): number => 1 + strength * (2 * random() - 1);
  const brightness = factor(settings.brightness);
  const contrast = factor(settings.contrast);
  const saturation = factor(settings.saturation);
  const gain = [0, 1, 2].map(() => factor(settings.channelGain));
  const colour = new Float32Array(12);
  for (let c = 0; c < 3; c++) {
    const normalise = 1 / (255 * settings.std[c]);
    for (let k = 0; k < 3; k++) {
      const saturated = (1 - saturation) * LUMA[k] + (k === c ? saturation : 0);
      colour[c * 4 + k] = normalise * brightness * contrast * saturated * gain[k];
    }
    const grey = brightness * (1 - contrast) * MID_GREY;
    colour[c * 4 + 3] = normalise * grey - settings.mean[c] / settings.std[c];
  }
  return colour;
}

function clamp(value: number, limit: number): number {
  return Math.min(Math.max(value, 0), limit);
}
