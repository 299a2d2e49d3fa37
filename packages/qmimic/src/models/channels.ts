// Finds groups of channels that can only be removed together, by tracing the operators of one forward pass, so
// that modules need no code for it: a layer's outputs pass through batch norm, ReLU, pooling and RoIAlign to
// the layers that read them, a sum joins the channels of its operands, and a depthwise layer those of its input
// and output. Prediction layers keep their channels.
import {
  type NamedTensor,
  type OperatorArgument,
  type OperatorCall,
  observeOperators,
  Tensor,
} from "@qmimic/torch";
import { runOnce } from "./cost.js";
import type { Detector } from "./detector.js";

/** A tensor dimension that runs over the channels of a group. */
export interface ChannelUse {
  name: string;
  tensor: Tensor;
  /** 0: a layer's outputs, and its norm; 1: a layer's inputs. */
  dimension: 0 | 1;
  /** Consecutive entries per channel: the cells of a region, before a linear layer. */
  repeat: number;
}

/** Channels that must be kept or removed in several tensors together. */
export interface ChannelGroup {
  readonly channels: number;
  readonly uses: readonly ChannelUse[];
  /** False for image channels, predictions, and inputs and outputs of unknown operators and grouped layers. */
  readonly prunable: boolean;
}

/** A convolution or linear layer. */
export interface WeightedLayer {
  /** The name of its weights. */
  name: string;
  weight: Tensor;
  bias: Tensor | null;
  input: ChannelGroup;
  output: ChannelGroup;
  /** Weights per input channel: kernel x kernel, or the cells of a region. */
  perChannel: number;
  /** Null for a linear layer. */
  window: { kernel: number; stride: number; padding: number } | null;
  /** Whether an output channel reads only some of the inputs: depthwise or grouped. */
  grouped: boolean;
  /** Number of positions at which each output is computed. */
  positions: number;
}

export interface Channels {
  /** Removable groups, in execution order. */
  groups: ChannelGroup[];
  /** In execution order. */
  layers: WeightedLayer[];
}

/**
 * @param side longest side of the image for counting `positions`, in pixels; the other is 3/4 of it, as in
 * multiplyAdds
 * @throws Error if tensors do not fit together
 */
export function readChannels(detector: Detector, side = detector.config.side): Channels {
  const reader = new Reader(detector.named());
  observeOperators(
    (call) => reader.add(call),
    () => runOnce(detector, side, (image) => reader.fixed(image)),
  );
  return reader.result();
}

/** Channels known to belong together so far (union-find); `joined` points to the group that absorbed them. */
interface Node {
  channels: number;
  uses: ChannelUse[];
  prunable: boolean;
  joined?: Node;
}

/** The channels of a value, and the number of consecutive entries per channel in its second dimension. */
interface Value {
  node: Node;
  repeat: number;
}

type FoundLayer = Omit<WeightedLayer, "input" | "output"> & { input: Node; output: Node };

class Reader {
  private readonly values = new Map<OperatorArgument, Value>();
  private readonly nodes: Node[] = [];
  private readonly layers: FoundLayer[] = [];
  private readonly named: Map<OperatorArgument, NamedTensor>;

  constructor(named: readonly NamedTensor[]) {
    this.named = new Map(named.map((entry) => [entry.tensor, entry]));
  }

  /** A value with fixed channels. */
  fixed(of: Tensor): void {
    this.values.set(of, { node: this.node(of.shape[1] ?? 1, false), repeat: 1 });
  }

  add(call: OperatorCall): void {
    const handler = HANDLERS[call.name];
    if (handler) handler(this, call.args, call.result as Tensor);
    else this.unknown(call);
  }

  /** An unknown operator: its inputs keep their channels. */
  private unknown({ args, result }: OperatorCall): void {
    for (const argument of args.flat())
      if (this.values.has(argument as Tensor)) this.valueOf(argument as Tensor).node.prunable = false;
    for (const output of [result].flat()) if (output instanceof Tensor) this.fixed(output);
  }

  valueOf(of: OperatorArgument): Value {
    const value = this.values.get(of);
    if (!value) throw new Error("channels: an operator reads a tensor that no observed operator produced");
    return { ...value, node: rootOf(value.node) };
  }

  set(result: Tensor, value: Value): void {
    this.values.set(result, value);
  }

  private node(channels: number, prunable: boolean): Node {
    const node: Node = { channels, uses: [], prunable };
    this.nodes.push(node);
    return node;
  }

  /** Records that a parameter or running statistic has the channels of `node` along a dimension. */
  private use(of: OperatorArgument, node: Node, dimension: 0 | 1, repeat: number): void {
    const found = this.named.get(of);
    if (!found) throw new Error("channels: a layer uses a tensor that is not part of the detector");
    const { name, tensor: weight } = found;
    if (weight.shape[dimension] !== node.channels * repeat) {
      throw new Error(
        `tensor "${name}" is ${weight.shape.join(" x ")}, for ${node.channels} channels${repeat === 1 ? "" : ` of ${repeat} entries`}`,
      );
    }
    if (!node.uses.some((use) => use.tensor === weight && use.dimension === dimension))
      node.uses.push({ name, tensor: weight, dimension, repeat });
  }

  norm(x: OperatorArgument, statistics: readonly OperatorArgument[]): Value {
    const value = this.valueOf(x);
    for (const statistic of statistics) this.use(statistic, value.node, 0, 1);
    return value;
  }

  join(a: OperatorArgument, b: OperatorArgument): Value {
    const [first, second] = [this.valueOf(a), this.valueOf(b)];
    if (first.node.channels !== second.node.channels)
      throw new Error(`cannot add ${first.node.channels} and ${second.node.channels} channels`);
    if (first.node !== second.node) {
      first.node.uses.push(...second.node.uses);
      first.node.prunable &&= second.node.prunable;
      second.node.joined = first.node;
    }
    return first;
  }

  layer(
    [x, weight, bias]: readonly OperatorArgument[],
    result: Tensor,
    { window, groups }: { window: WeightedLayer["window"]; groups: number },
  ): void {
    const { node: input, repeat } = this.valueOf(x);
    const { name, tensor: weights, predicts } = this.named.get(weight) ?? {};
    if (name === undefined || weights === undefined)
      throw new Error("channels: a layer has weights that are not part of the detector");
    const { shape } = weights;
    const depthwise = groups > 1 && shape[1] === 1 && shape[0] === groups;
    const output = depthwise ? input : this.node(shape[0], predicts !== true);
    this.use(weight, output, 0, 1);
    if (bias) this.use(bias, output, 0, 1);
    if (groups === 1) this.use(weight, input, 1, repeat);
    else if (!depthwise) input.prunable = output.prunable = false;
    this.layers.push({
      ...{
        name,
        weight: weights,
        bias: (bias as Tensor | null) ?? null,
        input,
        output,
        window,
        grouped: groups > 1,
      },
      perChannel: window ? window.kernel ** 2 : repeat,
      positions: result.size / shape[0],
    });
    this.set(result, { node: output, repeat: 1 });
  }

  result(): Channels {
    const groups = new Map(this.nodes.filter((node) => !node.joined).map((node) => [node, { ...node }]));
    const groupOf = (node: Node): ChannelGroup => groups.get(rootOf(node))!;
    return {
      groups: [...groups.values()].filter(({ prunable }) => prunable),
      layers: this.layers.map(({ input, output, ...layer }) => ({
        ...layer,
        input: groupOf(input),
        output: groupOf(output),
      })),
    };
  }
}

const rootOf = (node: Node): Node => (node.joined ? rootOf(node.joined) : node);

const first = (pair: OperatorArgument): number => (pair as readonly number[])[0];

type Handler = (reader: Reader, args: readonly OperatorArgument[], result: Tensor) => void;

/** Output channels are the input channels. */
const same: Handler = (reader, [x], result) => reader.set(result, reader.valueOf(x));

/** Arguments are in the order of the operator's schema. */
const HANDLERS: Record<string, Handler> = {
  "qmimic::conv3x3": (reader, args, result) =>
    reader.layer(args, result, { window: { kernel: 3, stride: 1, padding: 1 }, groups: 1 }),
  "aten::conv2d": (reader, args, result) => {
    const [, weight, , stride, padding, , groups] = args;
    const [, , kernel] = (weight as Tensor).shape;
    const window = { kernel, stride: first(stride), padding: first(padding) };
    reader.layer(args, result, { window, groups: groups as number });
  },
  "aten::linear": (reader, args, result) => reader.layer(args, result, { window: null, groups: 1 }),
  "qmimic::batch_norm_relu": (reader, [x, ...rest], result) =>
    reader.set(result, reader.norm(x, rest.slice(0, 4))),
  "aten::add.Tensor": (reader, [a, b], result) => reader.set(result, reader.join(a, b)),
  "aten::relu": same,
  "aten::max_pool2d": same,
  "aten::upsample_nearest2d": same,
  "aten::to.dtype": same,
  "qmimic::quantize": same,
  "qmimic::quantize_pow2": same,
  "qmimic::roi_align": same,
  "aten::flatten.using_ints": (reader, [x], result) => {
    const { node } = reader.valueOf(x);
    reader.set(result, { node, repeat: result.shape[1] / node.channels });
  },
};
