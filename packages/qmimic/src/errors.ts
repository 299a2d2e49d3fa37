// Errors that the user can fix, and "did you mean" suggestions.
import { ModelError, PictureError } from "@qmimic/runtime";
import { AddonError, IsaError } from "@qmimic/torch/setup";
import { distance } from "fastest-levenshtein";
import { ZodError } from "zod";
import { quoted, shortened } from "./text.js";

/**
 * Invalid input: a file, a flag or a setting. The message is complete: what is wrong, where, the value found,
 * the value expected, and what to do. The command line prints only the message and exits with code 1.
 */
export class InputError extends Error {
  override name = "InputError";
}

/** An error's message on one line; for a schema error, each path with its problem. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ZodError)) return (error as Error).message;
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${shortened(path.join("."))}: ${message}`))
    .join("; ");
}

const isRuntimeError = (error: unknown): error is Error =>
  error instanceof ModelError || error instanceof PictureError;

/** An error of @qmimic/runtime as an InputError that names the file; any other error as it is. */
export const inFile = (file: string, error: unknown): unknown =>
  isRuntimeError(error) ? new InputError(`${file}: ${error.message}`) : error;

/** Whether an error comes from the operating system. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { errno, code } = error as NodeJS.ErrnoException;
  return typeof errno === "number" && typeof code === "string";
}

/** What to do about operating system errors, by code. */
const REMEDIES: Record<string, string> = {
  ENOSPC: "The disk is full. Free some space",
  EDQUOT: "The disk quota is exceeded. Free some space",
  EFBIG:
    "The file would exceed the size limit (ulimit -f) or that of the file system. Raise the limit, or use another disk",
  EMFILE: "Too many files are open. Raise the limit (ulimit -n)",
  ENFILE: "Too many files are open on this machine. Close some programs",
  EIO: "The disk or its connection failed. Check it, or use another disk",
  ESTALE: "The network file system has lost the file. Remount it, or use a local disk",
  EROFS: "The file system is read-only. Use another folder",
};

const NO_MEMORY =
  "Not enough memory. Lower batch, side, memory or the network's width, or close other programs";

/**
 * The message for an error that is not a bug, with what to do; undefined for any other error.
 * @returns text without a final full stop
 */
export function explain(error: unknown): string | undefined {
  const isOurs = [InputError, AddonError, IsaError].some((kind) => error instanceof kind);
  if (error instanceof Error && (isOurs || isRuntimeError(error))) return error.message;
  if (isOutOfMemory(error)) return `${error.message}. ${NO_MEMORY}`;
  if (!isSystemError(error)) return undefined;
  const remedy = REMEDIES[error.code ?? ""];
  return remedy === undefined ? error.message : `${error.message}. ${remedy}`;
}

/** Whether allocating an array or a tensor failed, as reported by V8, Node, libtorch or C++. */
function isOutOfMemory(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === "ENOMEM" ||
    code === "ERR_MEMORY_ALLOCATION_FAILED" ||
    /out of memory|bad_alloc|larger than max_size|Array buffer allocation failed|Invalid (typed )?array length(?!: -)/i.test(
      error.message,
    )
  );
}

/** Longer names are not compared. */
const MAX_COMPARED = 200;

/**
 * The candidate closest to `name` in edit distance (case ignored), or undefined if none is close: more than a
 * third of the longer name's letters (at least 2) would have to change.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  // Comparing very long names takes minutes, and they are not typos.
  if (name.length > MAX_COMPARED) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length > MAX_COMPARED) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    const limit = Math.max(2, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (edits <= limit && edits < bestDistance && edits < candidate.length) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}

/** ` Did you mean "x"?` (with a leading space), or an empty string if nothing is close. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const best = nearest(name, candidates);
  return best === undefined ? "" : ` Did you mean ${quoted(best)}?`;
}
