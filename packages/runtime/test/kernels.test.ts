// Compiling the kernels where engines differ: without relaxed SIMD, and where a module may not be compiled at once.
import { afterEach, expect, test, vi } from "vitest";

const real = WebAssembly;

/** Kernels of an engine whose WebAssembly.Module and compile are these. */
async function kernelsWith(own: Partial<typeof WebAssembly>) {
  vi.resetModules();
  vi.stubGlobal("WebAssembly", { ...engine, ...own });
  const { instantiateKernels } = await import("../src/network/kernels.js");
  return instantiateKernels(new real.Memory({ initial: 1 }));
}
const { Module, Instance, compile, CompileError } = real;
const engine = { Module, Instance, compile, CompileError };

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Refuses the first modules that it is asked for. */
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
  ["at once", {}],
  ["at once, without relaxed SIMD", { Module: refusing(1, noRelaxed) }],
  ["by a thread of the engine's", { Module: refusing(2, tooLarge) }],
  [
    "by a thread of the engine's, without relaxed SIMD",
    {
      Module: refusing(2, tooLarge),
      compile: vi.fn(compile).mockRejectedValueOnce(noRelaxed),
    },
  ],
])("the kernels are compiled %s", async (_, own) => {
  const kernels = await kernelsWith(own);
  expect(typeof kernels.conv4).toBe("function");
});

test("an engine that compiles neither module says why", async () => {
  await expect(kernelsWith({ Module: refusing(2, noRelaxed) })).rejects.toThrow("relaxed SIMD");
});
