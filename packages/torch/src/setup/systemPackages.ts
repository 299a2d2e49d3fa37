// Packages of the system: installed where that is allowed, else named with the line that installs them.
import { existsSync, readdirSync } from "node:fs";
import { exec, type Note, SetupError, tryExec } from "./exec.js";

/** Who asks for a set-up. */
export interface Consent {
  /** What was typed to start it: repeated in advice. */
  command: string;
  /** Whether system packages may be installed through sudo. */
  yes: boolean;
}

/**
 * What runs apt-get here: nothing for root, as in a container; sudo where it asks no password, and only where that is
 * wanted (--yes, or CI=true): the packages of somebody's machine are theirs to choose. Null where neither is so.
 */
export async function prefix({
  yes,
  uid = process.getuid?.(),
  ci = process.env.CI,
}: {
  yes: boolean;
  uid?: number | undefined;
  ci?: string | undefined;
}): Promise<string[] | null> {
  if (uid === 0) return [];
  if (ci !== "true" && !yes) return null;
  return (await tryExec("sudo", ["-n", "true"])) === null ? null : ["sudo", "-n"];
}

/** @throws SetupError with what to do where they may not be, or cannot be installed */
export async function install(packages: readonly string[], consent: Consent, note: Note): Promise<void> {
  const sudo = (await tryExec("apt-get", ["--version"])) === null ? null : await prefix(consent);
  if (!sudo) throw new SetupError(advice(packages, consent));
  const run = (...args: string[]) => {
    const lock = ["-o", "DPkg::Lock::Timeout=600"]; // another installation may be under way
    const [command, ...rest] = [
      ...sudo,
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      ...lock,
      ...args,
    ];
    return exec(command, rest);
  };
  note(`installing ${packages.join(" ")}; this takes a minute or two`);
  const attempt = () => run("install", "-y", "--no-install-recommends", ...packages);
  const lists = "/var/lib/apt/lists";
  const known = existsSync(lists) && readdirSync(lists).some((file) => file.includes("_Packages"));
  // Old package lists name files that the mirror no longer has: refresh them when the first try fails.
  if (known && (await attempt().catch(() => null)) !== null) return;
  try {
    await run("update");
    await attempt();
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n\n${advice(packages, consent)}`);
  }
}

/** What a person has to do where nothing may be installed. */
export function advice(packages: readonly string[], { command }: Pick<Consent, "command">): string {
  const yes = `${command}${command.startsWith("npm run") ? " --" : ""} --yes`;
  const lines = [
    `This needs ${packages.join(", ")}, and nothing was installed. Do one of these, then run ${command} again:`,
    `  Debian, Ubuntu:  sudo apt-get install ${packages.join(" ")}`,
    `                   (${yes} runs this line for you, where sudo asks for no password)`,
  ];
  if (packages.includes("g++"))
    lines.push(
      "  any system:      install a compiler of C++17, and set CXX where it is not g++, c++ or clang++",
    );
  if (packages.includes("libtorch-dev"))
    lines.push(
      "  any system:      unpack a libtorch (C++) of your choice and set LIBTORCH=/path/to/libtorch (holds include/ and lib/)",
      "  PyTorch is here: set LIBTORCH_USE_PYTORCH=1 to build against the torch of python3",
    );
  return lines.join("\n");
}
