// The usual folders of layouts: the depth of labels in a folder, and ids, without them.
import { stemOf } from "../endings.js";
import { belowSplit, usualSplit } from "../splitNames.js";

/** Usual folder names, in lower case. */
export const LABEL_FOLDERS = new Set(
  "annotations annotation labels label xml xmls json jsons ann anns".split(" "),
);
export const IMAGE_FOLDERS = new Set(
  "jpegimages images image imgs img jpg jpgs photos obj_train_data obj_valid_data obj_test_data".split(" "),
);
/** Folders with images that are not photographs: masks of VOC, and of others. */
export const MASK_FOLDERS = new Set(
  "segmentationclass segmentationobject segmentationclassaug masks mask depth".split(" "),
);
const OTHER_FOLDERS = new Set(["imagesets", "main", "wider_face_split"]);

/** The id of a file: its path below its split, without its extension and the folders with these names. */
export function idWithout(folders: ReadonlySet<string>, path: string): string {
  const parts = stemOf(belowSplit(path)).split("/");
  return parts.filter((part, i) => i === parts.length - 1 || !folders.has(part.toLowerCase())).join("/");
}

/** The minimum depth of the files, not counting folders of labels, images, lists and splits. */
export function depthOf(paths: readonly string[]): number {
  let min = Number.POSITIVE_INFINITY;
  for (const path of paths) {
    const folders = path.split("/").slice(0, -1);
    const counted = folders.filter((name) => {
      const lower = name.toLowerCase();
      return (
        ![LABEL_FOLDERS, IMAGE_FOLDERS, OTHER_FOLDERS].some((set) => set.has(lower)) && !usualSplit(name)
      );
    });
    min = Math.min(min, counted.length);
  }
  return min;
}
