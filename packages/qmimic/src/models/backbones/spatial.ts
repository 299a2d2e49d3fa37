// The 3x3 layers of a backbone and its neck, in three kinds: plain; depthwise-separable, a 3x3 of each channel alone and a 1x1
// of all (Howard et al., MobileNets, arXiv 1704.04861, section 3.1); and grouped, a 3x3 within groups of channels (Xie et al.,
// ResNeXt, CVPR 2017, section 3.3) and a 1x1 that mixes them, without which the groups would be networks side by side. Layers
// that read the image's pixels are plain in all of them.
import { BatchNorm2d, Conv2d, Layer, type Random, type Tensor } from "@qmimic/torch";
import type { Convolution } from "../config.js";

export interface SpatialOptions {
  stride?: number;
  bias?: boolean;
}

/** One of the kinds of a 3x3 layer, padded by 1, without the batch norm behind it. */
export type SpatialLayer = (
  inChannels: number,
  outChannels: number,
  random: Random,
  options?: SpatialOptions,
) => Layer & { readonly outChannels: number };

export const plainLayer: SpatialLayer = (inChannels, outChannels, random, options = {}) =>
  new Conv2d(inChannels, outChannels, 3, random, { ...options, padding: 1, init: "kaiming" });

/** @param mostGroups of grouped layers; each has as many, up to that, as divide its channels (see narrowed) */
export function spatialLayer(kind: Convolution, mostGroups: number): SpatialLayer {
  if (kind === "plain") return plainLayer;
  const groupsOf = (channels: number) => (kind === "separable" ? channels : groupsFor(channels, mostGroups));
  return (inChannels, outChannels, random, options = {}) =>
    new Mixed(inChannels, outChannels, groupsOf(inChannels), random, options);
}

/** The most groups, up to `most`, into which channels can be divided evenly. */
function groupsFor(channels: number, most: number): number {
  let groups = Math.min(channels, most);
  while (channels % groups !== 0) groups--;
  return groups;
}

/** A 3x3 in groups, batch norm, a ReLU, and a 1x1 that mixes what came out. */
class Mixed extends Layer {
  private readonly spatial: Conv2d;
  private readonly norm: BatchNorm2d;
  private readonly pointwise: Conv2d;

  constructor(
    inChannels: number,
    outChannels: number,
    groups: number,
    random: Random,
    { stride = 1, bias = true }: SpatialOptions,
  ) {
    super();
    const options = { stride, groups, padding: 1, bias: false, init: "kaiming" } as const;
    this.spatial = this.child("spatial", new Conv2d(inChannels, inChannels, 3, random, options));
    this.norm = this.child("norm", new BatchNorm2d(inChannels));
    this.pointwise = this.child(
      "pointwise",
      new Conv2d(inChannels, outChannels, 1, random, { bias, init: "kaiming" }),
    );
  }

  get outChannels(): number {
    return this.pointwise.outChannels;
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.norm.forwardFused(this.spatial.forward(x), true, false));
  }
}
