// Findings of data check that compare splits, images and names with each other.
import { type Fingerprint, nearCopies } from "./nearCopies.js";
import { counted, someOf } from "./problems.js";
import type { Dataset } from "./types.js";

/** Splits of which the second must not show what the first has. */
const PAIRS = [
  ["train", "val"],
  ["train", "test"],
  ["val", "test"],
  ["trainval", "test"],
] as const;

/** An image of the test split that was trained on makes every result too good. */
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

/** Different files of nearly the same content in two splits. @param prints by the image's path */
export function copyNotes(datasets: readonly Dataset[], prints: ReadonlyMap<string, Fingerprint>): string[] {
  const paths = [...prints.keys()];
  const pairs = nearCopies([...prints.values()]).map(([a, b]) => [paths[a], paths[b]]);
  if (pairs.length === 0) return [];
  return PAIRS.flatMap(([first, second]) => {
    const [firsts, seconds] = [first, second].map(
      (split) => new Map(samplesOf(datasets, split).map(({ imagePath, id }) => [imagePath, id])),
    );
    const found = pairs.flatMap(([a, b]) => {
      const [one, other] = firsts.has(a) && seconds.has(b) ? [a, b] : [b, a];
      return firsts.has(one) && seconds.has(other) ? [`${firsts.get(one)} and ${seconds.get(other)}`] : [];
    });
    if (found.length === 0) return [];
    return [
      `${counted(found.length, "pair")} of near copies in ${first} and ${second} (${someOf(found)}): results would be too good. Leave out one of each pair.`,
    ];
  });
}

const samplesOf = (datasets: readonly Dataset[], name: string): Dataset["samples"] =>
  datasets.find(({ split }) => split === name)?.samples ?? [];

/** Classes that were probably meant as one: they differ in case, blanks or Unicode form alone. */
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
        `The classes ${names.map((name) => JSON.stringify(name)).join(" and ")} differ in case, blanks or Unicode form alone. Correct the labels where they are one class.`,
    );
}
