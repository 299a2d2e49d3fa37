// VGG16 with batch norm (Simonyan and Zisserman, ICLR 2015, configuration D) at 1/n of its width. Parameter
// names are as in torchvision's vgg16_bn, so that its weights can be loaded at n = 1.
import {
  cast,
  Identity,
  type Layer,
  MaxPool2d,
  Module,
  type Random,
  Sequential,
  type Tensor,
} from "@qmimic/torch";
import { normed } from "./normed.js";
import { plainLayer, type SpatialLayer } from "./spatial.js";
import type { LevelledBackbone } from "./types.js";

/** Channels of the 3x3 layers per block; a 2x2 pooling follows each block until the output stride is reached. */
const BLOCKS = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** The first block that ends a level: stride 4. */
const LEVELS_FROM = 2;

export class Vgg extends Module implements LevelledBackbone {
  readonly levelChannels: number[];
  private readonly features: Sequential;
  /** Index where each block's layers end, before its pooling. */
  private readonly blockEnds: number[] = [];
  private readonly last: { readonly outChannels: number };

  /**
   * @param widthOf maps VGG16's number of channels to this network's
   * @param outputStride 16 removes the last pooling of VGG16, 8 the last two, 4 the last three
   */
  constructor(
    widthOf: (channels: number) => number,
    outputStride: number,
    layer: SpatialLayer,
    random: Random,
  ) {
    super();
    const layers: Layer[] = [];
    let last = plainLayer(3, widthOf(BLOCKS[0][0]), random);
    layers.push(...normed(last));
    let stride = 1;
    for (const [i, block] of BLOCKS.entries()) {
      for (const width of i === 0 ? block.slice(1) : block) {
        last = layer(last.outChannels, widthOf(width), random);
        layers.push(...normed(last));
      }
      this.blockEnds.push(layers.length);
      if (i === BLOCKS.length - 1) break;
      const shrinks = stride < outputStride;
      layers.push(shrinks ? new MaxPool2d(2) : new Identity());
      if (shrinks) stride *= 2;
    }
    this.features = this.child("features", new Sequential(layers));
    this.last = last;
    this.levelChannels = BLOCKS.slice(LEVELS_FROM).map((block) => widthOf(block[0]));
  }

  get outChannels(): number {
    return this.last.outChannels;
  }

  /** [B, 3, H, W] -> [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor {
    return this.features.forward(x);
  }

  levels(x: Tensor): Tensor[] {
    const maps: Tensor[] = [];
    let y = x;
    let from = 0;
    // One range up to the first level: within a range, batch norm is fused with the pooling after it.
    for (const end of this.blockEnds.slice(LEVELS_FROM)) {
      y = this.features.forwardRange(y, from, end);
      maps.push(cast(y, "float32"));
      from = end;
    }
    return maps;
  }
}
