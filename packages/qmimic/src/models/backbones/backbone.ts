// Names to networks.
import type { Random } from "@qmimic/torch";
import { type DetectorConfig, parseBackbone } from "../config.js";
import { ResNet } from "./resnet.js";
import { TopDown } from "./topDown.js";
import type { Backbone } from "./types.js";
import { Vgg } from "./vgg.js";

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
