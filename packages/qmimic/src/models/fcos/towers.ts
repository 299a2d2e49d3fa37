// The heads of the one-stage detector: two towers on the same map, one for what an object is and how well its box fits,
// one for where its sides are (Tian et al., FCOS, ICCV 2019, section 3.1).
import {
  BatchNorm2d,
  Conv2d,
  cast,
  copy,
  exp,
  type Layer,
  Module,
  noGrad,
  type Random,
  ReLU,
  Sequential,
  scope,
  type Tensor,
  tensor,
} from "@qmimic/torch";
import type { FcosConfig } from "./settings.js";

/** Score of a cell before anything is learned: few cells hold an object (Lin et al., Focal Loss, ICCV 2017, section 3.3). */
const PRIOR = 0.01;
/** Distance of a side before anything is learned, in cells. */
const DISTANCE = 4;

export interface CellOutputs {
  /** [B, classes, H, W], for a sigmoid: the expected IoU of the cell's box with an object of the class. */
  logits: Tensor;
  /** To the left, upper, right and lower side, in cells, above 0, [B, 4, H, W]. */
  distances: Tensor;
}

export class Towers extends Module {
  private readonly classTower: Sequential;
  private readonly boxTower: Sequential;
  private readonly score: Conv2d;
  private readonly offset: Conv2d;

  /** @param channels of the map, and of the towers */
  constructor(config: FcosConfig, channels: number, random: Random) {
    super();
    const tower = () => new Sequential(towerLayers(config, channels, random));
    const prediction = (outputs: number) =>
      new Conv2d(channels, outputs, 1, random, { init: 0.16 / Math.sqrt(channels), predicts: true });
    this.classTower = this.child("class_tower", tower());
    this.boxTower = this.child("box_tower", tower());
    this.score = this.child("cls_logits", prediction(config.classes.length));
    this.offset = this.child("bbox_pred", prediction(4));
    fill(this.score.bias, Math.log(PRIOR / (1 - PRIOR)));
    fill(this.offset.bias, Math.log(DISTANCE));
  }

  /** features [B, C, H, W] */
  forward(features: Tensor): CellOutputs {
    // Wide layers may compute in bfloat16; what is decoded and compared is float32.
    const logits = cast(this.score.forward(this.classTower.forward(features)), "float32");
    const sides = cast(this.offset.forward(this.boxTower.forward(features)), "float32");
    return { logits, distances: exp(sides) };
  }
}

function towerLayers({ towerKind, towerDepth }: FcosConfig, channels: number, random: Random): Layer[] {
  const init = { init: "kaiming" } as const;
  return Array.from({ length: towerDepth }, (): Layer[] => {
    const last = [new BatchNorm2d(channels), new ReLU()];
    if (towerKind === "plain") {
      return [new Conv2d(channels, channels, 3, random, { ...init, padding: 1, bias: false }), ...last];
    }
    const depthwise = { ...init, padding: 1, groups: channels, bias: false };
    return [
      new Conv2d(channels, channels, 3, random, depthwise),
      new Conv2d(channels, channels, 1, random, { ...init, bias: false }),
      ...last,
    ];
  }).flat();
}

function fill(bias: Tensor | null, value: number): void {
  if (bias) noGrad(() => scope(() => copy(bias, tensor(new Float32Array(bias.size).fill(value)))));
}
