// System packages: installed if allowed, otherwise named along with the command that installs them.
import { existsSync, readdirSync } from "node:fs";
import { exec, type Note, SetupError, tryExec } from "./exec.js";

/** How the setup was started, and whether it may install system packages. */
export interface Consent {
  /** The command that started it, repeated in advice. */
  command: string;
  /** Whether system packages may be installed with sudo. */
  yes: boolean;
}

/**
 * The command to put before apt-get: empty for root, as in a container; sudo if it needs no password, but only on
 * request (--yes, or CI=true), because users decide which packages are on their machine. Null if apt-get may not be
 * run.
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

/** @throws SetupError that says what to do, if packages may not be or cannot be installed */
export async function install(packages: readonly string[], consent: Consent, note: Note): Promise<void> {
  const sudo = (await tryExec("apt-get", ["--version"])) === null ? null : await prefix(consent);
  if (!sudo) throw new SetupError(advice(packages, consent));
  const run = (...args: string[]) => {
    const lock = ["-o", "DPkg::Lock::Timeout=600"]; // another installation may be running
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
  // Outdated package lists name files that the mirror no longer has: refresh them if the first attempt fails.
  if (known && (await attempt().catch(() => null)) !== null) return;
  try {
    await run("update");
    await attempt();
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n\n${advice(packages, consent)}`);
  }
}

/** Tells the user what to do if packages may not be installed for them. */
export function advice(packages: readonly string[], { command }: Pick<Consent, "command">): string {
  const yes = `${command}${command.startsWith("npm run") ? " --" : ""} --yes`;
  const lines = [
    `This needs ${packages.join(", ")}; nothing was installed. Do one of the following, then run ${command} again:`,
    `  Debian, Ubuntu:  sudo apt-get install ${packages.join(" ")}`,
    `                   (${yes} runs this line for you, if sudo needs no password)`,
  ];
  if (packages.includes("g++"))
    lines.push("  any system:      install a C++17 compiler, and set CXX if it is not g++, c++ or clang++");
  if (packages.includes("libtorch-dev"))
    lines.push(
      "  any system:      unpack a libtorch (C++) of your choice and set LIBTORCH=/path/to/libtorch (contains include/ and lib/)",
      "  with PyTorch:    set LIBTORCH_USE_PYTORCH=1 to build against python3's torch",
    );
  return lines.join("\n");
}
