// A detector from a model file: a picture in, labelled boxes out.
import { type Decoder, detectCells, detectRegions } from "./decode/decoder.js";
import type { Detections, Size } from "./decode/keepBest.js";
import { type AnchorOutputs, proposeRegions } from "./decode/proposals.js";
import { generateAnchors } from "./geometry/anchors.js";
import { type LoadOptions, type ModelSource, readBytes } from "./load.js";
import { fail } from "./model/errors.js";
import { hasNonFinite } from "./model/finite.js";
import { MAX_SIDE, type Model, parseModel } from "./model/model.js";
import { compileKernels, hasSimd } from "./network/kernels.js";
import type { Network, Value } from "./network/network.js";
import { createReferenceNetwork } from "./network/reference.js";
import { createWasmNetwork } from "./network/wasm.js";
import { type Placement, placePicture } from "./picture/placement.js";
import { type PictureSource, readPixels } from "./picture/source.js";

/** One object. */
export interface Detection {
  label: string;
  /** 0..1 */
  score: number;
  /** Pixels of the picture. */
  box: { xmin: number; ymin: number; xmax: number; ymax: number };
}

export interface DetectOptions {
  /** Lowest score, 0..1. Default: each class's own, from the model file. */
  threshold?: number;
  /** Most detections of a picture, fewer or more than the model's own limit, which is the default; the best are kept. */
  maxDetections?: number;
}

/** What happened on the way to the detections. */
export interface Inspection {
  detections: Detection[];
  /** Taking the picture's pixels, drawing them into the network's input, operations on maps, and all that follows. */
  milliseconds: { pixels: number; draw: number; maps: number; decode: number };
  /** What a two-stage detector's first stage proposed, best first, [N, 4] xyxy in pixels of the picture; empty for other kinds. */
  regions: Float32Array;
  /** The last map before the heads, and where the picture lies in the network's input. Until the next picture. */
  features: () => Value & { placement: Placement };
}

export class Detector {
  private anchors: Float32Array = new Float32Array(0);
  private anchorsOf = "";

  private constructor(
    private readonly model: Model,
    private readonly network: Network,
  ) {}

  /**
   * Reads a model file.
   * @throws ModelError when it is not one, or damaged; what fetch throws when it cannot be loaded
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Detector> {
    const backend = options.backend ?? (hasSimd() ? "wasm" : "typescript");
    const bytes = readBytes(source, options);
    if (backend === "wasm") compileKernels();
    const read = parseModel(await bytes);
    const model =
      options.side === undefined
        ? read
        : { ...read, input: { ...read.input, side: checkSide(options.side) } };
    const create = backend === "wasm" ? createWasmNetwork : createReferenceNetwork;
    return new Detector(model, await create(model));
  }

  /** The names that detections have. */
  get classes(): readonly string[] {
    return this.model.classes;
  }

  /** The score from which each class is shown, 0..1. */
  get thresholds(): readonly number[] {
    return this.model.thresholds;
  }

  /** Longest side of a picture in the network's input, in pixels. */
  get side(): number {
    return this.model.input.side;
  }

  /** Most detections of a picture, where detect is not given another limit. */
  get maxDetections(): number {
    return this.model.decoder.keep.detections;
  }

  /**
   * Finds objects, best first.
   * @throws PictureError when the picture has no pixels; ModelError when the network overflows
   */
  detect(picture: PictureSource, options: DetectOptions = {}): Detection[] {
    return this.inspect(picture, options).detections;
  }

  /** As detect, with what happened on the way: for tools that show how a detector works. */
  inspect(picture: PictureSource, options: DetectOptions = {}): Inspection {
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
      detections: this.listed(found, pixels, placement.scale, options),
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

  /** What is shown of what was found, in pixels of the picture. */
  private listed(
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

  /** From the outputs on maps to detections; of a two-stage detector the regions are looked at in between. */
  private decode(
    [first, second]: readonly Value[],
    { size, canvas }: Placement,
    maxDetections = 0,
  ): { found: Detections; regions: Float32Array } {
    const { outputs } = this.model;
    const decoder = withRoom(this.model.decoder, maxDetections);
    requireFinite(first, second);
    if (decoder.of === "cells") {
      const outputs = { logits: first.data, distances: second.data };
      return { found: detectCells(outputs, first.width, size, decoder), regions: new Float32Array(0) };
    }
    const anchorOutputs: AnchorOutputs = {
      logits: first.data,
      deltas: second.data,
      anchors: this.anchorsFor(first),
      cells: first.width * first.height,
    };
    const placed = [0, 0, Math.min(size.width, canvas.width), Math.min(size.height, canvas.height)];
    const regions = proposeRegions(anchorOutputs, placed, decoder.proposals);
    const [logits, deltas] = this.network.runRegions(regions, outputs.slice(2));
    requireFinite(logits, deltas);
    const found = detectRegions({ logits: logits.data, deltas: deltas.data }, regions, size, decoder);
    return { found, regions };
  }

  /** Pictures are mostly of one size. */
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

/** A decoder that lets out `detections` at least. */
const withRoom = <D extends Decoder>(decoder: D, detections: number): D =>
  detections <= decoder.keep.detections ? decoder : { ...decoder, keep: { ...decoder.keep, detections } };

function checkSide(side: number): number {
  if (Number.isInteger(side) && side >= 1 && side <= MAX_SIDE) return side;
  return fail(`side is ${side}, expected a whole number from 1 to ${MAX_SIDE}`);
}

/** Finite weights can overflow all the same, and then nothing would be found without a word. */
function requireFinite(...values: readonly Value[]): void {
  for (const { data, finite = !hasNonFinite(data) } of values)
    if (!finite) fail("the network gives NaN or infinity: its weights are too large");
}
