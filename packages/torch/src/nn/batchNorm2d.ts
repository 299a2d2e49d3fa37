// Batch normalisation over channels, fused with a following ReLU and pooling where possible.
import { batchNormRelu } from "../kernels.js";
import { batchNorm, maxPool2d, relu } from "../ops.js";
import { constant } from "../random.js";
import type { Tensor } from "../tensor.js";
import { Layer } from "./module.js";

/** Of the running statistics. */
const MOMENTUM = 0.1;
/** Added to the variance. */
const EPS = 1e-5;

/** [B, C, H, W] -> [B, C, H, W]. Training normalises by the batch's statistics and updates the running ones. */
export class BatchNorm2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;

  constructor(channels: number) {
    super();
    this.weight = this.parameter("weight", constant([channels], 1));
    this.bias = this.parameter("bias", constant([channels], 0));
    this.runningMean = this.buffer("running_mean", constant([channels], 0));
    this.runningVar = this.buffer("running_var", constant([channels], 1));
  }

  forward(x: Tensor): Tensor {
    return this.forwardFused(x, false, false);
  }

  /** The same, optionally followed by ReLU and 2x2 max pooling. */
  forwardFused(x: Tensor, withRelu: boolean, withPool: boolean): Tensor {
    const { training } = this;
    const options = { training, momentum: MOMENTUM, eps: EPS, relu: withRelu, pool: withPool };
    if (this.weight.device === "cpu" && x.dtype === "float32") return batchNormRelu(x, this, options);
    let y = batchNorm(x, this, options);
    if (withRelu) y = relu(y);
    return withPool ? maxPool2d(y, 2) : y;
  }
}
