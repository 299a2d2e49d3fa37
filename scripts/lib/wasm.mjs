// The runtime's WebAssembly module: compiled from packages/runtime/wasm and written as a TypeScript file, so that every
// bundler, worker and page takes it along like any other code.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "./exec.mjs";

const FLAGS = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd,bulk-memory", "--importMemory"];

/** @returns whether it had to be compiled, and the module's bytes */
export async function buildWasm(root) {
  const sources = join(root, "packages/runtime/wasm");
  const target = join(root, "packages/runtime/src/network/kernelsBase64.ts");
  const names = readdirSync(sources)
    .filter((name) => name.endsWith(".ts"))
    .sort();
  const hash = createHash("sha256").update(JSON.stringify(FLAGS));
  hash.update(readFileSync(join(root, "node_modules/assemblyscript/package.json")));
  for (const name of names) hash.update(name).update(readFileSync(join(sources, name)));
  const head = `// Made by scripts/lib/wasm.mjs of packages/runtime/wasm, ${hash.digest("hex")}`;
  const before = existsSync(target) ? readFileSync(target, "utf8") : "";
  if (before.startsWith(head)) return { compiled: false, bytes: sizeOf(before) };

  const folder = mkdtempSync(join(tmpdir(), "qmimic-wasm-"));
  try {
    const file = join(folder, "kernels.wasm");
    await exec("node", [
      join(root, "node_modules/assemblyscript/bin/asc.js"),
      join(sources, "index.ts"),
      ...FLAGS,
      "-o",
      file,
    ]);
    const text = `${head}\nexport const KERNELS_BASE64 =\n  "${readFileSync(file).toString("base64")}";\n`;
    writeFileSync(target, text);
    return { compiled: true, bytes: sizeOf(text) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sizeOf = (text) => Buffer.from(/"(.*)"/.exec(text)[1], "base64").length;
