// Starts a program that prints "turn" before every few steps, and runs them when it receives a line.
import { spawn } from "node:child_process";

/**
 * Starts a side. `waits` resolves when it requests a turn or has exited, and rejects if it failed; `turn` grants a turn
 * and waits.
 */
export function startSide([program, ...flags], env) {
  const child = spawn(program, flags, { env, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  let asked = 0;
  let given = 0;
  let code = null;
  let wake = () => {};
  child.stdout.on("data", (text) => {
    output += text;
    asked = output.split("\n").filter((line) => line === "turn").length;
    wake();
  });
  child.stderr.on("data", (text) => {
    errors += text;
  });
  let failure;
  child.on("error", (error) => {
    failure = error;
    wake();
  });
  child.on("close", (number, signal) => {
    code = number ?? signal;
    wake();
  });
  const ended = () => code !== null || failure !== undefined;
  async function waits() {
    while (!ended() && asked === given) await new Promise((resolve) => (wake = resolve));
    if (failure !== undefined) throw new Error(`${program} cannot be started: ${failure.message}`);
    if (ended() && code !== 0) throw new Error(`${program} ${flags.join(" ")}: exit ${code}\n${errors}`);
  }
  return {
    ended,
    waits,
    stop: () => child.kill(),
    async turn() {
      if (ended()) return;
      given++;
      child.stdin.write("\n");
      await waits();
    },
  };
}
