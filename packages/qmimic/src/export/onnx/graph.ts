// Builder for a graph of ONNX operators. Values are identified by name, and a node has the name of its result,
// so that viewers show its purpose.

/** Element type numbers, as in Cast's attribute. */
export const ELEMENT = { float32: 1, int64: 7 } as const;

/** A value's name. */
export type Value = string;

/** Plain numbers are integers; floats are marked. */
export type Attribute = number | string | readonly number[] | { float: number };

export interface Node {
  type: string;
  /** "" for an omitted optional input. */
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
    /** In execution order. */
    readonly nodes: Node[],
    readonly constants: Map<Value, Constant>,
    private readonly names: Set<Value>,
  ) {}

  /** @param inputs names of the graph's inputs */
  static of(...inputs: Value[]): Graph {
    return new Graph("", [], new Map(), new Set(inputs));
  }

  /** A view of the graph that prefixes the names of added nodes with `scope/`. */
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

  /** Adds a node with one result per name. */
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
    if (this.names.has(name)) throw new Error(`export: two values have the name ${name}`);
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

  /** A scalar float32, named after its value and shared. */
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
