// The C++ compiler: CXX, else g++, c++ or clang++.
import { SetupError, tryExec } from "./exec.js";

export interface Compiler {
  /** The command that starts it. */
  name: string;
  /** The first line of --version. */
  version: string;
}

/** @returns null if there is no compiler. @throws SetupError if the compiler in CXX does not run */
export async function findCompiler(): Promise<Compiler | null> {
  const { CXX } = process.env;
  for (const name of CXX ? [CXX] : ["g++", "c++", "clang++"]) {
    const version = await tryExec(name, ["--version"]);
    if (version) return { name, version: version.split("\n")[0] };
  }
  if (CXX)
    throw new SetupError(`CXX=${CXX}: "${CXX} --version" fails. Set CXX to a C++ compiler, or unset it`);
  return null;
}
