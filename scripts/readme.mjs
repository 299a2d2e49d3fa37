// npm run readme: runs the commands of the READMEs as they are written, those of the repository in a new clone of what is
// committed, those of qmimic's package in an empty folder with the packed packages. The photographs are generated, and
// there are only a few. Takes about 6 minutes on two cores; --all adds npm run demo and npm test.
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { all: { type: "boolean", default: false } } });
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const place = mkdtempSync(join(tmpdir(), "qmimic-readme-"));
const clone = join(place, "clone");
const project = join(place, "project");

/** The lines of the code blocks that consist of npm and npx commands. */
function commandsOf(readme) {
  // All blocks, so that the end of one in another language is not taken for the start of a block.
  const blocks = [...readFileSync(readme, "utf8").matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, language]) => language === "" || language === "sh")
    .map(([, , code]) => code.trim().split("\n"));
  return blocks.filter((lines) => lines.every((line) => /^np[mx] /.test(line))).flat();
}

/** Runs a line in bash. @throws Error with the end of its output if it fails */
function run(line, cwd) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync("bash", ["-c", line], {
    cwd,
    encoding: "utf8",
    maxBuffer: 1e9,
    env: { ...process.env, NO_COLOR: "1" },
  });
  console.log(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${line}`);
  if (status !== 0) throw new Error(`${line}\nended with ${status}:\n${(stdout + stderr).slice(-2000)}`);
}

function expectFiles(folder, ...files) {
  for (const file of files)
    if (!existsSync(join(folder, file))) throw new Error(`${join(folder, file)} is missing`);
}

/** Generates photographs in place of the reader's own. */
function generatePhotos(cwd) {
  run("npx qmimic data demo photos --train 12 --val 6 --test 6", cwd);
  const images = join(cwd, "photos/JPEGImages");
  mkdirSync(join(cwd, "holiday"));
  for (const name of readdirSync(images).slice(-4)) cpSync(join(images, name), join(cwd, "holiday", name));
}

function repository() {
  console.log("README.md, in a new clone");
  execFileSync("git", ["clone", "--quiet", root, clone]);
  run("npm run setup", clone);
  generatePhotos(clone);
  const long = ["npm run demo", "npm test"];
  for (const line of commandsOf(join(clone, "README.md")))
    if (values.all || !long.includes(line)) run(line, clone);
  const exported = ["detector.int8.safetensors", "detector.int8.html"].map((name) => `export/${name}`);
  expectFiles(join(clone, "runs/first"), "student/weights/best.safetensors", "report.html", ...exported);
  const stages = ["teacher", "quantized-teacher", "student"].flatMap((stage) => [
    `${stage}/results.csv`,
    `${stage}/weights/best.safetensors`,
  ]);
  const files = ["report.html", "recipe.yaml", "metrics.json", "pictures", ...stages, ...exported];
  expectFiles(join(clone, "runs/quantization-mimic-vgg-1-32"), ...files);
}

function packed() {
  console.log("packages/qmimic/README.md, with packed packages in an empty folder");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const packages = ["torch", "runtime", "qmimic"].map((name) => join(clone, "packages", name));
  for (const name of packages) run(`npm pack ${name} --silent`, project);
  for (const line of commandsOf(join(clone, "packages/qmimic/README.md")))
    run(line === "npm install qmimic" ? "npm install --no-audit --no-fund ./*.tgz" : line, project);
  expectFiles(join(project, "runs/quick/export"), "detector.int8.safetensors", "detector.int8.html");
}

try {
  repository();
  packed();
  console.log("all commands of the READMEs succeeded");
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(place, { recursive: true, force: true });
}
