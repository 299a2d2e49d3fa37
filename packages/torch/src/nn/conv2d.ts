// 2-D convolution. Narrow 3x3 layers on the CPU use the addon's kernel, all others libtorch's.
import { conv3x3, simdLevel } from "../kernels.js";
import { cast, conv2d } from "../ops.js";
import { constant, type Random, randomNormal, randomUniform } from "../random.js";
import type { Tensor } from "../tensor.js";
import { count } from "./cost.js";
import { Layer } from "./module.js";

/** The maximum number of input or output channels for which the addon's kernel was measured faster than oneDNN's. */
const maxNarrowChannels = (): number => (simdLevel() === "avx512" ? 31 : 15);

export type Precision = "float32" | "bfloat16";
let precision: Precision = "float32";

/** The minimum number of input and output channels for which bfloat16 saves more time than the conversion costs. */
const MIN_BFLOAT16_CHANNELS = 32;

/**
 * Sets the dtype of the inputs and outputs of wide convolutions in training, like PyTorch's autocast: weights stay
 * float32, products are accumulated in float32, batch norm and ReLU preserve bfloat16, narrow layers convert back to
 * float32. Evaluation always uses float32, because bfloat16 does not speed up libtorch's forward pass.
 */
export function setPrecision(wanted: Precision): void {
  precision = wanted;
}

export interface Conv2dOptions {
  /** Rows and columns of the kernel. */
  kernel: number;
  stride?: number;
  padding?: number;
  groups?: number;
  bias?: boolean;
  /** "kaiming": normal, fan-out, for ReLU (He et al., 2015); "torch": PyTorch's default; a number: that std. */
  init?: "kaiming" | "torch" | number;
  /** @see NamedTensor.predicts */
  predicts?: boolean;
}

/**
 * 2D convolution: [B, Cin, H, W] -> [B, Cout, H', W'].
 * @throws RangeError if the channels are not multiples of `groups`
 */
export class Conv2d extends Layer {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  override readonly predicts: boolean;
  override readonly grouped: boolean;
  private readonly stride: number;
  private readonly padding: number;
  private readonly groups: number;
  private readonly narrow: boolean;

  constructor(
    inChannels: number,
    outChannels: number,
    random: Random,
    {
      kernel,
      stride = 1,
      padding = 0,
      groups = 1,
      bias = true,
      init = "torch",
      predicts = false,
    }: Conv2dOptions,
  ) {
    super();
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(
        `Conv2d: ${inChannels} -> ${outChannels} channels, expected multiples of ${groups} (groups)`,
      );
    }
    this.predicts = predicts;
    this.grouped = groups > 1;
    this.kernel = kernel;
    this.stride = stride;
    this.padding = padding;
    const shape = [outChannels, inChannels / groups, kernel, kernel];
    const fanIn = (inChannels / groups) * kernel * kernel;
    const fanOut = (outChannels / groups) * kernel * kernel;
    const weight =
      init === "torch"
        ? randomUniform(shape, 1 / Math.sqrt(fanIn), random)
        : randomNormal(shape, init === "kaiming" ? Math.sqrt(2 / fanOut) : init, random);
    this.weight = this.parameter("weight", weight);
    const initialBias =
      init === "torch"
        ? randomUniform([outChannels], 1 / Math.sqrt(fanIn), random)
        : constant([outChannels], 0);
    this.bias = bias ? this.parameter("bias", initialBias) : null;
    if (!bias) initialBias.dispose();
    // Taken from the actual weights, whose shape may differ: see withShapes.
    const depthwise = groups > 1 && groups === inChannels && groups === outChannels;
    const [actualOut, inPerGroup] = this.weight.shape;
    this.groups = depthwise ? actualOut : groups;
    this.inChannels = inPerGroup * this.groups;
    this.outChannels = actualOut;
    this.narrow =
      kernel === 3 &&
      stride === 1 &&
      padding === 1 &&
      groups === 1 &&
      Math.max(this.inChannels, this.outChannels) <= maxNarrowChannels();
  }

  forward(x: Tensor): Tensor {
    const y = this.convolve(x);
    count(() => y.size * (this.inChannels / this.groups) * this.kernel ** 2);
    return y;
  }

  private convolve(x: Tensor): Tensor {
    if (this.narrow && this.weight.device === "cpu")
      return conv3x3(cast(x, "float32"), this.weight, this.bias);
    const { stride, padding, groups, weight, bias } = this;
    const options = { stride, padding, groups };
    const wide = Math.min(this.inChannels, this.outChannels) >= MIN_BFLOAT16_CHANNELS;
    const to = wide && this.training ? precision : "float32";
    if (to === "float32") return conv2d(cast(x, to), weight, bias, options);
    return conv2d(cast(x, to), cast(weight, to), bias && cast(bias, to), options);
  }
}
