// The C++ sources of an addon, and how each of them is compiled.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";

export interface AddonSources {
  /** The addon's name. */
  name: string;
  /** Every .cc file in this folder and its subfolders is a source. */
  folder: string;
  /** Further folders whose headers the sources include. */
  headers: readonly string[];
}

/** One object file of an addon: its source and additional flags. */
export interface ObjectSource {
  name: string;
  source: string;
  flags: readonly string[];
}

/** Kernels named *.isa.cc are compiled once per instruction set; the first kernel call selects one. */
const ISAS: Record<string, readonly string[]> =
  process.arch === "x64"
    ? {
        avx512: "-mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512".split(" "),
        avx2: ["-mavx2", "-mfma"],
        portable: [],
      }
    : { portable: [] };

/** The files of a folder (recursively), sorted by name. */
function filesOf(folder: string, endings: readonly string[]): string[] {
  const names = readdirSync(folder, { recursive: true }).map(String).sort();
  return names.filter((name) => endings.includes(extname(name))).map((name) => join(folder, name));
}

export function listObjects({ folder }: AddonSources): ObjectSource[] {
  return filesOf(folder, [".cc"]).flatMap((source) => {
    const name = basename(source, ".cc");
    if (!name.endsWith(".isa")) return [{ source, name, flags: [] }];
    return Object.entries(ISAS).map(([isa, flags]) => ({
      source,
      name: `${name}.${isa}`,
      flags: [`-DQMIMIC_ISA=${isa}`, ...flags],
    }));
  });
}

/** A hash of all sources and headers. */
export const sourcesHash = ({ folder, headers }: AddonSources): string =>
  hashOf(
    [...filesOf(folder, [".cc", ".h"]), ...headers.flatMap((other) => filesOf(other, [".h"]))].map((file) =>
      readFileSync(file, "utf8"),
    ),
  );

export const hashOf = (parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\0")).digest("hex");
