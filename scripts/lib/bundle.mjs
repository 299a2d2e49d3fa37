// Bundles the runtime into one small file, for pages without a bundler and for self-contained pages: bundle.mjs is a
// module, bundle.js a classic script that defines the global `qmimic`. A page that imports the individual files has to
// wait for about forty of them, one import level after another.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const EXPORTS = "Detector, draw, ModelError, PictureError";

/** @returns the size of the script in bytes, uncompressed and gzipped */
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
          id === entry ? `export { ${EXPORTS} } from ${JSON.stringify(join(folder, "index.js"))};` : null,
      },
    ],
    treeshake: { moduleSideEffects: false },
  });
  const codeOf = async (format) =>
    (await build.generate({ minify: true, sourcemap: false, ...format })).output[0].code;
  const script = await codeOf({ format: "iife", name: "qmimic" });
  writeChanged(join(folder, "bundle.js"), script);
  writeChanged(join(folder, "bundle.mjs"), await codeOf({ format: "esm" }));
  writeChanged(join(folder, "bundle.d.mts"), `export { ${EXPORTS} } from "./index.js";\n`);
  await build.close();
  return { bytes: Buffer.byteLength(script), gzip: gzipSync(script, { level: 9 }).length };
}

/** Writes a file only if it has changed, since others may be reading it. */
function writeChanged(path, text) {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
