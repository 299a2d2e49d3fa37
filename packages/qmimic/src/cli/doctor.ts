// qmimic doctor: what the engine is made of, how fast it is here, and what is slow or missing.
import { realpathSync } from "node:fs";
import { availableParallelism, cpus, freemem, loadavg, totalmem } from "node:os";
import { AddonError } from "@qmimic/torch/setup";
import type { Command } from "commander";
import { say } from "./output.js";

/** One line of the report; `warning` and `missing` say what to do about it. */
interface Finding {
  name: string;
  value: string;
  warning?: string;
  missing?: string;
}

type Torch = typeof import("@qmimic/torch");

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description(
      "report libtorch, BLAS, threads, CUDA and their speed; exit code 1 when something essential is missing",
    )
    .action(doctor);
}

async function doctor(): Promise<void> {
  const findings = [node(), processor(), memory(), allocator()];
  for (const one of findings) print(one);
  const rest = await libtorch();
  for (const one of rest) print(one);
  findings.push(...rest);

  const notes = findings.flatMap(({ name, warning, missing }) =>
    missing ? [`missing: ${name}: ${missing}`] : warning ? [`slow: ${name}: ${warning}`] : [],
  );
  say(notes.length === 0 ? "\nall is well" : `\n${notes.join("\n")}`);
  if (findings.some(({ missing }) => missing)) process.exitCode = 1;
}

const print = ({ name, value, warning, missing }: Finding): void =>
  say(`${missing ? "!!" : warning ? " !" : "  "} ${name.padEnd(12)} ${value}`);

function node(): Finding {
  const { node: version } = process.versions;
  const [major, minor] = version.split(".").map(Number);
  const old = major < 20 || (major === 20 && minor < 19);
  return {
    name: "Node",
    value: `${version}, ${process.platform} ${process.arch}`,
    ...(old ? { missing: "version 20.19 or newer is needed" } : {}),
  };
}

function processor(): Finding {
  const cores = availableParallelism();
  const [busy] = loadavg();
  const value = `${cores} cores, ${cpus()[0]?.model.trim() ?? "unknown"}, load ${busy.toFixed(1)}`;
  return busy > 0.75 * cores
    ? {
        name: "processor",
        value,
        warning: "other programs keep it busy; speeds below are lower than they could be",
      }
    : { name: "processor", value };
}

function memory(): Finding {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  // A container's limit; 0 or a huge number where there is none.
  const limit = process.constrainedMemory?.() ?? 0;
  const limited = limit > 0 && limit < totalmem();
  const value = `${gib(totalmem())}, ${gib(freemem())} free${limited ? `, limit ${gib(limit)}` : ""}`;
  return (limited ? limit : totalmem()) < 2 * 2 ** 30
    ? { name: "memory", value, warning: "under 2 GiB: lower the settings batch and memory" }
    : { name: "memory", value };
}

function allocator(): Finding {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  return {
    name: "malloc",
    value: glibc
      ? `glibc ${glibc}; the addon has it keep freed memory for the next step`
      : "not glibc; left as it is",
  };
}

/** What is said of libtorch; why, where it cannot be used. */
async function libtorch(): Promise<Finding[]> {
  try {
    (await import("../native/native.js")).addon();
  } catch (error) {
    if (!(error instanceof AddonError)) throw error;
    return [{ name: "libtorch", value: "cannot be used", missing: error.message }];
  }
  const torch = await import("@qmimic/torch");
  return [...engine(torch), ...speeds(torch)];
}

function engine({ configuration, simdLevel, setThreads }: Torch): Finding[] {
  const threads = availableParallelism();
  setThreads(threads);
  const { version, path, oneDNN, cuda, bfloat16, blas, openblas, mkl } = configuration();
  const simd = simdLevel();
  return [
    { name: "libtorch", value: `${version}, ${path}` },
    {
      name: "oneDNN",
      value: oneDNN ? "yes" : "no",
      ...(oneDNN
        ? {}
        : { warning: "wide convolutions run without oneDNN; use a libtorch that was built with it" }),
    },
    blasFinding(blas, openblas, mkl),
    { name: "threads", value: `${threads}, as many as cores; --threads sets them` },
    {
      name: "kernels",
      value: `own convolutions for narrow layers: ${simd}`,
      ...(simd === "portable" && process.arch === "x64"
        ? { warning: "the processor has no AVX2: narrow layers run without vector instructions" }
        : {}),
    },
    {
      name: "bfloat16",
      value: bfloat16 ? "yes: --precision bfloat16 trains wide teachers faster" : "no: float32 alone",
    },
    { name: "CUDA", value: cuda ? "yes: --device cuda" : "no: training runs on the processor" },
  ];
}

/** @param file that provides sgemm, "" when it is inside another library */
function blasFinding(file: string, openblas: boolean, mkl: boolean): Finding {
  const real = file === "" ? "" : realpathSync(file);
  const name = openblas ? "OpenBLAS" : mkl ? "MKL" : /blis|atlas|accelerate/i.exec(real)?.[0];
  if (name || real === "")
    return { name: "BLAS", value: `${name ?? "libtorch's own"}${real && `, ${real}`}` };
  return {
    name: "BLAS",
    value: `reference BLAS, ${real}`,
    warning:
      "linear layers run some 20 times slower than with OpenBLAS. Install libopenblas0-pthread " +
      "(Debian, Ubuntu: sudo apt-get install libopenblas0-pthread); where it is installed already, choose it with " +
      "update-alternatives --config libblas.so.3-x86_64-linux-gnu",
  };
}

const SIDE = 512;
const MAP = { channels: 64, height: 60, width: 80 };

function speeds({ operator, tensor, noGrad, scope, conv3x3 }: Torch): Finding[] {
  const multiply = operator("aten::mm");
  const convolve = operator("aten::conv2d");
  const filled = (...shape: number[]) =>
    tensor(new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(0.5), shape);
  const narrow = { channels: 4, height: 240, width: 320 };
  const convolution = (name: string, { channels, height, width }: typeof MAP, own: boolean) => {
    const image = filled(1, channels, height, width);
    const weight = filled(channels, channels, 3, 3);
    const call = () =>
      own ? conv3x3(image, weight, null) : convolve(image, weight, undefined, [1, 1], [1, 1]);
    return speed(
      name,
      `3x3 convolution, ${channels} channels`,
      2 * 9 * channels ** 2 * height * width,
      call,
      scope,
    );
  };
  return noGrad(() =>
    scope(() => {
      const [a, b] = [filled(SIDE, SIDE), filled(SIDE, SIDE)];
      return [
        speed("speed", `sgemm ${SIDE}`, 2 * SIDE ** 3, () => multiply(a, b), scope),
        convolution("", MAP, false),
        convolution("", narrow, true),
      ];
    }),
  );
}

/** The best of repeated calls within a fifth of a second: other programs only ever slow them down. */
function speed(
  name: string,
  what: string,
  work: number,
  call: () => unknown,
  scope: Torch["scope"],
): Finding {
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 200;
  do {
    const started = performance.now();
    scope(() => void call());
    best = Math.min(best, performance.now() - started);
  } while (performance.now() < end);
  return { name, value: `${what}: ${(work / best / 1e6).toFixed(1)} GFLOP/s` };
}
