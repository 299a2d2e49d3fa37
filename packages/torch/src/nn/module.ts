// A layer or a network: named parameters (trained) and buffers (running statistics), with PyTorch's names.
import { operator } from "../dispatcher.js";
import { keep, noGrad, scope, type Tensor } from "../tensor.js";

const setData = operator<undefined>("aten::set_data");

export interface NamedTensor {
  name: string;
  tensor: Tensor;
  /** False for buffers such as running statistics. */
  trained: boolean;
  /** Whether it belongs to a layer whose outputs are predictions: optimizers for hidden layers should not train it. */
  predicts: boolean;
  /** Whether it is the weight of a grouped (or depthwise) convolution, and so not a single matrix over all inputs. */
  grouped: boolean;
}

/** A part of a network with its parameters, buffers and child modules, whose names are joined by dots. */
export abstract class Module {
  /** Whether batch norm uses batch statistics (and updates the running statistics). */
  training = true;
  /** Whether its outputs are predictions rather than hidden features. Set by the layer itself. */
  readonly predicts: boolean = false;
  /** Whether each of its outputs reads only some of its input channels. Set by the layer itself. */
  readonly grouped: boolean = false;

  private readonly tensors: Omit<NamedTensor, "predicts" | "grouped">[] = [];
  private readonly children = new Map<string, Module>();

  protected parameter(name: string, value: Tensor): Tensor {
    value.requiresGrad = true;
    this.tensors.push({ name, tensor: keep(value), trained: true });
    return value;
  }

  protected buffer(name: string, value: Tensor): Tensor {
    this.tensors.push({ name, tensor: keep(value), trained: false });
    return value;
  }

  protected child<M extends Module>(name: string, module: M): M {
    this.children.set(name, module);
    return module;
  }

  /** All tensors: first this module's, then each child's as "child.name". */
  named(prefix = ""): NamedTensor[] {
    const { predicts, grouped } = this;
    const all = this.tensors.map((entry) => ({ ...entry, name: prefix + entry.name, predicts, grouped }));
    for (const [name, module] of this.children) all.push(...module.named(`${prefix}${name}.`));
    return all;
  }

  /** The trained tensors. */
  parameters(): Tensor[] {
    return this.named()
      .filter(({ trained }) => trained)
      .map(({ tensor }) => tensor);
  }

  /** Switches this module and all its descendants between training and evaluation. */
  train(training = true): this {
    this.training = training;
    for (const module of this.children.values()) module.train(training);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Moves all tensors to a device ("cpu", "cuda:0"), in place. */
  to(device: string): this {
    noGrad(() =>
      scope(() => {
        for (const { tensor } of this.named()) {
          if (tensor.device !== device) setData(tensor, tensor.to(device));
        }
      }),
    );
    return this;
  }

  /** Frees all tensors. The module cannot be used afterwards. */
  dispose(): void {
    for (const { tensor } of this.named()) tensor.dispose();
  }
}

/** A module with one input and one output. */
export abstract class Layer extends Module {
  abstract forward(x: Tensor): Tensor;
}
