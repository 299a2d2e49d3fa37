// Two towers of 3x3 layers on one feature map, for classes and for boxes (Tian et al., FCOS, ICCV 2019, section
// 3.1), each followed by a 1x1 layer that predicts, for every cell, the score of each class or the distances to
// the sides of a box.
import {
  Conv2d,
  cast,
  constant,
  copy,
  exp,
  type Layer,
  Module,
  noGrad,
  operator,
  type Random,
  Sequential,
  scope,
  type Tensor,
} from "@qmimic/torch";
import { normed } from "../backbones/normed.js";
import type { FcosConfig } from "./settings.js";

/** Initial score of every cell: few cells are objects (Lin et al., Focal Loss, ICCV 2017, section 4.1). */
const FIRST_SCORE = 0.01;
/** Initial distances of every cell, in cells. */
const FIRST_DISTANCE = 4;
/** Upper limit of distances: larger than any map, and far from float32's overflow. */
const LARGEST_LOG = Math.log(1024);

const clampMax = operator("aten::clamp_max");

export interface CellOutputs {
  /** [B, classes, H, W] for a sigmoid */
  logits: Tensor;
  /** [B, 4, H, W], in cells, above 0 */
  distances: Tensor;
}

export class FcosHead extends Module {
  private readonly classTower: Sequential;
  private readonly boxTower: Sequential;
  private readonly logits: Conv2d;
  private readonly distances: Conv2d;

  constructor(config: FcosConfig, channels: number, random: Random) {
    super();
    const { classes, towerWidth: width } = config;
    this.classTower = this.child("class_tower", tower(config, channels, random));
    this.boxTower = this.child("box_tower", tower(config, channels, random));
    const prediction = { kernel: 1, init: 0.16 / Math.sqrt(width), predicts: true };
    this.logits = this.child("cls_logits", new Conv2d(width, classes.length, random, prediction));
    this.distances = this.child("bbox_pred", new Conv2d(width, 4, random, prediction));
    setBias(this.logits, Math.log(FIRST_SCORE / (1 - FIRST_SCORE)));
    setBias(this.distances, Math.log(FIRST_DISTANCE));
  }

  /** features [B, C, H, W] */
  forward(features: Tensor): CellOutputs {
    // Wide layers may compute in bfloat16; decoding and comparing need float32.
    const logits = cast(this.logits.forward(this.classTower.forward(features)), "float32");
    const logs = cast(this.distances.forward(this.boxTower.forward(features)), "float32");
    return { logits, distances: exp(clampMax(logs, LARGEST_LOG)) };
  }
}

function tower(
  { towerDepth, towerKind, towerWidth }: FcosConfig,
  channels: number,
  random: Random,
): Sequential {
  const layers: Layer[] = [];
  for (let i = 0; i < towerDepth; i++) {
    const from = i === 0 ? channels : towerWidth;
    layers.push(...(towerKind === "plain" ? plain : separable)(from, towerWidth, random));
  }
  return new Sequential(layers);
}

const hidden = { bias: false, init: "kaiming" } as const;

const plain = (from: number, to: number, random: Random): Layer[] =>
  normed(new Conv2d(from, to, random, { kernel: 3, ...hidden, padding: 1 }));

const separable = (from: number, to: number, random: Random): Layer[] => [
  new Conv2d(from, from, random, { kernel: 3, ...hidden, padding: 1, groups: from }),
  ...normed(new Conv2d(from, to, random, { kernel: 1, ...hidden })),
];

const setBias = ({ bias, outChannels }: Conv2d, value: number): void =>
  noGrad(() => scope(() => void copy(bias!, constant([outChannels], value))));
