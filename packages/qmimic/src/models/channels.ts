// Which channels of a detector stand and fall together. The operators of one forward pass say it, so that no module needs code
// of its own: a layer's outputs run through batch norm, ReLU, pooling and RoIAlign to those layers that read them, a sum ties
// the channels of its summands together, and a depthwise layer those before it and behind it. What predicts stays as it is.
import {
  type NamedTensor,
  type OperatorArgument,
  type OperatorCall,
  observeOperators,
  Tensor,
} from "@qmimic/torch";
import { runOnce } from "./cost.js";
import type { Detector } from "./detector.js";

/** A dimension of a tensor that runs over the channels of a group. */
export interface ChannelUse {
  name: string;
  tensor: Tensor;
  /** 0: what a layer makes, and its norm; 1: what a layer reads. */
  dimension: 0 | 1;
  /** Neighbouring entries that belong to one channel: the cells of a region, before a linear layer. */
  repeat: number;
}

/** Channels that are there, or gone, in several tensors at once. */
export interface ChannelGroup {
  readonly channels: number;
  readonly uses: readonly ChannelUse[];
  /** False for the image's colours, predictions, and what an unknown operator or a layer in groups reads or makes. */
  readonly prunable: boolean;
}

/** A convolution or linear layer. */
export interface WeightedLayer {
  /** Of its weights. */
  name: string;
  weight: Tensor;
  bias: Tensor | null;
  input: ChannelGroup;
  output: ChannelGroup;
  /** Entries of a row of the weights that read one input channel: kernel x kernel, or the cells of a region. */
  perChannel: number;
  /** Null for a linear layer. */
  window: { kernel: number; stride: number; padding: number } | null;
  /** Whether an output channel reads only some of the inputs: depthwise, or in groups. */
  grouped: boolean;
  /** How often each of its outputs is computed. */
  positions: number;
}

export interface Channels {
  /** Those that can be removed, in the order in which they are made. */
  groups: ChannelGroup[];
  /** In the order in which they run. */
  layers: WeightedLayer[];
}

/**
 * @param side longest side of the image for which `positions` are counted, in pixels; the other is 3/4 of it, as in
 *   multiplyAdds
 * @throws Error when tensors do not fit together
 */
export function readChannels(detector: Detector, side = detector.config.side): Channels {
  const reader = new Reader(detector.named());
  observeOperators(
    (call) => reader.add(call),
    () => runOnce(detector, side, (image) => reader.fixed(image)),
  );
  return reader.result();
}

/** Channels that are known to belong together so far; `joined` is set when others have taken them in. */
interface Node {
  channels: number;
  uses: ChannelUse[];
  prunable: boolean;
  joined?: Node;
}

/** The channels of a value, and how many neighbouring entries of its second dimension belong to one. */
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
    this.named = new Map(named.map((one) => [one.tensor, one]));
  }

  /** A value whose channels stay. */
  fixed(of: Tensor): void {
    this.values.set(of, { node: this.node(of.shape[1] ?? 1, false), repeat: 1 });
  }

  add(call: OperatorCall): void {
    const handler = HANDLERS[call.name];
    if (handler) handler(this, call.args, call.result as Tensor);
    else this.unknown(call);
  }

  /** An operator of which nothing is known here: what it reads stays. */
  private unknown({ args, result }: OperatorCall): void {
    for (const argument of args.flat())
      if (this.values.has(argument as Tensor)) this.valueOf(argument as Tensor).node.prunable = false;
    for (const one of [result].flat()) if (one instanceof Tensor) this.fixed(one);
  }

  valueOf(of: OperatorArgument): Value {
    const value = this.values.get(of);
    if (!value) throw new Error("channels: a tensor is read that no observed operator has made");
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

  /** A parameter or a running statistic has the channels of `node` along a dimension. */
  private use(of: OperatorArgument, node: Node, dimension: 0 | 1, repeat: number): void {
    const found = this.named.get(of);
    if (!found) throw new Error("channels: a layer reads a tensor that is none of the detector's");
    const { name, tensor: own } = found;
    if (own.shape[dimension] !== node.channels * repeat) {
      throw new Error(
        `tensor "${name}" is ${own.shape.join(" x ")}, for ${node.channels} channels${repeat === 1 ? "" : ` of ${repeat} entries`}`,
      );
    }
    if (!node.uses.some((one) => one.tensor === own && one.dimension === dimension))
      node.uses.push({ name, tensor: own, dimension, repeat });
  }

  norm(x: OperatorArgument, statistics: readonly OperatorArgument[]): Value {
    const value = this.valueOf(x);
    for (const one of statistics) this.use(one, value.node, 0, 1);
    return value;
  }

  join(a: OperatorArgument, b: OperatorArgument): Value {
    const [one, other] = [this.valueOf(a), this.valueOf(b)];
    if (one.node.channels !== other.node.channels)
      throw new Error(`${one.node.channels} and ${other.node.channels} channels are added`);
    if (one.node !== other.node) {
      one.node.uses.push(...other.node.uses);
      one.node.prunable &&= other.node.prunable;
      other.node.joined = one.node;
    }
    return one;
  }

  layer(
    [x, weight, bias]: readonly OperatorArgument[],
    result: Tensor,
    { window, groups }: { window: WeightedLayer["window"]; groups: number },
  ): void {
    const { node: input, repeat } = this.valueOf(x);
    const { name, tensor: weights, predicts } = this.named.get(weight) ?? {};
    if (name === undefined || weights === undefined)
      throw new Error("channels: a layer has weights that are none of the detector's");
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
    const groups = new Map(this.nodes.filter((one) => !one.joined).map((one) => [one, { ...one }]));
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

/** Channels come out as they went in. */
const same: Handler = (reader, [x], result) => reader.set(result, reader.valueOf(x));

/** Arguments are in the order of each operator's schema. */
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
