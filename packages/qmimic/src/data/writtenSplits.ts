// Splits that `qmimic data split` wrote next to labels of any format: splits/<name>.txt, one image id per line.

import { quoted } from "../text.js";
import { stemOf } from "./endings.js";
import { type FolderTree, folderOf, nameOf } from "./folderTree.js";
import type { LabelSource } from "./readers/types.js";
import { readText, splitLines } from "./text.js";

export const SPLITS_FOLDER = "splits";

/** The source with the splits of the folder `splits`, if it has such lists; else unchanged. */
export async function withWrittenSplits(tree: FolderTree, source: LabelSource): Promise<LabelSource> {
  const paths = tree.files.filter((path) => folderOf(path) === SPLITS_FOLDER && path.endsWith(".txt"));
  if (paths.length === 0 || source.splits.length !== 1) return source;
  const lists = new Map<string, string[]>();
  for (const path of paths) {
    const lines = splitLines(await readText(tree.absolute(path)));
    lists.set(
      stemOf(nameOf(path)),
      lines.filter((line) => line !== ""),
    );
  }
  const [whole] = source.splits;
  return {
    ...source,
    layout: `${source.layout}, split by ${SPLITS_FOLDER}/`,
    splits: [...lists.keys()].sort(),
    ownFiles: [...source.ownFiles, ...paths],
    read: async (split, findings) => {
      const images = new Map((await source.read(whole, findings)).map((image) => [image.id, image]));
      const path = tree.absolute(`${SPLITS_FOLDER}/${split}.txt`);
      return (lists.get(split) ?? []).flatMap((id) => {
        const image = images.get(id);
        if (image === undefined)
          findings.problem(
            path,
            `${quoted(id)} is not an image of the set. Remove the line, or split again.`,
          );
        return image ?? [];
      });
    },
  };
}
