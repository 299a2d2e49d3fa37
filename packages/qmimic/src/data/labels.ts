// Checks the labels of a split: sizes against images, boxes against sizes. Problems go to the findings.

import { hasControls, quoted } from "../text.js";
import { checkBox, type ImageSize } from "./boxes.js";
import { mapConcurrent } from "./concurrent.js";
import { stemOf } from "./endings.js";
import type { FolderTree } from "./folderTree.js";
import { toPixels } from "./fractions.js";
import { readImageHeader, sizeMismatch, unusableSize } from "./images.js";
import { attempt, createFindings, type Findings, type NoteKind } from "./problems.js";
import { nearMiss } from "./readers/findImage.js";
import type { LabelledImage, LabelledObject, LabelSource } from "./readers/types.js";

export interface LabelSettings {
  /** Whether images are needed; if not, missing ones are not a problem and sizes come from the labels. */
  images: boolean;
  /** Whether to read every image's header, rather than only if the labels do not state the size. */
  headers: boolean;
  /** Also clip boxes that exceed their image by more than 1 px. */
  clip: boolean;
}

/** An image with checked labels. Boxes are in pixels. */
export interface CheckedImage extends LabelledImage {
  size: ImageSize;
}

export interface CheckedLabels {
  images: readonly CheckedImage[];
  /** Class names of all objects, including unusable ones. */
  names: readonly string[];
  /** Whether something could not be read: then there may be more classes. */
  incomplete: boolean;
  /** Files read for it and images it refers to, relative to the root. */
  files: readonly string[];
  findings: Findings;
}

const HEADERS_IN_FLIGHT = 16;

/** Reads and checks a split of `source`. @param split one of the source's splits */
export async function checkLabels(
  tree: FolderTree,
  source: LabelSource,
  split: string,
  settings: LabelSettings,
): Promise<CheckedLabels> {
  const findings = createFindings();
  const all = withReadableIds(tree, await source.read(split, findings), findings);
  const incomplete = findings.problems.length > 0;
  if (settings.images) reportMissing(tree, all, findings);
  const read = withoutRepeated(tree, all, findings);
  const sizes = await mapConcurrent(read, HEADERS_IN_FLIGHT, (item) => sizeOf(tree, item, settings));
  const images = read.flatMap((item, i): CheckedImage[] => {
    const found = sizes[i];
    if (found === undefined) return [];
    if ("problem" in found) {
      findings.problem(found.file, found.problem);
      return [];
    }
    if (found.note !== undefined) findings.note(found.note, item.image ?? item.labels);
    if (item.size === undefined && source.sizes !== "none") findings.note("sizeFromImage", item.labels);
    const sized = { ...item, size: found.size };
    return [{ ...sized, objects: checkObjects(tree, sized, settings.clip, findings) }];
  });
  const names = new Set<string>();
  for (const { objects } of all) for (const { name } of objects) if (!hasControls(name)) names.add(name);
  const files = all.flatMap(({ image, labels }) => (image === undefined ? [labels] : [image, labels]));
  return { images, names: [...names], incomplete, files, findings };
}

/** Ids are printed, and used as paths of files to write: no control characters, nothing outside the folder. */
const withReadableIds = (
  tree: FolderTree,
  read: readonly LabelledImage[],
  findings: Findings,
): LabelledImage[] =>
  read.filter(({ id, labels }) => {
    const leaves = id.split("/").some((part) => part === ".." || part === "");
    if (!hasControls(id) && !leaves) return true;
    const what = leaves ? "is not a path in the folder" : "has control characters";
    const message = `the image's name ${quoted(id)} ${what}. Rename the image, and correct the labels.`;
    findings.problem(tree.absolute(labels), message);
    return false;
  });

function reportMissing(tree: FolderTree, read: readonly LabelledImage[], findings: Findings): void {
  const missing = read.filter(({ image }) => image === undefined);
  const named = missing.filter(
    ({ expected, problem }) => problem !== undefined || nearMiss(tree, stemOf(expected)),
  );
  if (missing.length > 1 && missing.length === read.length && named.length === 0) {
    findings.problem(
      tree.absolute(missing[0].expected),
      `all ${missing.length} images of the split are missing, such as this one. Add the images, or choose the folder that also contains them.`,
    );
    return;
  }
  for (const { labels, expected, problem } of missing) {
    const near = nearMiss(tree, stemOf(expected));
    const remedy = near === "" ? " Add it, or remove its labels from the split." : near;
    findings.problem(
      tree.absolute(expected),
      problem ?? `the image of ${tree.absolute(labels)} is missing.${remedy}`,
    );
  }
}

/**
 * Evaluation and reports identify images by id: if two images share an id, or two labels an image, the second
 * is a problem.
 */
function withoutRepeated(
  tree: FolderTree,
  read: readonly LabelledImage[],
  findings: Findings,
): LabelledImage[] {
  const byId = new Map<string, LabelledImage>();
  const byImage = new Map<string, LabelledImage>();
  return read.filter((item) => {
    const sameId = byId.get(item.id);
    const sameImage = item.image === undefined ? undefined : byImage.get(item.image);
    if (sameId !== undefined) {
      findings.problem(
        tree.absolute(item.image ?? item.labels),
        `the id ${quoted(item.id)} is also used by ${sameId.image ?? sameId.labels}. Remove or rename one of them.`,
      );
    } else if (sameImage !== undefined) {
      findings.problem(
        tree.absolute(item.labels),
        `its image ${item.image} also belongs to ${quoted(sameImage.id)} in ${sameImage.labels}. Remove one of them.`,
      );
    }
    byId.set(item.id, item);
    if (item.image !== undefined) byImage.set(item.image, item);
    return sameId === undefined && sameImage === undefined;
  });
}

type FoundSize = { size: ImageSize; note?: NoteKind } | { file: string; problem: string } | undefined;

async function sizeOf(
  tree: FolderTree,
  { image, size, labels }: LabelledImage,
  { images, headers }: LabelSettings,
): Promise<FoundSize> {
  if (size !== undefined && (!headers || image === undefined)) {
    return images && image === undefined ? undefined : { size };
  }
  if (image === undefined) {
    if (images) return undefined;
    return {
      file: tree.absolute(labels),
      problem: "the image size is not given, and the image is missing. Add one of them.",
    };
  }
  const file = tree.absolute(image);
  let unreadable = "";
  const header = await attempt(
    file,
    (_, message) => {
      unreadable = message;
    },
    () => readImageHeader(file),
  );
  if (header === undefined) return { file, problem: unreadable };
  const { orientation, ...actual } = header;
  const problem =
    unusableSize(actual) ??
    (size === undefined ? undefined : sizeMismatch(size, actual, tree.absolute(labels)));
  if (problem !== undefined) return { file, problem };
  const sidesTell = size !== undefined && orientation >= 5 && actual.width !== actual.height;
  return { size: actual, ...(orientation === 1 || sidesTell ? {} : { note: "orientation" }) };
}

function checkObjects(
  tree: FolderTree,
  { objects, labels, relative, size }: CheckedImage,
  clip: boolean,
  findings: Findings,
): LabelledObject[] {
  return objects.flatMap((object) => {
    if (hasControls(object.name)) {
      findings.problem(
        tree.absolute(labels),
        `${object.at}: the class ${quoted(object.name)} has control characters in its name. Correct it.`,
      );
      return [];
    }
    const written = relative ? toPixels(object.box, size) : object.box;
    const checked = checkBox(written, object.name, size, clip);
    if (typeof checked === "string") {
      findings.problem(tree.absolute(labels), `${object.at}: ${checked}`);
      return [];
    }
    if (checked.clipped) findings.note("clipped", labels);
    return [{ ...object, box: checked.box }];
  });
}
