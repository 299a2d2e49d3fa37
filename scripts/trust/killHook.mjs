// Loaded before the program (node --import): kills it (SIGKILL) in the middle of one of its writes, or counts them.
// KILL_AT_WRITE: { kinds: { name: regular expression of paths }, kind, at, part }, or { kinds, count: FILE }.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { kinds, kind, at, part, count } = JSON.parse(process.env.KILL_AT_WRITE);
const patterns = Object.entries(kinds).map(([name, text]) => [name, new RegExp(text)]);
const seen = Object.fromEntries(patterns.map(([name]) => [name, 0]));
const paths = new Map();

/** Counts this write to `path`. @returns whether to kill the program at this one */
function isDue(path) {
  const found = patterns.find(([, pattern]) => pattern.test(String(path)))?.[0];
  if (found === undefined) return false;
  seen[found]++;
  return found === kind && seen[found] === at;
}

const die = () => process.kill(process.pid, "SIGKILL");
const { openSync, writeSync, renameSync, writeFileSync } = fs;
const { writeFile, rename } = fs.promises;

fs.openSync = (path, ...others) => {
  const file = openSync(path, ...others);
  paths.set(file, path);
  return file;
};
fs.writeSync = (file, data, ...others) => {
  if (isDue(paths.get(file))) {
    const [offset = 0, length = data.length - offset, ...position] = others;
    writeSync(file, data, offset, Math.floor(length * part), ...position);
    die();
  }
  return writeSync(file, data, ...others);
};
/** Kills the program before or after renaming. */
const renamed = (from, to) => {
  if (!isDue(to)) return;
  if (part > 0.5) renameSync(from, to);
  die();
};
fs.renameSync = (from, to) => {
  renamed(from, to);
  renameSync(from, to);
};
fs.promises.rename = async (from, to) => {
  renamed(from, to);
  await rename(from, to);
};
fs.promises.writeFile = async (path, data, ...others) => {
  if (isDue(path)) {
    const bytes = Buffer.from(data);
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * part)));
    die();
  }
  await writeFile(path, data, ...others);
};
syncBuiltinESMExports();

if (count !== undefined) process.on("exit", () => writeFileSync(count, JSON.stringify(seen)));
