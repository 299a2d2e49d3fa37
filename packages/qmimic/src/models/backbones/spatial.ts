// The 3x3 layers of a backbone and its neck, in three types: plain; depthwise-separable, a depthwise 3x3 and a
// 1x1 (Howard et al., MobileNets, arXiv 1704.04861, section 3.1); and grouped, a grouped 3x3 (Xie et al.,
// ResNeXt, CVPR 2017, section 3.3) and a 1x1 that mixes the groups, which would otherwise be separate networks.
// Layers that read the image are always plain.
import { BatchNorm2d, Conv2d, Layer, type Random, type Tensor } from "@qmimic/torch";
import type { Convolution } from "../config.js";

export interface SpatialOptions {
  stride?: number;
  bias?: boolean;
}

/** A 3x3 layer of one of the types, with padding 1, without its batch norm. */
export type SpatialLayer = (
  inChannels: number,
  outChannels: number,
  random: Random,
  options?: SpatialOptions,
) => Layer & { readonly outChannels: number };

export const plainLayer: SpatialLayer = (inChannels, outChannels, random, options = {}) =>
  new Conv2d(inChannels, outChannels, random, { kernel: 3, ...options, padding: 1, init: "kaiming" });

/**
 * @param maxGroups for grouped layers; each has the largest number up to this that divides its channels (see
 * narrowed)
 */
export function spatialLayer(kind: Convolution, maxGroups: number): SpatialLayer {
  if (kind === "plain") return plainLayer;
  const groupsOf = (channels: number) => (kind === "separable" ? channels : groupsFor(channels, maxGroups));
  return (inChannels, outChannels, random, options = {}) =>
    new Mixed(inChannels, outChannels, random, { ...options, groups: groupsOf(inChannels) });
}

/** The largest number of groups, up to `max`, that divides the channels evenly. */
function groupsFor(channels: number, max: number): number {
  let groups = Math.min(channels, max);
  while (channels % groups !== 0) groups--;
  return groups;
}

/** A grouped 3x3, batch norm, a ReLU, and a 1x1 that mixes the groups. */
class Mixed extends Layer {
  private readonly spatial: Conv2d;
  private readonly norm: BatchNorm2d;
  private readonly pointwise: Conv2d;

  constructor(
    inChannels: number,
    outChannels: number,
    random: Random,
    { groups, stride = 1, bias = true }: SpatialOptions & { groups: number },
  ) {
    super();
    const options = { kernel: 3, stride, groups, padding: 1, bias: false, init: "kaiming" } as const;
    this.spatial = this.child("spatial", new Conv2d(inChannels, inChannels, random, options));
    this.norm = this.child("norm", new BatchNorm2d(inChannels));
    this.pointwise = this.child(
      "pointwise",
      new Conv2d(inChannels, outChannels, random, { kernel: 1, bias, init: "kaiming" }),
    );
  }

  get outChannels(): number {
    return this.pointwise.outChannels;
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.norm.forwardFused(this.spatial.forward(x), true, false));
  }
}
