// Compiling the kernels in different engines: without relaxed SIMD, and with synchronous compilation disallowed.
import { afterEach, expect, test, vi } from "vitest";

const real = WebAssembly;

/** Kernels in an engine with parts of its WebAssembly object replaced. */
async function kernelsWith(replaced: Partial<typeof WebAssembly>) {
  vi.resetModules();
  vi.stubGlobal("WebAssembly", { ...engine, ...replaced });
  const { instantiateKernels } = await import("../src/network/kernels.js");
  return instantiateKernels(new real.Memory({ initial: 1 }));
}
const { Module, Instance, compile, CompileError } = real;
const engine = { Module, Instance, compile, CompileError };

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A WebAssembly.Module that throws the first few times. */
function refusing(times: number, error: Error) {
  let asked = 0;
  return class extends real.Module {
    constructor(bytes: BufferSource) {
      if (asked++ < times) throw error;
      super(bytes);
    }
  };
}

const noRelaxed = new real.CompileError("relaxed SIMD");
const tooLarge = new RangeError("WebAssembly.Module is disallowed on the main thread");

test.each([
  ["synchronously", {}],
  ["synchronously, without relaxed SIMD", { Module: refusing(1, noRelaxed) }],
  ["asynchronously", { Module: refusing(2, tooLarge) }],
  [
    "asynchronously, because instances are refused too",
    {
      ...{ Module: refusing(2, tooLarge), instantiate: real.instantiate },
      Instance: class {
        constructor() {
          throw tooLarge;
        }
      } as unknown as typeof real.Instance,
    },
  ],
  [
    "asynchronously, without relaxed SIMD",
    {
      Module: refusing(2, tooLarge),
      compile: vi.fn(compile).mockRejectedValueOnce(noRelaxed),
    },
  ],
])("the kernels are compiled %s", async (_, replaced) => {
  const kernels = await kernelsWith(replaced);
  expect(typeof kernels.conv4).toBe("function");
});

test("an engine that can compile neither module throws its own error", async () => {
  await expect(kernelsWith({ Module: refusing(2, noRelaxed) })).rejects.toThrow("relaxed SIMD");
});
