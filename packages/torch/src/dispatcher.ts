// Any operator of libtorch as a JavaScript function.
import { type NativeValue, native } from "./native.js";
import { Tensor } from "./tensor.js";

/** Arguments in the order of the operator's schema; undefined takes the schema's default. */
export type OperatorArgument =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly OperatorArgument[];

export type OperatorResult = Tensor | number | boolean | string | null | undefined | OperatorResult[];

function lower(value: OperatorArgument): NativeValue {
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) return value.map(lower);
  return value as NativeValue;
}

function raise(value: NativeValue): OperatorResult {
  if (Array.isArray(value)) return value.map(raise);
  if (typeof value === "object" && value !== null) return new Tensor(value);
  return value as OperatorResult;
}

/** One call of an operator, see recordOperators. */
export interface OperatorCall {
  /** As given to operator(). */
  name: string;
  args: readonly OperatorArgument[];
  result: OperatorResult;
}

type Listener = (call: OperatorCall) => void;

let listener: Listener | null = null;

/** Runs `body` with another listener than before. */
function listening<T>(to: Listener | null, body: () => T): T {
  const before = listener;
  listener = to;
  try {
    return body();
  } finally {
    listener = before;
  }
}

/**
 * Calls `see` after each operator that runs inside `body`, while its tensors are there to be read. They are the very objects
 * that were passed and returned, so that a result is known again where it is an argument. What `see` calls is not observed.
 */
export const observeOperators = <T>(see: (call: OperatorCall) => void, body: () => T): T =>
  listening((call) => listening(null, () => see(call)), body);

/** What runs inside `body`, in its order. The tensors may have been freed since. */
export function recordOperators(body: () => void): OperatorCall[] {
  const calls: OperatorCall[] = [];
  observeOperators((call) => void calls.push(call), body);
  return calls;
}

/**
 * The operator `name` ("aten::conv2d", or "aten::add.Tensor" with its overload). It is looked up at the first
 * call and only then: its handle is kept.
 * @throws Error when libtorch has no such operator, or when it refuses the arguments (their shapes are named)
 */
export function operator<R extends OperatorResult = Tensor>(
  name: string,
): (...args: OperatorArgument[]) => R {
  let id = -1;
  return (...args) => {
    if (id < 0) {
      const dot = name.indexOf(".", name.indexOf("::"));
      id = dot < 0 ? native.lookup(name) : native.lookup(name.slice(0, dot), name.slice(dot + 1));
    }
    const result = raise(native.call(id, args.map(lower))) as R;
    listener?.({ name, args, result });
    return result;
  };
}
