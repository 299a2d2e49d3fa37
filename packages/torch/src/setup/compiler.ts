// The C++ compiler: CXX, else g++, c++ or clang++.
import { existsSync, renameSync, rmSync } from "node:fs";
import { temporaryName } from "./cache.js";
import { exec, isMac, SetupError, tryExec } from "./exec.js";

export interface Compiler {
  /** The command that starts it, and its first arguments: CXX may be "ccache g++". */
  command: string;
  args: readonly string[];
  /** The first line of --version. */
  version: string;
}

/** @returns null if there is no compiler. @throws SetupError if the compiler in CXX does not run */
export async function findCompiler(): Promise<Compiler | null> {
  const { CXX } = process.env;
  for (const name of CXX ? [CXX] : ["g++", "c++", "clang++"]) {
    // A path may contain spaces.
    const [command, ...args] = existsSync(name) ? [name] : name.trim().split(/\s+/);
    const version = await tryExec(command, [...args, "--version"]);
    if (version === null) continue;
    // Clang without libomp has no omp.h, which libtorch's headers include.
    const check = [...args, "-fopenmp", "-include", "omp.h", "-fsyntax-only", "-x", "c++", "/dev/null"];
    if (isMac || (await tryExec(command, check)) !== null)
      return { command, args, version: version.split("\n")[0] };
    if (CXX)
      throw new SetupError(`CXX=${CXX}: it cannot compile with -fopenmp. Install libomp-dev, or use g++`);
  }
  if (CXX)
    throw new SetupError(`CXX=${CXX}: "${CXX} --version" fails. Set CXX to a C++ compiler, or unset it`);
  return null;
}

/**
 * Writes a file with the compiler, under a temporary name until it is complete: another setup may be writing it, too.
 * @param check called before it gets its name
 * @throws SetupError with the compiler's output, and what `check` throws
 */
export async function compileTo(
  file: string,
  { command, args }: Compiler,
  flags: readonly string[],
  check = (): void => {},
): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await exec(command, [...args, ...flags, "-o", temporary]);
    check();
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}
