// Splits by their usual names, in lists, files and folders.

const USUAL: Readonly<Record<string, string>> = {
  train: "train",
  training: "train",
  trn: "train",
  val: "val",
  valid: "val",
  validation: "val",
  dev: "val",
  test: "test",
  testing: "test",
  trainval: "trainval",
};

/** Internal name for the whole of a set without splits. */
export const WHOLE = "all";

/** "val" for "valid", "train" for "train2017"; undefined for an unusual name. */
export function usualSplit(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/[_-]?(19|20)\d\d$/, "");
  return Object.hasOwn(USUAL, plain) ? USUAL[plain] : undefined;
}

/** The split named by a folder in the path; the innermost if there are several. */
export function splitOfFolders(path: string): string | undefined {
  const folders = path.split("/").slice(0, -1);
  return folders
    .reverse()
    .map(usualSplit)
    .find((split) => split !== undefined);
}

/** The path below the folder that names its split: "x" for "images/train/x". Other paths are unchanged. */
export function belowSplit(path: string): string {
  const parts = path.split("/");
  for (let i = parts.length - 2; i >= 0; i--) {
    if (usualSplit(parts[i]) !== undefined) return parts.slice(i + 1).join("/");
  }
  return path;
}

/** The split in a file's name: "val" for "wider_face_val_bbx_gt.txt"; undefined if there is none. */
export function splitOfName(name: string): string | undefined {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map(usualSplit)
    .find((split) => split !== undefined);
}
