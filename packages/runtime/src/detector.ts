// A detector loaded from a model file: a picture in, labelled boxes out.
import { type Decoder, detectCells, detectRegions } from "./decode/decoder.js";
import type { Detections, Size } from "./decode/keepBest.js";
import { type AnchorOutputs, proposeRegions } from "./decode/proposals.js";
import { generateAnchors } from "./geometry/anchors.js";
import { checkLoadOptions, type LoadOptions, type ModelSource, readBytes } from "./load.js";
import { fail, show } from "./model/errors.js";
import { hasNonFinite } from "./model/finite.js";
import { type Model, parseModel } from "./model/model.js";
import { compileKernels, hasSimd, startCompiling } from "./network/kernels.js";
import type { Network, Value } from "./network/network.js";
import { createReferenceNetwork } from "./network/reference.js";
import { createWasmNetwork } from "./network/wasm.js";
import { type Placement, placePicture } from "./picture/placement.js";
import { type PictureSource, readPixels } from "./picture/source.js";

/** A detected object. */
export interface Detection {
  label: string;
  /** 0..1 */
  score: number;
  /** In pixels of the picture. */
  box: { xmin: number; ymin: number; xmax: number; ymax: number };
}

export interface DetectOptions {
  /** Minimum score, 0..1. Default: the model's, per class. Scores below the model's decoder.score are never reported. */
  threshold?: number;
  /**
   * Maximum number of detections per picture; the best are kept. Default: the model's limit. May be larger than that.
   */
  maxDetections?: number;
}

/** Detections, with timings and intermediate results. */
export interface Inspection {
  detections: Detection[];
  /** Reading the picture's pixels, drawing them into the network's input, operations on maps, and everything after. */
  milliseconds: { pixels: number; draw: number; maps: number; decode: number };
  /**
   * Proposals of a two-stage detector, best first, [N, 4] xyxy in pixels of the picture; empty for one-stage
   * detectors.
   */
  regions: Float32Array;
  /**
   * The last map before the heads, and the picture's placement in the network's input. Valid until the next picture.
   */
  features: () => Value & { placement: Placement };
}

/** A detector that runs a model file in this thread. Create it with Detector.load. */
export class Detector {
  private anchors: Float32Array = new Float32Array(0);
  private anchorsOf = "";

  private constructor(
    private readonly model: Model,
    private readonly network: Network,
    /** What runs the network. */
    readonly backend: "wasm" | "typescript",
  ) {}

  /**
   * Loads a model file.
   * @throws ModelError if it is damaged or not a model; RangeError for an option out of range; fetch's error if it
   * cannot be downloaded
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Detector> {
    const { backend: asked, side } = checkLoadOptions(options);
    const bytes = readBytes(source, options);
    if (asked !== "typescript" && hasSimd()) startCompiling();
    const parsed = parseModel(await bytes);
    const model = side === undefined ? parsed : { ...parsed, input: { ...parsed.input, side } };
    const backend = asked ?? (await bestBackend());
    return new Detector(model, await BACKENDS[backend](model), backend);
  }

  /** The class names, used as labels of detections. */
  get classes(): readonly string[] {
    return this.model.classes;
  }

  /** The minimum score per class, 0..1. */
  get thresholds(): readonly number[] {
    return this.model.thresholds;
  }

  /** Longest side of a picture in the network's input, in pixels. */
  get side(): number {
    return this.model.input.side;
  }

  /** The default maximum number of detections per picture. */
  get maxDetections(): number {
    return this.model.decoder.keep.detections;
  }

  /**
   * Detects objects, best first.
   * @throws PictureError if the picture has no pixels; RangeError for an option out of range; ModelError if the
   * network's output overflows
   */
  detect(picture: PictureSource, options: DetectOptions = {}): Detection[] {
    return this.inspect(picture, options).detections;
  }

  /** Like detect, with timings and intermediate results, for tools that show how a detector works. */
  inspect(picture: PictureSource, options: DetectOptions = {}): Inspection {
    checkOptions(options);
    const { side, grid } = this.model.input;
    const times = [performance.now()];
    const pixels = readPixels(picture);
    times.push(performance.now());
    const placement = placePicture(pixels, side, grid);
    this.network.draw(pixels, placement);
    times.push(performance.now());
    const maps = this.network.runMaps(this.model.outputs.slice(0, 2));
    times.push(performance.now());
    const { found, regions } = this.decode(maps, placement, options.maxDetections);
    times.push(performance.now());
    return {
      detections: this.toDetections(found, pixels, placement.scale, options),
      milliseconds: {
        pixels: times[1] - times[0],
        draw: times[2] - times[1],
        maps: times[3] - times[2],
        decode: times[4] - times[3],
      },
      regions: regions.map((value) => value / placement.scale),
      features: () => ({ ...this.network.readMap(this.model.features), placement }),
    };
  }

  /** The detections above the threshold, in pixels of the picture. */
  private toDetections(
    { boxes, scores, labels }: Detections,
    pixels: Size,
    scale: number,
    { threshold, maxDetections }: DetectOptions,
  ): Detection[] {
    const { model } = this;
    const across = (x: number) => Math.min(pixels.width, x / scale);
    const down = (y: number) => Math.min(pixels.height, y / scale);
    const found: Detection[] = [];
    for (let i = 0; i < scores.length && found.length < (maxDetections ?? Infinity); i++) {
      const label = labels[i] - 1;
      if (scores[i] < (threshold ?? model.thresholds[label])) continue;
      const [xmin, ymin, xmax, ymax] = boxes.subarray(4 * i, 4 * i + 4);
      const box = { xmin: across(xmin), ymin: down(ymin), xmax: across(xmax), ymax: down(ymax) };
      found.push({ label: model.classes[label], score: scores[i], box });
    }
    return found;
  }

  /** Decodes the map outputs to detections; a two-stage detector runs its second stage on the proposals in between. */
  private decode(
    [first, second]: readonly Value[],
    { size }: Placement,
    maxDetections = 0,
  ): { found: Detections; regions: Float32Array } {
    const { model, network } = this;
    const decoder = allowing(model.decoder, maxDetections);
    requireFinite(first, second);
    if (first.width !== second.width || first.height !== second.height)
      fail(
        `the first two outputs have ${first.width} x ${first.height} and ${second.width} x ${second.height} cells, expected the same`,
      );
    if (decoder.of === "cells") {
      const outputs = { logits: first.data, distances: second.data, width: first.width };
      return { found: detectCells(outputs, size, decoder, network.nms), regions: new Float32Array(0) };
    }
    const anchorOutputs: AnchorOutputs = {
      logits: first.data,
      deltas: second.data,
      anchors: this.anchorsFor(first),
      cells: first.width * first.height,
    };
    const placed = [0, 0, size.width, size.height];
    const regions = proposeRegions(anchorOutputs, placed, decoder.proposals, network.nms);
    const [logits, deltas] = network.runRegions(regions, model.outputs.slice(2));
    requireFinite(logits, deltas);
    const outputs = { logits: logits.data, deltas: deltas.data, regions };
    return { found: detectRegions(outputs, size, decoder, network.nms), regions };
  }

  /** Cached, because consecutive pictures usually have the same size. */
  private anchorsFor({ width, height }: Value): Float32Array {
    const { decoder } = this.model;
    const key = `${width} x ${height}`;
    if (decoder.of === "regions" && key !== this.anchorsOf) {
      const { anchorSizes: sizes, aspectRatios, stride } = decoder;
      this.anchors = generateAnchors({ sizes, aspectRatios, stride, height, width });
      this.anchorsOf = key;
    }
    return this.anchors;
  }
}

/** The decoder with a limit of at least `detections`. */
const allowing = <D extends Decoder>(decoder: D, detections: number): D =>
  detections <= decoder.keep.detections ? decoder : { ...decoder, keep: { ...decoder.keep, detections } };

const BACKENDS = { wasm: createWasmNetwork, typescript: createReferenceNetwork };

/** The faster one, unless the engine has no SIMD, or the page's content security policy forbids WebAssembly. */
async function bestBackend(): Promise<keyof typeof BACKENDS> {
  if (!hasSimd()) return "typescript";
  try {
    await compileKernels();
    return "wasm";
  } catch {
    return "typescript";
  }
}

/** Null counts as undefined. */
function checkOptions(options: DetectOptions): void {
  const threshold = options.threshold ?? 0;
  if (!(typeof threshold === "number" && threshold >= 0 && threshold <= 1))
    throw new RangeError(`threshold is ${show(threshold)}, expected 0 to 1`);
  const most = options.maxDetections ?? Number.POSITIVE_INFINITY;
  if (!((Number.isInteger(most) && most >= 1) || most === Number.POSITIVE_INFINITY))
    throw new RangeError(`maxDetections is ${show(most)}, expected an integer of at least 1`);
}

/** Even finite weights can overflow; without this check, the result would silently be no detections. */
function requireFinite(...values: readonly Value[]): void {
  for (const { data, finite = !hasNonFinite(data) } of values)
    if (!finite) fail("the network's output is NaN or infinity: its weights are too large");
}
