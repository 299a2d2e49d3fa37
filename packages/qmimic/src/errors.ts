// Errors that are the user's to mend, and the "did you mean" that goes with them.
import { AddonError } from "@qmimic/torch/setup";
import { distance } from "fastest-levenshtein";
import { ZodError } from "zod";
import { quoted, shortened } from "./text.js";

/**
 * The input (a file, a flag, a setting) is wrong. The message is complete: what is wrong, where, the value found,
 * what was expected and what to do. The command line prints the message alone and exits with status 1.
 */
export class InputError extends Error {
  override name = "InputError";
}

/** What an error says, on one line: of a value that does not fit its schema, each place and what is wrong there. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof ZodError)) return (error as Error).message;
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${shortened(path.join("."))}: ${message}`))
    .join("; ");
}

/** Whether an error is the operating system's, not the program's. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false;
  const { errno, code } = error as NodeJS.ErrnoException;
  return typeof errno === "number" && typeof code === "string";
}

/** What to do about errors of the operating system, by their code. */
const REMEDIES: Record<string, string> = {
  ENOSPC: "The disk is full. Make room on it",
  EDQUOT: "The quota of the disk is used up. Make room on it",
  EFBIG:
    "The file would be larger than the limit (ulimit -f) or the file system allows. Raise it, or use another disk",
  EMFILE: "Too many files are open. Raise the limit (ulimit -n)",
  ENFILE: "Too many files are open on this machine. Close programs",
  EIO: "The disk or its connection failed. Check it, or use another",
  ESTALE: "The network's file system has lost the file. Mount it again, or use a local disk",
  EROFS: "The disk can only be read. Use another place",
};

const NO_MEMORY =
  "There is not enough memory. Lower batch, side, memory or the width of the network, or close other programs";

/**
 * What is said of an error that is not the program's fault, with what to do; undefined for any other.
 * @returns without a full stop at the end
 */
export function explain(error: unknown): string | undefined {
  if (error instanceof InputError || error instanceof AddonError) return error.message;
  if (isOutOfMemory(error)) return `${error.message}. ${NO_MEMORY}`;
  if (!isSystemError(error)) return undefined;
  const remedy = REMEDIES[error.code ?? ""];
  return remedy === undefined ? error.message : `${error.message}. ${remedy}`;
}

/** Whether memory for an array or a tensor could not be had: V8's, Node's, libtorch's and C++'s ways to say so. */
export function isOutOfMemory(error: unknown): error is Error {
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

/** Letters of a name that is compared. */
const MAX_COMPARED = 200;

/**
 * The candidate closest to `name` in edit distance (case ignored), or undefined when none is close: more than
 * a third of the longer name's letters (at least 2) would have to change.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  // What takes minutes to compare is not a typo.
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

/** ` Did you mean "x"?` (with a leading blank), or an empty string when nothing is close. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const best = nearest(name, candidates);
  return best === undefined ? "" : ` Did you mean ${quoted(best)}?`;
}
