// ResNet-18 and -34 (He et al., CVPR 2016) at 1/n of their width; parameter names are as in torchvision.
// Detectors need finer maps than the original's stride 32, so the last stages do not downsample.
import {
  add,
  BatchNorm2d,
  Conv2d,
  cast,
  Layer,
  Module,
  maxPool2d,
  type Random,
  relu,
  Sequential,
  scope,
  type Tensor,
} from "@qmimic/torch";
import type { SpatialLayer } from "./spatial.js";
import type { LevelledBackbone } from "./types.js";

const WIDTHS = [64, 128, 256, 512];
const DEPTHS = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] };

class BasicBlock extends Layer {
  private readonly conv1: Layer;
  private readonly bn1: BatchNorm2d;
  private readonly conv2: Layer & { readonly outChannels: number };
  private readonly bn2: BatchNorm2d;
  private readonly downsample: Sequential | null = null;

  constructor(
    [inChannels, channels]: readonly [number, number],
    stride: number,
    layer: SpatialLayer,
    random: Random,
  ) {
    super();
    this.conv1 = this.child("conv1", layer(inChannels, channels, random, { bias: false, stride }));
    this.bn1 = this.child("bn1", new BatchNorm2d(channels));
    this.conv2 = this.child("conv2", layer(channels, channels, random, { bias: false }));
    this.bn2 = this.child("bn2", new BatchNorm2d(channels));
    if (stride !== 1 || inChannels !== channels) {
      const options = { kernel: 1, stride, bias: false, init: "kaiming" } as const;
      const project = new Conv2d(inChannels, channels, random, options);
      this.downsample = this.child("downsample", new Sequential([project, new BatchNorm2d(channels)]));
    }
  }

  get outChannels(): number {
    return this.conv2.outChannels;
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forwardFused(this.conv1.forward(x), true, false);
    const residual = this.bn2.forward(this.conv2.forward(inner));
    return relu(add(residual, this.downsample ? this.downsample.forward(x) : x));
  }
}

/** The stages that end a level: the last one at each of the strides 4, 8 and 16. */
const LEVELS = [0, 1, 3];

interface ResNetOptions {
  family: keyof typeof DEPTHS;
  /** Maps the original's number of channels to this network's. */
  widthOf(channels: number): number;
  outputStride: number;
}

export class ResNet extends Module implements LevelledBackbone {
  readonly levelChannels: number[];
  private readonly conv1: Conv2d;
  private readonly bn1: BatchNorm2d;
  private readonly stages: Sequential[] = [];
  private readonly last: { readonly outChannels: number };

  constructor({ family, widthOf, outputStride }: ResNetOptions, layer: SpatialLayer, random: Random) {
    super();
    let channels = widthOf(64);
    const stem = { kernel: 7, stride: 2, padding: 3, bias: false, init: "kaiming" } as const;
    this.conv1 = this.child("conv1", new Conv2d(3, channels, random, stem));
    this.bn1 = this.child("bn1", new BatchNorm2d(channels));
    let stride = 4;
    for (const [i, depth] of DEPTHS[family].entries()) {
      const width = widthOf(WIDTHS[i]);
      const shrink = i > 0 && stride < outputStride ? 2 : 1;
      stride *= shrink;
      const blocks: BasicBlock[] = [];
      for (let b = 0; b < depth; b++) {
        blocks.push(new BasicBlock([channels, width], b === 0 ? shrink : 1, layer, random));
        channels = width;
      }
      this.stages.push(this.child(`layer${i + 1}`, new Sequential(blocks)));
    }
    this.last = this.stages[3].modules.at(-1) as BasicBlock;
    this.levelChannels = LEVELS.map((stage) => widthOf(WIDTHS[stage]));
  }

  get outChannels(): number {
    return this.last.outChannels;
  }

  /** [B, 3, H, W] -> [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor {
    return this.stageMaps(x)[this.stages.length - 1];
  }

  levels(x: Tensor): Tensor[] {
    const maps = this.stageMaps(x);
    return LEVELS.map((stage) => cast(maps[stage], "float32"));
  }

  private stageMaps(x: Tensor): Tensor[] {
    let y = scope(() => maxPool2d(this.bn1.forwardFused(this.conv1.forward(x), true, false), 3, 2, 1));
    return this.stages.map((stage) => {
      y = stage.forward(y);
      return y;
    });
  }
}
