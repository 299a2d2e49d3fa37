// The addon in several threads of one process (worker_threads), each with its own environment.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const torch = fileURLToPath(new URL("../dist/index.js", import.meta.url));

/** Runs a module in a separate process: an abort would end this one. */
function run(code: string): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const all = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const torch = ${JSON.stringify(torch)};
    const start = (body, workerData) =>
      new Worker(new URL("data:text/javascript," + encodeURIComponent(
        'import { parentPort, workerData } from "node:worker_threads";' +
        'const t = await import(' + JSON.stringify("file://" + torch) + ');' + body)), { workerData });
    ${code}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", all], {
    encoding: "utf8",
  });
  return { status, signal, stdout, stderr };
}

it("every thread calls the operators it has looked up, in any order", () => {
  const outcome = run(`
    const body = \`
      const names = ["aten::neg", "aten::exp", "aten::abs", "aten::floor", "aten::sqrt", "aten::relu", "aten::sin", "aten::cos"];
      const order = names.map((_, i) => names[(i + workerData) % names.length]);
      const wrong = [];
      const expected = { neg: -2.25, exp: Math.exp(2.25), abs: 2.25, floor: 2, sqrt: 1.5, relu: 2.25, sin: Math.sin(2.25), cos: Math.cos(2.25) };
      for (let n = 0; n < 500; n++) {
        t.scope(() => order.map((name) => t.operator(name)).forEach((op, i) => {
          const name = order[i].slice(6);
          const [value] = op(t.tensor([2.25])).toFloat32();
          if (Math.abs(value - expected[name]) > 1e-5) wrong.push(name + " " + value);
        }));
      }
      parentPort.postMessage(wrong.slice(0, 3));\`;
    const all = await Promise.all([0, 3, 5, 6].map((n) => once(start(body, n), "message")));
    console.log(JSON.stringify(all.flat(2)));`);
  expect(outcome).toEqual({ status: 0, signal: null, stdout: "[]\n", stderr: "" });
});

it("a thread that exits or is terminated, with live tensors and inside a call, does not affect the others", () => {
  const outcome = run(`
    const t = await import("file://" + torch);
    const body = \`
      const kept = Array.from({ length: 50 }, () => t.tensor(new Float32Array(1000)));
      parentPort.postMessage("busy");
      if (workerData === "ends") process.exit(0);
      const data = new Float32Array(300 * 300).fill(1e-3);
      for (let n = 0; ; n++) {
        const a = t.tensor(data, [300, 300]);
        const b = t.matmul(a, a);
        try { t.matmul(a, t.tensor([1, 2])); } catch {}
        if (n % 2) { a.dispose(); b.dispose(); }
      }\`;
    for (let n = 0; n < 6; n++) {
      const worker = start(body, n === 0 ? "ends" : "runs");
      await once(worker, "message");
      await new Promise((done) => setTimeout(done, 5 * n));
      await worker.terminate();
    }
    console.log(t.add(t.tensor([1]), t.tensor([2])).item());`);
  expect(outcome).toEqual({ status: 0, signal: null, stdout: "3\n", stderr: "" });
});
