// Builds networks by name.
import type { Random } from "@qmimic/torch";
import { type DetectorConfig, narrowed, parseBackbone } from "../config.js";
import { ResNet } from "./resnet.js";
import { spatialLayer } from "./spatial.js";
import { TopDown } from "./topDown.js";
import type { Backbone } from "./types.js";
import { Vgg } from "./vgg.js";

/** The network named in a configuration, with fresh weights. @throws InputError for an unknown name */
export function createBackbone(
  config: Pick<DetectorConfig, "backbone" | "outputStride" | "neck"> &
    Partial<Pick<DetectorConfig, "convolution" | "convolutionGroups">>,
  random: Random,
): Backbone {
  const { backbone, outputStride, neck, convolution = "plain", convolutionGroups = 1 } = config;
  const { family, divisor } = parseBackbone(backbone);
  const topDown = neck !== "none" && outputStride < 16;
  const trunkStride = topDown ? 16 : outputStride;
  const layer = spatialLayer(convolution, convolutionGroups);
  const groups = convolution === "grouped" ? convolutionGroups : 1;
  const widthOf = (channels: number) => narrowed(channels, divisor, groups);
  const trunk =
    family === "vgg"
      ? new Vgg(widthOf, trunkStride, layer, random)
      : new ResNet({ family, widthOf, outputStride: trunkStride }, layer, random);
  return topDown ? new TopDown(trunk, { outputStride, withDetail: neck === "detail" }, layer, random) : trunk;
}
