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

/** The name of the one split of a set that has none. */
export const WHOLE = "all";

/** "val" of "valid", "train" of "train2017"; undefined of a name that is not usual. */
export function usualSplit(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/[_-]?(19|20)\d\d$/, "");
  return Object.hasOwn(USUAL, plain) ? USUAL[plain] : undefined;
}

/** The split that a folder of the path is named after; of several, the innermost. */
export function splitOfFolders(path: string): string | undefined {
  const folders = path.split("/").slice(0, -1);
  return folders
    .reverse()
    .map(usualSplit)
    .find((split) => split !== undefined);
}

/** The path from below the folder that names its split: "x" of "images/train/x". Other paths stay. */
export function belowSplit(path: string): string {
  const parts = path.split("/");
  for (let i = parts.length - 2; i >= 0; i--) {
    if (usualSplit(parts[i]) !== undefined) return parts.slice(i + 1).join("/");
  }
  return path;
}

/** The split in a file's name: "val" of "wider_face_val_bbx_gt.txt"; undefined when there is none. */
export function splitOfName(name: string): string | undefined {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map(usualSplit)
    .find((split) => split !== undefined);
}
