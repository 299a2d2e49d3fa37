// How deep in a folder labels lie, leaving out the folders that every layout has.
import { usualSplit } from "../splitNames.js";

/** Usual names of folders, in lower case. */
export const LABEL_FOLDERS = new Set(
  "annotations annotation labels label xml xmls json jsons ann anns".split(" "),
);
export const IMAGE_FOLDERS = new Set(
  "jpegimages images image imgs img jpg jpgs photos obj_train_data obj_valid_data obj_test_data".split(" "),
);
const OTHER_FOLDERS = new Set(["imagesets", "main", "wider_face_split"]);

/** The least number of folders above any of the files, not counting those of labels, images, lists and splits. */
export function depthOf(paths: readonly string[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const path of paths) {
    const folders = path.split("/").slice(0, -1);
    const counted = folders.filter((name) => {
      const lower = name.toLowerCase();
      return (
        ![LABEL_FOLDERS, IMAGE_FOLDERS, OTHER_FOLDERS].some((set) => set.has(lower)) && !usualSplit(name)
      );
    });
    least = Math.min(least, counted.length);
  }
  return least;
}
