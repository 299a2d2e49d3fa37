// What a reader has to say besides samples: problems, notes, and what it left aside. All formats share this vocabulary.
import { InputError } from "../errors.js";
import type { Problem } from "./types.js";

/** Notes: nothing that is refused. The files of one note are counted together. */
export const NOTES = {
  sizeFromImage: "no size of the image in the labels; it was taken from the image",
  orientation:
    "EXIF orientation that the sides of the image do not tell: whether boxes are on the upright image cannot be verified, look at them",
  noLabels: "no labels for an image, which counts as an image without objects",
  clipped: "boxes clipped to their images",
  noArea: "boxes without area, left out",
  shapes: "shapes other than rectangles; their bounding boxes are used",
  noShape: "points and lines, which have no area; left out",
} as const;

export type NoteKind = keyof typeof NOTES;

/** Collects while labels are read. */
export interface Findings {
  problem(file: string, message: string): void;
  /** A note on a file; those of one kind become one line. */
  note(kind: NoteKind, file: string): void;
  /** Something in the labels that is not read, such as segmentation: counted for conversions. */
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

/** "a, b, c and 5 more". */
export function someOf(names: readonly string[], shown = 3): string {
  if (names.length <= shown) return names.join(", ");
  return `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
}

/** "1 image", "2 images". */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** What `read` returns; an InputError becomes a problem of the file that it names. */
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

/** For `catch`: `value` in place of what is wrong with the input, which is said elsewhere; other errors go on. */
export const unlessInput =
  <T>(value: T) =>
  (error: unknown): T => {
    if (error instanceof InputError) return value;
    throw error;
  };

/** A message that begins with the file's name, without it. */
export const withoutName = (message: string, file: string): string =>
  message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;

/** Problems printed before only their number is. */
const PROBLEMS_SHOWN = 20;

/** One text with the problems of a data set, `limit` of them in full. @param remedy a sentence after their number */
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
