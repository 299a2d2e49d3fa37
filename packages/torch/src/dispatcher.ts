// Any libtorch operator as a JavaScript function.
import { type NativeValue, native } from "./native.js";
import { Tensor } from "./tensor.js";

/** Arguments follow the order of the operator's schema; undefined takes the schema's default. */
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

/** One operator call, see recordOperators. */
export interface OperatorCall {
  /** The name passed to operator(). */
  name: string;
  args: readonly OperatorArgument[];
  result: OperatorResult;
}

type Listener = (call: OperatorCall) => void;

let listener: Listener | null = null;

/** Runs `body` with a different listener. */
function withListener<T>(temporary: Listener | null, body: () => T): T {
  const before = listener;
  listener = temporary;
  try {
    return body();
  } finally {
    listener = before;
  }
}

/**
 * Calls `see` after each operator that runs inside `body`, while its tensors can still be read. They are the same
 * objects that were passed and returned, so a result can be recognized when it is used as an argument. Operators that
 * `see` calls are not observed.
 */
export const observeOperators = <T>(see: (call: OperatorCall) => void, body: () => T): T =>
  withListener((call) => withListener(null, () => see(call)), body);

/** The operator calls made inside `body`, in order. Their tensors may already be freed. */
export function recordOperators(body: () => void): OperatorCall[] {
  const calls: OperatorCall[] = [];
  observeOperators((call) => void calls.push(call), body);
  return calls;
}

/**
 * The operator `name` ("aten::conv2d", or "aten::add.Tensor" with its overload). It is looked up once, at the first
 * call.
 * @throws Error if libtorch has no such operator, or rejects the arguments (the message contains their shapes)
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
