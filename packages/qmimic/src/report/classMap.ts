// The table of classes with their numbers and object counts, printed whenever data is read.
import type { Sample } from "../data/types.js";
import { textTable } from "../text.js";

/** The parts of a Dataset that are counted. */
interface Counted {
  split: string;
  classes: readonly string[];
  samples: readonly Pick<Sample, "labels">[];
}

/** A table with number, name, and objects per split (including difficult ones). */
export function classMap(datasets: readonly Counted[]): string {
  const [{ classes }] = datasets;
  const counts = datasets.map(({ samples }) => {
    const objects = new Array<number>(classes.length).fill(0);
    for (const { labels } of samples) for (const label of labels) objects[label - 1]++;
    return objects;
  });
  return textTable([
    ["number and class", ...datasets.map(({ split }) => split)],
    ...classes.map((name, i) => [`${i + 1}  ${name}`, ...counts.map((objects) => String(objects[i]))]),
  ]);
}
