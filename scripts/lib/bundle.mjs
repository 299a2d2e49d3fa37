// The runtime as one small file, for pages without a bundler and for those that carry everything with them: bundle.mjs is a
// module, bundle.js a classic script that makes the global `qmimic`. A page that imports the files one by one waits for each of
// some forty, and for those that they import.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** @returns bytes of the script, and after gzip */
export async function buildBundle(root) {
  const { rolldown } = await import("rolldown");
  const folder = join(root, "packages/runtime/dist");
  const entry = "page-entry";
  const build = await rolldown({
    input: entry,
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? id : null),
        load: (id) =>
          id === entry
            ? `export { Detector, draw, ModelError, PictureError } from ${JSON.stringify(join(folder, "index.js"))};`
            : null,
      },
    ],
    treeshake: { moduleSideEffects: false },
  });
  const shared = { minify: true, sourcemap: false };
  const generate = async (file, format) => {
    const { output } = await build.generate({ ...shared, ...format });
    const path = join(folder, file);
    // A file that others may be reading is replaced only where it changed.
    if (!existsSync(path) || readFileSync(path, "utf8") !== output[0].code)
      writeFileSync(path, output[0].code);
  };
  await generate("bundle.js", { format: "iife", name: "qmimic" });
  await generate("bundle.mjs", { format: "esm" });
  await build.close();
  const bytes = readFileSync(join(folder, "bundle.js"));
  return { bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}
