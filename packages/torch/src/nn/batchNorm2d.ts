// Batch normalisation over channels, fused with a following ReLU and pooling where possible.
import { batchNormRelu } from "../kernels.js";
import { batchNorm, maxPool2d, relu } from "../ops.js";
import { constant } from "../random.js";
import type { Tensor } from "../tensor.js";
import { Layer } from "./module.js";

export class BatchNorm2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;

  constructor(
    channels: number,
    private readonly momentum = 0.1,
    private readonly eps = 1e-5,
  ) {
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
    const { weight, bias, runningMean, runningVar, training, momentum, eps } = this;
    if (weight.device === "cpu" && x.dtype === "float32") {
      const options = { training, momentum, eps, relu: withRelu, pool: withPool };
      return batchNormRelu(x, weight, bias, runningMean, runningVar, options);
    }
    let y = batchNorm(x, weight, bias, runningMean, runningVar, training, momentum, eps);
    if (withRelu) y = relu(y);
    return withPool ? maxPool2d(y, 2) : y;
  }
}
