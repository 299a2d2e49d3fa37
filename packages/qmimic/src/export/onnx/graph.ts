// A graph of ONNX operators while it is built. Values are known by their names, and a node has the name of what it makes, so
// that a viewer shows what each is for.

/** Numbers of the types of elements, as the attribute of a cast has them. */
export const ELEMENT = { float32: 1, int64: 7 } as const;

/** Name of a value. */
export type Value = string;

/** A number is an integer; floats say so. */
export type Attribute = number | string | readonly number[] | { float: number };

export interface Node {
  type: string;
  /** "" where an optional input is left out. */
  inputs: readonly Value[];
  outputs: readonly Value[];
  attributes: Readonly<Record<string, Attribute>>;
}

export interface Constant {
  /** float32 or int64 */
  data: Float32Array | BigInt64Array;
  /** [] for a scalar. */
  shape: readonly number[];
}

export class Graph {
  private constructor(
    private readonly scope: string,
    /** In an order in which they can run. */
    readonly nodes: Node[],
    readonly constants: Map<Value, Constant>,
    private readonly names: Set<Value>,
  ) {}

  /** @param inputs names of the inputs of the whole graph */
  static of(...inputs: Value[]): Graph {
    return new Graph("", [], new Map(), new Set(inputs));
  }

  /** The same graph; what is added through this one has a name that begins with `scope/`. */
  within(scope: string): Graph {
    return new Graph(`${this.scope}${scope}/`, this.nodes, this.constants, this.names);
  }

  /** Adds a node with one result. */
  add(
    name: string,
    type: string,
    inputs: readonly Value[],
    attributes: Record<string, Attribute> = {},
  ): Value {
    return this.addMany([name], type, inputs, attributes)[0];
  }

  /** Adds a node with a result for each name. */
  addMany(
    names: readonly string[],
    type: string,
    inputs: readonly Value[],
    attributes: Record<string, Attribute> = {},
  ): Value[] {
    const outputs = names.map((name) => this.claim(`${this.scope}${name}`));
    this.nodes.push({ type, inputs, outputs, attributes });
    return outputs;
  }

  /** The rows of a value, [N, ...], where `mask` [N] is true. */
  rowsWhere(name: string, value: Value, mask: Value): Value {
    return this.add(name, "Compress", [value, mask], { axis: 0 });
  }

  private claim(name: string): Value {
    if (this.names.has(name)) throw new Error(`export: two values are called ${name}`);
    this.names.add(name);
    return name;
  }

  /** float32, as they are in `data`. */
  floats(name: string, data: ArrayLike<number>, shape: readonly number[]): Value {
    return this.constant(name, { data: Float32Array.from(data), shape });
  }

  /** int64, one axis. */
  list(name: string, values: readonly number[]): Value {
    return this.constant(name, { data: BigInt64Array.from(values, BigInt), shape: [values.length] });
  }

  private constant(name: string, constant: Constant): Value {
    const value = this.claim(`${this.scope}${name}`);
    this.constants.set(value, constant);
    return value;
  }

  /** A scalar float32, named after its value; the same one wherever it is asked for. */
  float(value: number): Value {
    return this.shared(`${value}`, { data: Float32Array.of(value), shape: [] });
  }

  /** A scalar int64, likewise. */
  int(value: number): Value {
    return this.shared(`int ${value}`, { data: BigInt64Array.of(BigInt(value)), shape: [] });
  }

  /** int64, one axis, likewise: shapes and axes. */
  ints(...values: number[]): Value {
    const data = BigInt64Array.from(values, BigInt);
    return this.shared(`ints ${values.join(", ")}`, { data, shape: [values.length] });
  }

  private shared(name: string, constant: Constant): Value {
    this.constants.set(name, constant);
    return name;
  }
}
