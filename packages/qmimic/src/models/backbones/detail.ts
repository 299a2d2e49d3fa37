// A detail path beside the backbone (as in Yu et al., BiSeNet, ECCV 2018, section 3.1): few layers, straight from the
// image's pixels to the stride of the last map. In a very tiny backbone all that the fine map is made of has passed
// through the 2 and 4 channels of the first blocks; whole blocks of pixels, taken at once, have not.
import { Conv2d, cast, Module, type Random, Sequential, type Tensor } from "@qmimic/torch";
import { normed } from "./normed.js";
import type { SpatialLayer } from "./spatial.js";

/** As many as the last map of VGG-1-32 has, for wider networks too: a wider path was not tried. */
const CHANNELS = 16;

export class Detail extends Module {
  private readonly layers: Sequential;

  /**
   * @param outChannels of the map that the path joins
   * @param outputStride of that map: pixels a side of a block
   */
  constructor(outChannels: number, outputStride: number, layer: SpatialLayer, random: Random) {
    super();
    const channels = Math.min(CHANNELS, outChannels);
    const blocks = { stride: outputStride, init: "kaiming" } as const;
    this.layers = this.child(
      "layers",
      new Sequential([
        ...normed(new Conv2d(3, channels, outputStride, random, blocks)),
        ...normed(layer(channels, channels, random)),
        ...normed(layer(channels, channels, random)),
        layer(channels, outChannels, random),
      ]),
    );
  }

  /** images [B, 3, H, W] -> what is added to the map, [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor {
    return cast(this.layers.forward(x), "float32");
  }
}
