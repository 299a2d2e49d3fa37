// Names to networks, and the quantizer behind them.
import { type Module, quantize, quantizePow2, type Random, type Tensor } from "@qmimic/torch";
import { type DetectorConfig, parseBackbone, type Quantizer } from "./config.js";
import { ResNet } from "./resnet.js";
import { TopDown } from "./topDown.js";
import { Vgg } from "./vgg.js";

export interface Backbone extends Module {
  readonly outChannels: number;
  forward(x: Tensor): Tensor;
}

/** The network that a configuration names, with fresh weights. @throws InputError for an unknown name */
export function createBackbone(
  { backbone, outputStride, neck }: Pick<DetectorConfig, "backbone" | "outputStride" | "neck">,
  random: Random,
): Backbone {
  const { family, divisor } = parseBackbone(backbone);
  const topDown = neck !== "none" && outputStride < 16;
  const trunkStride = topDown ? 16 : outputStride;
  const trunk =
    family === "vgg"
      ? new Vgg(divisor, trunkStride, random)
      : new ResNet(family, divisor, trunkStride, random);
  return topDown ? new TopDown(trunk, outputStride, neck === "detail", random) : trunk;
}

/** Rounds features to the quantizer's dictionary; the gradient passes unchanged (straight-through). */
export function applyQuantizer(features: Tensor, quantizer: Quantizer): Tensor {
  switch (quantizer.kind) {
    case "none":
      return features;
    case "uniform":
      return quantize(features, quantizer.stride);
    case "power-of-two":
      return quantizePow2(features, quantizer.minExponent, quantizer.maxExponent);
  }
}
