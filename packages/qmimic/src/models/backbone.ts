// Names to networks, and the quantizer behind them.
import { type Module, quantize, quantizePow2, type Random, type Tensor } from "@qmimic/torch";
import { parseBackbone, type Quantizer } from "./config.js";
import { ResNet } from "./resnet.js";
import { Vgg } from "./vgg.js";

export interface Backbone extends Module {
  readonly outChannels: number;
  forward(x: Tensor): Tensor;
}

/** The network `name` with fresh weights from `random`. @throws InputError for an unknown name */
export function createBackbone(name: string, outputStride: number, random: Random): Backbone {
  const { family, divisor } = parseBackbone(name);
  return family === "vgg"
    ? new Vgg(divisor, outputStride, random)
    : new ResNet(family, divisor, outputStride, random);
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
