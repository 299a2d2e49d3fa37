// Splits that `qmimic data split` wrote next to labels of any format: splits/<name>.txt, one image id per line.
import { relative, sep } from "node:path";
import { listed, quoted } from "../text.js";
import { stemOf } from "./endings.js";
import { type FolderTree, folderOf, nameOf } from "./folderTree.js";
import { createFindings, type Findings } from "./problems.js";
import type { LabelledImage, LabelSource } from "./readers/types.js";
import { readText, splitLines } from "./text.js";

export const SPLITS_FOLDER = "splits";

/** The source with the splits of the folder `splits`, if it has such lists; else unchanged. */
export async function withWrittenSplits(tree: FolderTree, source: LabelSource): Promise<LabelSource> {
  const paths = tree.files.filter(
    (path) => folderOf(path) === SPLITS_FOLDER && path.endsWith(".txt") && !source.ownFiles.includes(path),
  );
  if (paths.length === 0) return source;
  if (source.splits.length !== 1) {
    const note = `The lists in ${SPLITS_FOLDER}/ are not used: the labels have splits of their own (${listed(source.splits)}). Remove the ones that are wrong.`;
    return { ...source, notes: [...source.notes, note] };
  }
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
    isSplitByLists: true,
    ownFiles: [...source.ownFiles, ...paths],
    read: async (split, findings) => {
      const ids = new Set(lists.get(split));
      const { own, forward } = onlyOf(ids, tree, findings);
      const images = new Map((await source.read(whole, own)).map((image) => [image.id, image]));
      forward(images.values());
      const path = tree.absolute(`${SPLITS_FOLDER}/${split}.txt`);
      return [...ids].flatMap((id) => {
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

/** Collects the findings of a whole set, to forward only those of some of its images. */
function onlyOf(ids: ReadonlySet<string>, tree: FolderTree, findings: Findings) {
  const own = createFindings();
  return {
    own: {
      ...own,
      // Notes and counts say how many there are in the set, as before it was split.
      note: findings.note,
      unread: findings.unread,
    },
    forward(images: Iterable<LabelledImage>): void {
      const labels = new Set<string>();
      for (const image of images) if (ids.has(image.id)) labels.add(tree.absolute(image.labels));
      for (const { file, message } of own.problems)
        if (
          labels.has(file) ||
          suffixesOf(stemOf(relative(tree.absolute(""), file))).some((id) => ids.has(id))
        )
          findings.problem(file, message);
    },
  };
}

/** "a/b/c", "b/c", "c": labels with a problem may have no image, but their file has its name. */
function suffixesOf(path: string): string[] {
  const parts = path.split(sep);
  return parts.map((_, i) => parts.slice(i).join("/"));
}
