// Which number a class has, and how many objects there are of it: printed wherever data is read.
import type { Sample } from "../data/types.js";
import { textTable } from "./table.js";

/** What is counted of a Dataset. */
interface Counted {
  split: string;
  classes: readonly string[];
  samples: readonly Pick<Sample, "labels">[];
}

/** A table of number, name, and objects of each split (difficult ones among them). */
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
