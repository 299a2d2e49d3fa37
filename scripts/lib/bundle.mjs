// The runtime as one small classic script that makes the global `qmimic`: for pages without a bundler, and for those that carry
// everything with them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** @returns bytes of the file, and after gzip */
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
  await build.write({
    file: join(folder, "bundle.js"),
    format: "iife",
    name: "qmimic",
    minify: true,
    sourcemap: false,
  });
  await build.close();
  const bytes = readFileSync(join(folder, "bundle.js"));
  return { bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}
