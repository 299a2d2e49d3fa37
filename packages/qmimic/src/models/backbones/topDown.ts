// Top-down pathway (Lin et al., Feature Pyramid Networks, CVPR 2017, section 3) to a single map: coarse
// semantic maps are added to fine ones, which resolve small objects. Unlike in a pyramid, only the finest map
// is kept, so that the detector has *one* last feature map, which is quantized and mimicked. A detail path may
// be added (detail.ts).
import {
  add,
  BatchNorm2d,
  Conv2d,
  type Layer,
  Module,
  type Random,
  type Tensor,
  upsampleNearest,
} from "@qmimic/torch";
import { Detail } from "./detail.js";
import type { SpatialLayer } from "./spatial.js";
import type { Backbone, LevelledBackbone } from "./types.js";

const FINEST_STRIDE = 4;

export class TopDown extends Module implements Backbone {
  private readonly lateral: Conv2d[];
  private readonly smooth: Layer & { readonly outChannels: number };
  private readonly norm: BatchNorm2d;
  private readonly skipped: number;
  private readonly detail: Detail | null;

  /**
   * @param trunk network with output stride 16
   * @param options `outputStride` of the resulting map, 4 or 8, and whether to add a detail path from the image
   */
  constructor(
    private readonly trunk: LevelledBackbone,
    { outputStride, withDetail }: { outputStride: number; withDetail: boolean },
    layer: SpatialLayer,
    random: Random,
  ) {
    super();
    this.child("trunk", trunk);
    const { outChannels } = trunk;
    this.skipped = Math.log2(outputStride / FINEST_STRIDE);
    this.lateral = trunk.levelChannels
      .slice(this.skipped)
      .map((channels, i) =>
        this.child(`lateral.${i}`, new Conv2d(channels, outChannels, random, { kernel: 1, init: "kaiming" })),
      );
    this.smooth = this.child("smooth.0", layer(outChannels, outChannels, random));
    this.norm = this.child("smooth.1", new BatchNorm2d(outChannels));
    this.detail = withDetail
      ? this.child("detail", new Detail(outChannels, outputStride, layer, random))
      : null;
  }

  get outChannels(): number {
    return this.smooth.outChannels;
  }

  /** [B, 3, H, W] -> [B, outChannels, H / stride, W / stride], after a ReLU; H and W are multiples of 16 */
  forward(x: Tensor): Tensor {
    const maps = this.trunk.levels(x).slice(this.skipped);
    const sides = maps.map((map, i) => this.lateral[i].forward(map));
    const understood = sides.reduceRight((coarse, fine) => add(fine, upsampleNearest(coarse, 2)));
    const merged = this.detail ? add(understood, this.detail.forward(x)) : understood;
    return this.norm.forwardFused(this.smooth.forward(merged), true, false);
  }
}
