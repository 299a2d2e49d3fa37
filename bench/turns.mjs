// A program that says "turn" on its standard output before each few steps, and takes them when it is sent a line.
import { spawn } from "node:child_process";

/** Starts it. `waits` resolves when it asks for a turn or has ended, and rejects when it failed; `turn` gives one and waits. */
export function startSide([program, ...flags], env) {
  const child = spawn(program, flags, { env, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let errors = "";
  let asked = 0;
  let given = 0;
  let code = null;
  let wake = () => {};
  child.stdout.on("data", (text) => {
    said += text;
    asked = said.split("\n").filter((line) => line === "turn").length;
    wake();
  });
  child.stderr.on("data", (text) => {
    errors += text;
  });
  child.on("close", (number, signal) => {
    code = number ?? signal;
    wake();
  });
  const ended = () => code !== null;
  async function waits() {
    while (!ended() && asked === given) await new Promise((resolve) => (wake = resolve));
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
