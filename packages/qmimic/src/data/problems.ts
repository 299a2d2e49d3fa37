// A reader's findings besides samples: problems, notes, and unread parts. Shared by all formats.
import { InputError } from "../errors.js";
import { listed } from "../text.js";
import type { Problem } from "./types.js";

/** Notes: not errors. The files of a note are counted together. */
const NOTES = {
  sizeFromImage: "labels without an image size; it was read from the image",
  orientation:
    "images with an EXIF orientation that keeps their sides: whether boxes refer to the upright image cannot be verified, check them visually",
  noLabels: "images without labels, treated as images without objects",
  clipped: "boxes clipped to their images",
  noArea: "boxes without area, skipped",
  shapes: "shapes other than rectangles; their bounding boxes are used",
  united: "shapes united with another one of the same label and group_id",
  noShape: "points and lines, which have no area; skipped",
} as const;

export type NoteKind = keyof typeof NOTES;

/** Collects findings while labels are read. */
export interface Findings {
  problem(file: string, message: string): void;
  /** Adds a note on a file; notes of one kind become one line. */
  note(kind: NoteKind, file: string): void;
  /** Counts something in the labels that is not read, such as segmentation; conversions report it as lost. */
  unread(what: string, count?: number): void;
  readonly problems: readonly Problem[];
  notes(): string[];
  readonly unreadCounts: ReadonlyMap<string, number>;
}

export function createFindings(): Findings {
  const problems: Problem[] = [];
  const files = new Map<NoteKind, string[]>();
  const unreadCounts = new Map<string, number>();
  return {
    problems,
    unreadCounts,
    problem: (file, message) => problems.push({ file, message }),
    note: (kind, file) => {
      const list = files.get(kind);
      if (list) list.push(file);
      else files.set(kind, [file]);
    },
    unread: (what, count = 1) => unreadCounts.set(what, (unreadCounts.get(what) ?? 0) + count),
    notes: () =>
      [...files].map(([kind, list]) => `${NOTES[kind]}: ${list.length} (${someOf([...new Set(list)])})`),
  };
}

/** Characters of a path that are shown: paths end in what tells them apart. */
const MAX_PATH_SHOWN = 300;

/** "a, b, c and 5 more". */
export const someOf = (names: readonly string[]): string => listed(names, 3, MAX_PATH_SHOWN);

/** "1 image", "2 images". */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** Runs `read`; an InputError becomes a problem of the file that it names. */
export async function attempt<T>(
  file: string,
  problem: (file: string, message: string) => void,
  read: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    problem(file, withoutName(error.message, file));
    return undefined;
  }
}

/** For `catch`: returns `value` for an InputError, which is reported elsewhere; rethrows other errors. */
export const unlessInput =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof InputError) return value;
    throw error;
  };

/** Removes the file name from the start of a message. */
export const withoutName = (message: string, file: string): string =>
  message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;

/** Maximum problems printed in full. */
const PROBLEMS_SHOWN = 20;

/** One text with the problems of a data set, `limit` of them in full. @param remedy sentence after the count */
export function describeProblems(
  what: string,
  problems: readonly Problem[],
  { limit = PROBLEMS_SHOWN, remedy = "" } = {},
): string {
  const lines = problems.slice(0, limit).map(({ file, message }) => `  ${file}: ${message}`);
  if (problems.length > limit) lines.push(`  and ${problems.length - limit} more`);
  return `${what}: ${counted(problems.length, "problem")} in the data. ${remedy}`
    .trimEnd()
    .concat("\n", lines.join("\n"));
}
