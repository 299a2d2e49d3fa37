// Compiles the runtime's WebAssembly module, with and without fused multiply-adds (relaxed SIMD), from
// packages/runtime/wasm and writes it to a TypeScript file, so that it needs no special handling in bundlers, workers
// and pages.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const FLAGS = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--enable"];
const FEATURES = { KERNELS: "simd,bulk-memory", RELAXED_KERNELS: "simd,bulk-memory,relaxed-simd" };

/** @returns whether it had to be compiled, and the size of the module in bytes */
export async function buildWasm(root) {
  const sources = join(root, "packages/runtime/wasm");
  const target = join(root, "packages/runtime/src/network/kernelsBase64.ts");
  const names = readdirSync(sources)
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const hash = createHash("sha256").update(JSON.stringify([FLAGS, FEATURES]));
  hash.update(readFileSync(join(root, "node_modules/assemblyscript/package.json")));
  for (const name of names) hash.update(name).update(readFileSync(join(sources, name)));
  const head = `// Made by scripts/lib/wasm.mjs of packages/runtime/wasm, ${hash.digest("hex")}`;
  const before = existsSync(target) ? readFileSync(target, "utf8") : "";
  if (before.startsWith(head)) return { compiled: false, bytes: sizeOf(before) };

  const folder = mkdtempSync(join(tmpdir(), "qmimic-wasm-"));
  try {
    const compile = async ([name, features]) => {
      const file = join(folder, `${name}.wasm`);
      const compiler = join(root, "node_modules/assemblyscript/bin/asc.js");
      await promisify(execFile)(process.execPath, [
        compiler,
        join(sources, "index.ts"),
        ...FLAGS,
        features,
        "-o",
        file,
      ]);
      return `export const ${name}_BASE64 =\n  "${readFileSync(file).toString("base64")}";\n`;
    };
    const text = `${head}\n${(await Promise.all(Object.entries(FEATURES).map(compile))).join("")}`;
    writeFileSync(target, text);
    return { compiled: true, bytes: sizeOf(text) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sizeOf = (text) => Buffer.from(/"(.*)"/.exec(text)[1], "base64").length;
