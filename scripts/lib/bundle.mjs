// The runtime as one small file, for pages without a bundler and for those that carry everything with them: bundle.mjs is a
// module, bundle.js a classic script that makes the global `qmimic`. A page that imports the files one by one waits for each of
// some forty, and for those that they import.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const EXPORTS = "Detector, draw, ModelError, PictureError";

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

/** A file that others may be reading is replaced only where it changed. */
function writeChanged(path, text) {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
