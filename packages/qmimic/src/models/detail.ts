// A detail path beside the backbone (as in Yu et al., BiSeNet, ECCV 2018, section 3.1): few layers, straight from the
// image's pixels to the stride of the last map. In a very tiny backbone all that the fine map is made of has passed
// through the 2 and 4 channels of the first blocks; whole blocks of pixels, taken at once, have not.
import {
  BatchNorm2d,
  Conv2d,
  cast,
  type Layer,
  Module,
  type Random,
  ReLU,
  Sequential,
  type Tensor,
} from "@qmimic/torch";

/** As many as the last map of VGG-1-32 has; a wide teacher, which loses less on the way, needs no more. */
const CHANNELS = 16;
/** 3x3 layers between the pixels and the last one. */
const HIDDEN = 2;

export class Detail extends Module {
  private readonly layers: Sequential;

  /**
   * @param outChannels of the map that the path joins
   * @param outputStride of that map: pixels a side of a block
   */
  constructor(outChannels: number, outputStride: number, random: Random) {
    super();
    const channels = Math.min(CHANNELS, outChannels);
    const plain = { padding: 1, init: "kaiming" } as const;
    const blocks = { stride: outputStride, init: "kaiming" } as const;
    const layers: Layer[] = [
      new Conv2d(3, channels, outputStride, random, blocks),
      new BatchNorm2d(channels),
      new ReLU(),
    ];
    for (let i = 0; i < HIDDEN; i++)
      layers.push(new Conv2d(channels, channels, 3, random, plain), new BatchNorm2d(channels), new ReLU());
    layers.push(new Conv2d(channels, outChannels, 3, random, plain));
    this.layers = this.child("layers", new Sequential(layers));
  }

  /** images [B, 3, H, W] -> what is added to the map, [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor {
    return cast(this.layers.forward(x), "float32");
  }
}
