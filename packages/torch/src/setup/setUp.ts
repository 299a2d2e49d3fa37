// Sets up a compiler, libtorch, a fast BLAS, and the addons that call libtorch. Safe to run again.
import { buildAddon } from "./build.js";
import { tidy } from "./cache.js";
import { findCompiler } from "./compiler.js";
import { SetupError, step } from "./exec.js";
import { findLibtorch, requireBlas } from "./libtorch.js";
import type { AddonSources } from "./sources.js";
import { type Consent, install } from "./systemPackages.js";

/**
 * Sets up everything `addons` need, and prints each step. System packages are installed only as root, with CI=true or
 * with `yes`; otherwise the error says what to install.
 * @throws SetupError that says what to do
 */
export async function setUp(addons: readonly AddonSources[], consent: Consent): Promise<void> {
  const missing = [
    ...((await findCompiler()) ? [] : ["g++"]),
    ...((await findLibtorch()) ? [] : ["libtorch-dev", "libopenblas0-pthread"]),
  ];
  if (missing.length > 0) {
    await step("system", async (note) => {
      await install(missing, consent, note);
      return { value: null, text: "packages installed" };
    });
  }
  const cxx = await step("compiler", async () => {
    const value = await findCompiler();
    if (!value) throw new SetupError("g++ was installed, but no C++ compiler was found. Set CXX to one");
    return { value, text: value.version };
  });
  const torch = await step("libtorch", async () => {
    const value = await findLibtorch();
    if (!value)
      throw new SetupError(
        "libtorch-dev was installed, but no libtorch was found. Set LIBTORCH to its folder",
      );
    return { value, text: `${value.version} in ${value.lib} (${value.source})` };
  });
  await step("blas", async (note) => {
    const { name, fast } = await requireBlas(torch, consent, note);
    if (!fast)
      note(`WARNING: ${name} is slow: linear layers run about 20 times slower than with OpenBLAS.
           Install libopenblas0-pthread, or select it: update-alternatives --config libblas.so.3-$(gcc -print-multiarch)`);
    return { value: null, text: name };
  });
  for (const sources of addons)
    await step("addon", async () => {
      const { compiled, objects, linked, file } = await buildAddon(sources, torch, cxx);
      const done = linked ? `compiled ${compiled} of ${objects} files, linked` : "up to date";
      return { value: null, text: `${sources.name}: ${done}, ${file}` };
    });
  tidy();
}
