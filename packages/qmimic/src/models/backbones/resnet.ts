// ResNet-18 and -34 (He et al., CVPR 2016) at 1/n of their width; parameter names are torchvision's.
// Detectors need finer maps than the original's stride 32: the last stages keep their resolution instead.
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
import { narrowed } from "../config.js";
import type { LevelledBackbone } from "./types.js";

const WIDTHS = [64, 128, 256, 512];
const DEPTHS = { resnet18: [2, 2, 2, 2], resnet34: [3, 4, 6, 3] };

class BasicBlock extends Layer {
  private readonly conv1: Conv2d;
  private readonly bn1: BatchNorm2d;
  private readonly conv2: Conv2d;
  private readonly bn2: BatchNorm2d;
  private readonly downsample: Sequential | null = null;

  constructor(inChannels: number, channels: number, stride: number, random: Random) {
    super();
    const plain = { padding: 1, bias: false, init: "kaiming" } as const;
    this.conv1 = this.child("conv1", new Conv2d(inChannels, channels, 3, random, { ...plain, stride }));
    this.bn1 = this.child("bn1", new BatchNorm2d(channels));
    this.conv2 = this.child("conv2", new Conv2d(channels, channels, 3, random, plain));
    this.bn2 = this.child("bn2", new BatchNorm2d(channels));
    if (stride !== 1 || inChannels !== channels) {
      const project = new Conv2d(inChannels, channels, 1, random, { stride, bias: false, init: "kaiming" });
      this.downsample = this.child("downsample", new Sequential([project, new BatchNorm2d(channels)]));
    }
  }

  forward(x: Tensor): Tensor {
    const inner = this.bn1.forwardFused(this.conv1.forward(x), true, false);
    const residual = this.bn2.forward(this.conv2.forward(inner));
    return relu(add(residual, this.downsample ? this.downsample.forward(x) : x));
  }
}

/** The stages whose ends are levels: the last at each of the strides 4, 8 and 16. */
const LEVELS = [0, 1, 3];

export class ResNet extends Module implements LevelledBackbone {
  readonly outChannels: number;
  readonly levelChannels: number[];
  private readonly conv1: Conv2d;
  private readonly bn1: BatchNorm2d;
  private readonly stages: Sequential[] = [];

  constructor(family: keyof typeof DEPTHS, divisor: number, outputStride: number, random: Random) {
    super();
    let channels = narrowed(64, divisor);
    const stem = { stride: 2, padding: 3, bias: false, init: "kaiming" } as const;
    this.conv1 = this.child("conv1", new Conv2d(3, channels, 7, random, stem));
    this.bn1 = this.child("bn1", new BatchNorm2d(channels));
    let stride = 4;
    for (const [i, depth] of DEPTHS[family].entries()) {
      const width = narrowed(WIDTHS[i], divisor);
      const shrink = i > 0 && stride < outputStride ? 2 : 1;
      stride *= shrink;
      const blocks: BasicBlock[] = [];
      for (let b = 0; b < depth; b++) {
        blocks.push(new BasicBlock(channels, width, b === 0 ? shrink : 1, random));
        channels = width;
      }
      this.stages.push(this.child(`layer${i + 1}`, new Sequential(blocks)));
    }
    this.outChannels = channels;
    this.levelChannels = LEVELS.map((stage) => narrowed(WIDTHS[stage], divisor));
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
