// The C++ compiler: CXX, else g++, c++ or clang++.
import { SetupError, tryExec } from "./exec.js";

export interface Compiler {
  /** As it is started. */
  name: string;
  /** The first line of what it says of itself. */
  version: string;
}

/** @returns null where there is none. @throws SetupError where CXX names one that does not run */
export async function findCompiler(): Promise<Compiler | null> {
  const { CXX } = process.env;
  for (const name of CXX ? [CXX] : ["g++", "c++", "clang++"]) {
    const version = await tryExec(name, ["--version"]);
    if (version) return { name, version: version.split("\n")[0] };
  }
  if (CXX) throw new SetupError(`CXX=${CXX} does not run`);
  return null;
}
