// Tensors: lifetime in scopes, copying data in and out, and error messages.
import { afterEach, describe, expect, test } from "vitest";
import {
  add,
  backward,
  cast,
  conv2d,
  type DType,
  keep,
  Linear,
  liveTensors,
  matmul,
  mul,
  noGrad,
  operator,
  reshape,
  scope,
  shapesOnly,
  slice,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../src/index.js";

describe("scope", () => {
  afterEach(() => expect(liveTensors(), "tensors left behind").toBe(0));

  test("frees what its body made", () => {
    scope(() => {
      add(tensor([1, 2]), tensor([3, 4]));
      expect(liveTensors()).toBe(3);
    });
    expect(liveTensors()).toBe(0);
  });

  test("keeps a tensor that it returns", () => {
    using sum3 = scope(() => add(tensor([1]), tensor([2])));
    expect(liveTensors()).toBe(1);
    expect(sum3.item()).toBe(3);
  });

  test("keeps tensors that it returns in nested arrays, objects, maps and sets", () => {
    const made = scope(() => {
      const [a, b, c, d] = [1, 2, 3, 4].map((value) => tensor([value]));
      mul(a, b);
      return { list: [a, [b]], map: new Map([["c", { c }]]), set: new Set([d]), text: "kept", none: null };
    });
    expect(liveTensors()).toBe(4);
    const [a, [b]] = made.list as [Tensor, Tensor[]];
    const all = [a, b, made.map.get("c")!.c, ...made.set];
    expect(all.map((one) => one.item())).toEqual([1, 2, 3, 4]);
    for (const one of all) one.dispose();
  });

  test("moves what it returns to the enclosing scope", () => {
    scope(() => {
      const inner = scope(() => tensor([5]));
      expect(inner.item()).toBe(5);
    });
    expect(liveTensors()).toBe(0);
  });

  test("does not free what was made before it", () => {
    using before = tensor([7]);
    scope(() => {
      add(before, 1);
    });
    scope(() => before);
    expect(before.item()).toBe(7);
  });

  test("frees everything when its body throws", () => {
    expect(() =>
      scope(() => {
        tensor([1]);
        throw new Error("from the body");
      }),
    ).toThrow("from the body");
    expect(liveTensors()).toBe(0);
  });

  test("rejects an asynchronous body", () => {
    expect(() => scope(() => Promise.resolve(1))).toThrow(/must be synchronous/);
  });

  test("does not free a kept tensor, even in nested scopes", () => {
    let kept: Tensor | undefined;
    scope(() => {
      scope(() => {
        kept = keep(tensor([9]));
      });
    });
    expect(kept!.item()).toBe(9);
    kept!.dispose();
  });

  test("never breaks a backward pass by freeing a handle", () => {
    using x = tensor([2, 3]);
    x.requiresGrad = true;
    using loss = scope(() => sum(mul(mul(x, x), x)));
    backward(loss);
    scope(() => expect([...x.grad!.toFloat32()]).toEqual([12, 27]));
  });

  test("frees a list of tensors that an operator returns", () => {
    const split = operator<Tensor[]>("aten::split.Tensor");
    const second = scope(() => split(tensor([1, 2, 3, 4]), 2, 0)[1]);
    expect([...second.toFloat32()]).toEqual([3, 4]);
    second.dispose();
  });
});

describe("one tensor", () => {
  test("using frees it at the end of the block", () => {
    const before = liveTensors();
    {
      using one = tensor([1]);
      expect(one.item()).toBe(1);
      expect(liveTensors()).toBe(before + 1);
    }
    expect(liveTensors()).toBe(before);
  });

  test("disposing twice is harmless, any other use afterwards throws", () => {
    const gone = tensor([1]);
    gone.dispose();
    gone.dispose();
    const freed = /the tensor has been freed/;
    expect(() => gone.shape).toThrow(freed);
    expect(() => gone.toArray()).toThrow(freed);
    expect(() => gone.item()).toThrow(freed);
    expect(() => gone.grad).toThrow(freed);
    expect(() => add(gone, 1)).toThrow(freed);
    expect(() => add(gone, 1)).toThrow(/aten::add/);
  });

  test("a view outlives the tensor it was taken from", () => {
    const whole = tensor([1, 2, 3, 4]);
    using part = slice(whole, 0, 1, 3);
    whole.dispose();
    expect([...part.toFloat32()]).toEqual([2, 3]);
  });

  const dtypes: [DType, number[], string][] = [
    ["float32", [1.5, -2], "Float32Array"],
    ["float64", [1.1, -2], "Float64Array"],
    ["int64", [1, -2], "BigInt64Array"],
    ["int32", [1, -2], "Int32Array"],
    ["int16", [1, -2], "Int16Array"],
    ["int8", [1, -2], "Int8Array"],
    ["uint8", [1, 254], "Uint8Array"],
    ["bool", [1, 0], "Uint8Array"],
  ];
  test.each(dtypes)("%s comes back in its own array type", (dtype, values, arrayType) => {
    scope(() => {
      const array = cast(tensor(Float64Array.from(values)), dtype).toArray();
      expect(array.constructor.name).toBe(arrayType);
      expect(Array.from(array as ArrayLike<number | bigint>, Number)).toEqual(values);
      const again = tensor(array, [2], dtype);
      expect(again.dtype).toBe(dtype);
      expect(again.toArray()).toEqual(array);
      if (dtype !== "bool") expect(tensor(array).dtype).toBe(dtype);
    });
  });

  test("half precision travels as raw bits", () => {
    scope(() => {
      for (const [dtype, bits] of [
        ["float16", 0x3c00],
        ["bfloat16", 0x3f80],
      ] as const) {
        expect([...(cast(tensor([1]), dtype).toArray() as Uint16Array)]).toEqual([bits]);
        expect(cast(tensor(Uint16Array.of(bits), [1], dtype), "float32").item()).toBe(1);
      }
      expect(() => tensor(Uint16Array.of(1))).toThrow(/pass the dtype of a Uint16Array/);
    });
  });

  test("elements come out row-major, whatever the strides, and from within a larger buffer", () => {
    scope(() => {
      const buffer = Float32Array.of(9, 1, 2, 3, 4, 9);
      const square = tensor(buffer.subarray(1, 5), [2, 2]);
      const transpose = operator("aten::t");
      expect([...transpose(square).toFloat32()]).toEqual([1, 3, 2, 4]);
      const target = new Float32Array(6).fill(7);
      square.copyTo(target.subarray(1, 5));
      expect([...target]).toEqual([7, 1, 2, 3, 4, 7]);
    });
  });

  test("tensors without elements and without dimensions", () => {
    scope(() => {
      expect(tensor([], [0, 4]).shape).toEqual([0, 4]);
      expect([...zeros([0]).toFloat32()]).toEqual([]);
      const scalar = tensor([3], []);
      expect([scalar.shape, scalar.size, scalar.item()]).toEqual([[], 1, 3]);
    });
  });
});

test("noGrad records nothing, and records again after a throw", () => {
  scope(() => {
    const x = tensor([1, 2]);
    x.requiresGrad = true;
    expect(noGrad(() => mul(x, 2)).requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(mul(x, 2).requiresGrad).toBe(true);
  });
});

describe("networks without values", () => {
  test("have the shapes of those with values, and no memory, however large they are", () => {
    const build = (width: number) => new Linear(width, 3, Math.random);
    const shapes = (module: Linear) => module.named().map(({ name, tensor: { shape } }) => ({ name, shape }));
    const [real, sketch] = [build(5), shapesOnly(() => build(5))];
    expect(shapes(sketch)).toEqual(shapes(real));
    const huge = shapesOnly(() => build(1e12));
    expect(huge.weight.shape).toEqual([3, 1e12]);
    for (const module of [real, sketch, huge]) module.dispose();
    const after = build(5);
    expect(after.weight.toFloat32()).toHaveLength(15);
    after.dispose();
  });
});

describe("errors", () => {
  test("shapes whose size overflows, and sides that are not integers", () => {
    const data = new Float32Array(4);
    expect(() => tensor(data, [2 ** 40, 2 ** 40])).toThrow(/16 bytes given, shape .* needs 2\^63 or more/);
    expect(() => tensor(data, [2 ** 40])).toThrow(
      /16 bytes given, shape \[1099511627776\] .* needs 4398046511104/,
    );
    for (const side of [-1, 0.5, Number.NaN, 1e300])
      expect(() => tensor(data, [side])).toThrow(/expected integers of 0 or more/);
    expect(() => zeros([1e300])).toThrow(/expected an integer/);
  });

  test("name the operator, its arguments and their shapes", () => {
    scope(() => {
      const [x, weight] = [zeros([2, 3, 5, 5]), zeros([4, 7, 3, 3])];
      expect(() => conv2d(x, weight, null)).toThrow(
        /aten::conv2d\(.*\[2, 3, 5, 5\].*weight.*\[4, 7, 3, 3\]/s,
      );
      expect(() => matmul(zeros([2, 3]), zeros([4, 5]))).toThrow(/aten::matmul\(self.*\[2, 3\].*\[4, 5\]/s);
      expect(() => reshape(zeros([2, 3]), [5])).toThrow(/aten::reshape\(.*\[2, 3\].*\[5\]/s);
    });
  });

  test("name the argument that has the wrong type", () => {
    scope(() => {
      const relu = operator("aten::relu");
      expect(() => relu(3)).toThrow(/aten::relu: argument 'self': expected a Tensor, got 3/);
      const softmax = operator("aten::softmax.int");
      expect(() => softmax(zeros([2]), 0.5)).toThrow(
        /aten::softmax.int: argument 'dim': expected an integer, got 0.5/,
      );
      expect(() => softmax(zeros([2]), 0, null, 4)).toThrow(/expected at most 3 arguments, got 4/);
    });
  });

  test("name an operator that does not exist", () => {
    const missing = operator("aten::no_such_operator");
    expect(() => missing()).toThrow("libtorch has no operator 'aten::no_such_operator'");
  });

  test("give the sizes in bytes if data does not fit a shape", () => {
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow(/12 bytes given, shape \[2, 2\] of float32 needs 16/);
    scope(() => {
      expect(() => zeros([3]).copyTo(new Float32Array(2))).toThrow(
        /the array has 8 bytes, expected the tensor's 12/,
      );
      expect(() => zeros([3], "int32").toFloat32()).toThrow(/the tensor is int32/);
      expect(() => zeros([3]).item()).toThrow(/item/);
    });
  });
});

test("a device that does not exist is an error that names it, not the end of the process", () => {
  for (const device of ["gpu", "cuda:x", "", "cuda:99"]) {
    expect(() => tensor([1]).to(device), device).toThrow(/aten::to\.device/);
    expect(() => zeros([1], "float32", device), device).toThrow(/aten::zeros/);
  }
  expect(tensor([1]).to("cpu").item()).toBe(1);
});

test("an invalid shape is an error", () => {
  expect(() => tensor(new Float32Array(1), [-1])).toThrow(/tensor/);
});

test("noGrad rejects an asynchronous body", () => {
  expect(() => noGrad(async () => {})).toThrow(/synchronous/);
  const x = tensor([1]);
  x.requiresGrad = true;
  expect(mul(x, 2).requiresGrad).toBe(true);
});

describe("numbers of a dtype", () => {
  test.each(["float32", "float64", "int64", "int32", "int16", "int8", "uint8"] as const)("%s", (dtype) => {
    using made = tensor([1, 2, 3], [3], dtype);
    expect(made.dtype).toBe(dtype);
    expect(Array.from(made.toArray(), Number)).toEqual([1, 2, 3]);
  });

  test("bool, and half precision only by casting", () => {
    using made = tensor([2, 0, -1], [3], "bool");
    expect(Array.from(made.toArray(), Number)).toEqual([1, 0, 1]);
    expect(() => tensor([1], [1], "float16")).toThrow(
      /cannot be stored as float16\. Create a float32 tensor/,
    );
  });

  test("whole numbers of more than 64 bits are refused as arguments", () => {
    expect(() => operator("aten::randperm")(2n ** 64n + 3n)).toThrow(/expected an integer of 64 bits/);
  });
});
