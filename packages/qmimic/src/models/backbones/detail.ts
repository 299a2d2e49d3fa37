// A detail path parallel to the backbone (as in Yu et al., BiSeNet, ECCV 2018, section 3.1): a few layers from
// the image's pixels directly to the stride of the last map. In a very small backbone, all information in the
// fine map has passed through the 2 and 4 channels of the first blocks; the detail path reads whole blocks of
// pixels instead.
import { Conv2d, cast, Module, type Random, Sequential, type Tensor } from "@qmimic/torch";
import { normed } from "./normed.js";
import type { SpatialLayer } from "./spatial.js";

/** The channels of VGG-1-32's last map, for wider networks too: a wider path was not tried. */
const CHANNELS = 16;

export class Detail extends Module {
  private readonly layers: Sequential;

  /**
   * @param outChannels of the map to which the path is added
   * @param outputStride of that map: pixels per side of a block
   */
  constructor(outChannels: number, outputStride: number, layer: SpatialLayer, random: Random) {
    super();
    const channels = Math.min(CHANNELS, outChannels);
    const blocks = { kernel: outputStride, stride: outputStride, init: "kaiming" } as const;
    this.layers = this.child(
      "layers",
      new Sequential([
        ...normed(new Conv2d(3, channels, random, blocks)),
        ...normed(layer(channels, channels, random)),
        ...normed(layer(channels, channels, random)),
        layer(channels, outChannels, random),
      ]),
    );
  }

  /** images [B, 3, H, W] -> a summand for the map, [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor {
    return cast(this.layers.forward(x), "float32");
  }
}
