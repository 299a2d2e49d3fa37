// qmimic doctor: which libraries the engine uses, how fast it is here, and what is slow or missing.
import { realpathSync } from "node:fs";
import { availableParallelism, cpus, freemem, loadavg, totalmem } from "node:os";
import { AddonError, IsaError } from "@qmimic/torch/setup";
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
      "report libtorch, BLAS, threads, CUDA and their speed; exit code 1 if something essential is missing",
    )
    .action(doctor);
}

async function doctor(): Promise<void> {
  const findings = [node(), processor(), memory(), allocator()];
  for (const finding of findings) print(finding);
  const rest = await libtorch();
  for (const finding of rest) print(finding);
  findings.push(...rest);

  const notes = findings.flatMap(({ name, warning, missing }) =>
    missing ? [`missing: ${name}: ${missing}`] : warning ? [`slow: ${name}: ${warning}`] : [],
  );
  say(notes.length === 0 ? "\nno problems found" : `\n${notes.join("\n")}`);
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
        name: "CPU",
        value,
        warning: "other programs are using it, so the speeds below are too low",
      }
    : { name: "CPU", value };
}

function memory(): Finding {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  // A container's limit; 0 or a huge number if there is none.
  const limit = process.constrainedMemory?.() ?? 0;
  const limited = limit > 0 && limit < totalmem();
  const value = `${gib(totalmem())}, ${gib(freemem())} free${limited ? `, limit ${gib(limit)}` : ""}`;
  return (limited ? limit : totalmem()) < 2 * 2 ** 30
    ? { name: "memory", value, warning: "under 2 GiB: lower the batch and memory settings" }
    : { name: "memory", value };
}

function allocator(): Finding {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const glibc = report?.header?.glibcVersionRuntime;
  return {
    name: "malloc",
    value: glibc
      ? `glibc ${glibc}; the addon makes it keep freed memory for the next step`
      : "not glibc; left unchanged",
  };
}

/** Findings on libtorch, or why it is not usable. */
async function libtorch(): Promise<Finding[]> {
  try {
    (await import("../native/native.js")).addon();
    const torch = await import("@qmimic/torch");
    const { threadsOf } = await import("../train/engine.js");
    return [...engine(torch, threadsOf("auto")), ...speeds(torch)];
  } catch (error) {
    if (!(error instanceof AddonError || error instanceof IsaError)) throw error;
    return [{ name: "libtorch", value: "not usable", missing: error.message }];
  }
}

function engine({ configuration, simdLevel, setThreads }: Torch, threads: number): Finding[] {
  setThreads(threads);
  const { version, path, oneDNN, cuda, bfloat16, blas, openblas, mkl } = configuration();
  const simd = simdLevel();
  return [
    { name: "libtorch", value: `${version}, ${path}` },
    {
      name: "oneDNN",
      value: oneDNN ? "yes" : "no",
      ...(oneDNN ? {} : { warning: "wide convolutions run without oneDNN; use a libtorch built with it" }),
    },
    blasFinding(blas, openblas, mkl),
    { name: "threads", value: `${threads}; set with --threads, or OMP_NUM_THREADS` },
    {
      name: "kernels",
      value: `qmimic's convolutions for narrow layers: ${simd}`,
      ...(simd === "portable" && process.arch === "x64"
        ? { warning: "the CPU has no AVX2: narrow layers run without vector instructions" }
        : {}),
    },
    {
      name: "bfloat16",
      value: bfloat16 ? "yes: --precision bfloat16 trains wide teachers faster" : "no: float32 only",
    },
    { name: "CUDA", value: cuda ? "yes: --device cuda" : "no: training runs on the CPU" },
  ];
}

/** @param file the library that provides sgemm, "" if it is part of another library */
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
      "(Debian, Ubuntu: sudo apt-get install libopenblas0-pthread); if it is already installed, select it with " +
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
  const convolution = (name: string, { channels, height, width }: typeof MAP, custom: boolean) => {
    const image = filled(1, channels, height, width);
    const weight = filled(channels, channels, 3, 3);
    const call = () =>
      custom ? conv3x3(image, weight, null) : convolve(image, weight, undefined, [1, 1], [1, 1]);
    const work = 2 * 9 * channels ** 2 * height * width;
    return { name, value: `3x3 convolution, ${channels} channels: ${speed(work, call, scope)}` };
  };
  return noGrad(() =>
    scope(() => {
      const [a, b] = [filled(SIDE, SIDE), filled(SIDE, SIDE)];
      return [
        { name: "speed", value: `sgemm ${SIDE}: ${speed(2 * SIDE ** 3, () => multiply(a, b), scope)}` },
        convolution("", MAP, false),
        convolution("", narrow, true),
      ];
    }),
  );
}

/** The fastest of repeated calls within 200 ms: other programs can only slow a call down. */
function speed(work: number, call: () => unknown, scope: Torch["scope"]): string {
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 200;
  do {
    const started = performance.now();
    scope(() => void call());
    best = Math.min(best, performance.now() - started);
  } while (performance.now() < end);
  return `${(work / best / 1e6).toFixed(1)} GFLOP/s`;
}
