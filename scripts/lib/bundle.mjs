// Bundles the runtime into one small file, for pages without a bundler and for self-contained pages: bundle.mjs is a
// module, bundle.js a classic script that defines the global `qmimic`, and bundle.floats.js the same without convolutions
// of bytes, for pages with a model that does not use them. A page that imports the individual files has to
// wait for about forty of them, one import level after another.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const EXPORTS = "Detector, draw, ModelError, PictureError";

/** Modules for convolutions of bytes, and what takes their place where no model uses them. */
const WITHOUT_BYTES = {
  "network/byteKernels.js": ["instantiateByteKernels"],
  "network/stem.js": ["stemOf", "stemConvolutions"],
  "network/stemSteps.js": ["planStem", "placeStem", "stemSteps", "fillOutside"],
};

/** @returns the size of the script in bytes, uncompressed and gzipped */
export async function buildBundle(root) {
  const folder = join(root, "packages/runtime/dist");
  const [whole, floats] = [await bundled(folder, {}), await bundled(folder, WITHOUT_BYTES)];
  const script = await whole.codeOf({ format: "iife", name: "qmimic" });
  writeChanged(join(folder, "bundle.js"), script);
  writeChanged(join(folder, "bundle.mjs"), await whole.codeOf({ format: "esm" }));
  writeChanged(join(folder, "bundle.floats.js"), await floats.codeOf({ format: "iife", name: "qmimic" }));
  writeChanged(join(folder, "bundle.d.mts"), `export { ${EXPORTS} } from "./index.js";\n`);
  await Promise.all([whole.close(), floats.close()]);
  return { bytes: Buffer.byteLength(script), gzip: gzipSync(script, { level: 9 }).length };
}

/** @param replaced by file name, functions that are to return undefined */
async function bundled(folder, replaced) {
  const { rolldown } = await import("rolldown");
  const entry = "page-entry";
  const build = await rolldown({
    input: entry,
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => {
          if (id === entry) return `export { ${EXPORTS} } from ${JSON.stringify(join(folder, "index.js"))};`;
          const names = Object.entries(replaced).find(([file]) => id === join(folder, file))?.[1];
          return names?.map((name) => `export const ${name} = () => undefined;`).join("\n") ?? null;
        },
      },
    ],
    treeshake: { moduleSideEffects: false },
  });
  return {
    codeOf: async (format) =>
      (await build.generate({ minify: true, sourcemap: false, ...format })).output[0].code,
    close: () => build.close(),
  };
}

/** Writes a file only if it has changed, since others may be reading it. */
function writeChanged(path, text) {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
