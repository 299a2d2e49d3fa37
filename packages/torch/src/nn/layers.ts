// Small layers: linear, ReLU, max pooling, and a sequence that fuses batch norm, ReLU and pooling.
import { linear, maxPool2d, relu } from "../ops.js";
import { constant, type Random, randomNormal, randomUniform } from "../random.js";
import { scope, type Tensor } from "../tensor.js";
import { BatchNorm2d } from "./batchNorm2d.js";
import { count } from "./cost.js";
import { Layer } from "./module.js";

export interface LinearOptions {
  /** Initialize with normal weights of this std and zero bias; by default as in PyTorch (uniform, 1 / sqrt(in)). */
  std?: number;
  /** @see NamedTensor.predicts */
  predicts?: boolean;
}

/** Fully connected layer: [N, in] -> [N, out]. */
export class Linear extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  override readonly predicts: boolean;

  constructor(
    inFeatures: number,
    outFeatures: number,
    random: Random,
    { std, predicts = false }: LinearOptions = {},
  ) {
    super();
    this.predicts = predicts;
    const bound = 1 / Math.sqrt(inFeatures);
    const shape = [outFeatures, inFeatures];
    this.weight = this.parameter(
      "weight",
      std === undefined ? randomUniform(shape, bound, random) : randomNormal(shape, std, random),
    );
    this.bias = this.parameter(
      "bias",
      std === undefined ? randomUniform([outFeatures], bound, random) : constant([outFeatures], 0),
    );
  }

  forward(x: Tensor): Tensor {
    const y = linear(x, this.weight, this.bias);
    count(() => y.size * this.weight.shape[1]);
    return y;
  }
}

/** max(x, 0), elementwise. */
export class ReLU extends Layer {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** Returns its input: a placeholder in a sequence, so that later modules keep their names. */
export class Identity extends Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Max pooling: [B, C, H, W] -> [B, C, H', W']. */
export class MaxPool2d extends Layer {
  constructor(
    readonly kernel: number,
    readonly stride = kernel,
    readonly padding = 0,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernel, this.stride, this.padding);
  }

  /** Whether this is the 2x2 pooling that can be fused with batch norm. */
  get halves(): boolean {
    return this.kernel === 2 && this.stride === 2 && this.padding === 0;
  }
}

/** Modules run in sequence, named "0", "1", ...; batch norm is fused with a following ReLU and 2x2 pooling. */
export class Sequential extends Layer {
  constructor(readonly modules: readonly Layer[]) {
    super();
    for (const [i, module] of modules.entries()) this.child(String(i), module);
  }

  forward(x: Tensor): Tensor {
    return this.forwardRange(x, 0, this.modules.length);
  }

  /** Runs the modules from index `from` to `to` (exclusive). */
  forwardRange(x: Tensor, from: number, to: number): Tensor {
    const modules = this.modules.slice(from, to);
    let y = x;
    const advance = (forward: (from: Tensor) => Tensor) => {
      const next = scope(() => forward(y));
      // No longer needed here; autograd keeps its own reference. Without gradients, at most two maps exist at a time.
      if (y !== x && next !== y) y.dispose();
      y = next;
    };
    for (let i = 0; i < modules.length; i++) {
      const module = modules[i];
      if (module instanceof BatchNorm2d) {
        const withRelu = modules[i + 1] instanceof ReLU;
        const next = withRelu ? modules[i + 2] : undefined;
        const withPool = next instanceof MaxPool2d && next.halves;
        advance((map) => module.forwardFused(map, withRelu, withPool));
        i += Number(withRelu) + Number(withPool);
      } else {
        advance((map) => module.forward(map));
      }
    }
    return y;
  }
}
