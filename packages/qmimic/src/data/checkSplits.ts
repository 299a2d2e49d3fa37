// Notes of data check from comparing splits, images and class names.

import { quoted } from "../text.js";
import { type Fingerprint, groupCopies } from "./nearCopies.js";
import { counted, someOf } from "./problems.js";
import type { Dataset, Sample } from "./types.js";

/** Pairs of splits that must not share images. */
const PAIRS = [
  ["train", "val"],
  ["train", "test"],
  ["val", "test"],
  ["trainval", "test"],
] as const;

/** Training on test images makes every result too good. */
export function overlapNotes(datasets: readonly Dataset[]): string[] {
  return PAIRS.flatMap(([first, second]) => {
    const paths = new Set(samplesOf(datasets, first).map(({ imagePath }) => imagePath));
    const shared = samplesOf(datasets, second).filter(({ imagePath }) => paths.has(imagePath));
    if (shared.length === 0) return [];
    return [
      `${counted(shared.length, "image")} ${shared.length === 1 ? "is" : "are"} in ${first} and in ${second} (${someOf(shared.map(({ id }) => id))}): results would be too good.`,
    ];
  });
}

/** Different files with nearly the same content in two splits. @param prints by image path */
export function copyNotes(datasets: readonly Dataset[], prints: ReadonlyMap<string, Fingerprint>): string[] {
  const numbers = groupCopies([...prints.values()]);
  const groupOf = new Map([...prints.keys()].map((path, i) => [path, numbers[i]]));
  return PAIRS.flatMap(([first, second]) => {
    const firsts = new Map<number | undefined, Sample>();
    const paths = new Set<string>();
    for (const sample of samplesOf(datasets, first)) {
      const group = groupOf.get(sample.imagePath);
      paths.add(sample.imagePath);
      if (group !== undefined && !firsts.has(group)) firsts.set(group, sample);
    }
    const found = samplesOf(datasets, second).flatMap(({ id, imagePath }) => {
      const copy = firsts.get(groupOf.get(imagePath));
      return copy === undefined || paths.has(imagePath) ? [] : [`${id}: ${copy.id}`];
    });
    if (found.length === 0) return [];
    return [
      `${counted(found.length, "image")} of ${second} ${found.length === 1 ? "is" : "are"} nearly the same as one of ${first} (${someOf(found)}): results would be too good. Remove one of each.`,
    ];
  });
}

const samplesOf = (datasets: readonly Dataset[], name: string): Dataset["samples"] =>
  datasets.find(({ split }) => split === name)?.samples ?? [];

/** Classes that are probably the same: they differ only in case, spaces or Unicode form. */
export function nameNotes(classes: readonly string[]): string[] {
  const forms = new Map<string, string[]>();
  for (const name of classes) {
    const form = name
      .normalize("NFKC")
      .toLowerCase()
      .replace(/[\s_-]+/g, "");
    forms.set(form, [...(forms.get(form) ?? []), name]);
  }
  return [...forms.values()]
    .filter((names) => names.length > 1)
    .map(
      (names) =>
        `The classes ${names.map((name) => quoted(name)).join(" and ")} differ only in case, spaces or Unicode form. Correct the labels if they are the same class.`,
    );
}
