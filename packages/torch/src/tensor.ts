// Tensors, and the scopes that free them.
//
// A Tensor is a handle to memory that the garbage collector barely sees. So:
//   scope(() => ...)   frees every tensor created in its body, except those it returns
//   keep(tensor)       takes a tensor out of its scope: it lives until dispose()
//   using t = ...      frees a tensor at the end of its block
//   noGrad(() => ...)  records nothing for the backward pass
// Only tensors outside all scopes report their memory to V8: they wait for the garbage collector.
// Autograd keeps its own references: freeing a handle never breaks a backward pass.
import { native, type TensorHandle, type TypedArray } from "./native.js";

export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

const arrayOf: Record<DType, new (length: number) => TypedArray> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

function dtypeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Int16Array) return "int16";
  throw new TypeError(`tensor: pass the dtype of a ${data.constructor.name}, for example 'float16'`);
}

let toDeviceId = -1;
function toDevice(moved: Tensor, device: string): Tensor {
  if (toDeviceId < 0) toDeviceId = native.lookup("aten::to", "device");
  return new Tensor(native.call(toDeviceId, [moved.handle, device, moved.dtype]) as TensorHandle);
}

const scopes: Set<Tensor>[] = [];

/**
 * An array of numbers in libtorch's memory, on any device, which records the operators applied to it for gradients. It is
 * freed by dispose(), or by the scope it was created in.
 */
export class Tensor {
  /** @internal */
  readonly handle: TensorHandle;

  /** @internal Use tensor() or an operator. */
  constructor(handle: TensorHandle) {
    this.handle = handle;
    const made = scopes.at(-1);
    if (made) made.add(this);
    else native.reportMemory(handle);
  }

  get shape(): number[] {
    return native.shapeOf(this.handle);
  }

  get dtype(): DType {
    return native.dtypeOf(this.handle) as DType;
  }

  /** For example "cpu" or "cuda:0". */
  get device(): string {
    return native.deviceOf(this.handle);
  }

  /** The number of elements. */
  get size(): number {
    return this.shape.reduce((product, side) => product * side, 1);
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  set requiresGrad(required: boolean) {
    native.setRequiresGrad(this.handle, required);
  }

  /** The gradient accumulated by backward(), or null. */
  get grad(): Tensor | null {
    const handle = native.gradOf(this.handle);
    return handle === null ? null : new Tensor(handle);
  }

  clearGrad(): void {
    native.clearGrad(this.handle);
  }

  /** The only element, as a number. Throws if there are more. */
  item(): number {
    return native.item(this.handle);
  }

  /** Copies all elements, row-major, into `target`, which must have exactly as many bytes as this tensor. */
  copyTo(target: TypedArray): void {
    native.copyOut(this.handle, target);
  }

  /** All elements, row-major, in the dtype's array type (float16 and bfloat16: raw bits). */
  toArray(): TypedArray {
    const data = new arrayOf[this.dtype](this.size);
    this.copyTo(data);
    return data;
  }

  /** All elements of a float32 tensor. */
  toFloat32(): Float32Array {
    const data = this.toArray();
    if (!(data instanceof Float32Array))
      throw new TypeError(
        `toFloat32: the tensor is ${this.dtype}, expected float32. Use toArray() or cast()`,
      );
    return data;
  }

  /** This tensor on `device` ("cpu", "cuda:0"); the tensor itself if it is already there. */
  to(device: string): Tensor {
    return device === this.device ? this : toDevice(this, device);
  }

  /** Frees the memory now. Calling it twice is harmless; any other use afterwards throws. */
  dispose(): void {
    native.dispose(this.handle);
    for (const made of scopes) made.delete(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Creates a tensor from a copy of `data`: numbers are converted to the dtype; a typed array's bytes are taken as they are.
 * @throws RangeError if `data` does not have exactly as many bytes as the shape needs
 */
export function tensor(
  data: TypedArray | readonly number[],
  shape?: readonly number[],
  dtype?: DType,
): Tensor {
  const array = Array.isArray(data) ? arrayOfNumbers(data, dtype) : (data as TypedArray);
  return new Tensor(native.fromData(array, shape ?? [array.length], dtype ?? dtypeOfArray(array)));
}

/** @throws TypeError for dtypes that have no numbers in JavaScript */
function arrayOfNumbers(data: readonly number[], dtype: DType = "float32"): TypedArray {
  if (dtype === "float16" || dtype === "bfloat16")
    throw new TypeError(`tensor: numbers cannot be stored as ${dtype}. Create a float32 tensor and cast it`);
  if (dtype === "int64") return BigInt64Array.from(data, BigInt);
  const array = new arrayOf[dtype](data.length) as Exclude<TypedArray, BigInt64Array>;
  array.set(dtype === "bool" ? data.map((value) => Number(value !== 0)) : data);
  return array;
}

function collect(value: unknown, found: Set<Tensor>): Set<Tensor> {
  if (value instanceof Tensor) found.add(value);
  else if (Array.isArray(value) || value instanceof Set) for (const item of value) collect(item, found);
  else if (value instanceof Map) for (const item of value.values()) collect(item, found);
  else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) collect(item, found);
  }
  return found;
}

/**
 * Runs `body` and frees every tensor it created, except those it returns (directly, or in plain arrays, objects, maps
 * and sets); these move to the enclosing scope. The body must be synchronous: tensors created after an await would
 * belong to no scope.
 */
export function scope<T>(body: () => T): T {
  const made = new Set<Tensor>();
  scopes.push(made);
  let returned: T | undefined;
  try {
    returned = body();
    if (returned instanceof Promise) throw new TypeError("scope: the body must be synchronous");
    return returned;
  } finally {
    scopes.pop();
    const outer = scopes.at(-1);
    const kept = collect(returned, new Set());
    for (const created of made) {
      if (kept.has(created)) {
        if (outer) outer.add(created);
        else native.reportMemory(created.handle);
      } else native.dispose(created.handle);
    }
  }
}

/** Takes a tensor out of all scopes: it lives until it is disposed of. */
export function keep(kept: Tensor): Tensor {
  for (const made of scopes) made.delete(kept);
  native.reportMemory(kept.handle);
  return kept;
}

/** Runs `body`, which must be synchronous, without recording operations for the backward pass. */
export function noGrad<T>(body: () => T): T {
  const before = native.setGradEnabled(false);
  try {
    const returned = body();
    // Operations after an await would be recorded anyway.
    if (returned instanceof Promise) throw new TypeError("noGrad: the body must be synchronous");
    return returned;
  } finally {
    native.setGradEnabled(before);
  }
}

/** How many tensors JavaScript currently holds, in all worker threads; for tests that look for leaks. */
export function liveTensors(): number {
  return native.liveTensors();
}
