// The C++ compiler: CXX, else g++, c++ or clang++.
import { existsSync } from "node:fs";
import { isMac, SetupError, tryExec } from "./exec.js";

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
