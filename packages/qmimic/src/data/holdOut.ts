// Splits a set that has no splits: near-duplicates stay together, classes are stratified. Iterative
// stratification: Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, 2011, section
// 3.2.
import { copyGroups } from "./copyGroups.js";
import { createRandom, shuffled } from "./random.js";
import type { Sample } from "./types.js";

export interface DivideOptions {
  /** Fraction of the images by split; they add up to 1. */
  shares: Readonly<Record<string, number>>;
  seed: number;
  onProgress?: (done: number, total: number) => void;
}

/**
 * The split of each sample. Images that cannot be decoded are split like others; reading them reports the
 * problem. The same samples, fractions and seed give the same splits.
 */
export async function divideSamples(
  samples: readonly Sample[],
  { shares, seed, onProgress }: DivideOptions,
): Promise<string[]> {
  const paths = samples.map(({ imagePath }) => imagePath);
  const groups = await copyGroups(paths, onProgress);
  return stratify(samples, groups, shares, createRandom(`${seed}/splits`));
}

/** Exported for tests. @param groups a number for each sample, from 0; samples of one group go to one split */
export function stratify(
  samples: readonly Pick<Sample, "labels">[],
  groups: readonly number[],
  shares: Readonly<Record<string, number>>,
  random: () => number,
): string[] {
  const names = Object.keys(shares).filter((name) => shares[name] > 0);
  const members: number[][] = [];
  groups.forEach((group, i) => {
    members[group] ??= [];
    members[group].push(i);
  });
  /** Images of each label in each group; label 0 counts all images. */
  const counts = members.map((list) => countLabels(list.map((i) => samples[i])));
  const wanted = names.map((name) => {
    const perLabel = new Map<number, number>();
    for (const count of counts) {
      for (const [label, images] of count)
        perLabel.set(label, (perLabel.get(label) ?? 0) + images * shares[name]);
    }
    return perLabel;
  });
  const splitOf = new Array<number>(members.length).fill(-1);
  let left = shuffled([...members.keys()], random);
  while (left.length > 0) {
    const label = rarest(left.map((group) => counts[group]));
    for (const group of left.filter((candidate) => counts[candidate].has(label))) {
      const chosen = neediest(wanted, label);
      splitOf[group] = chosen;
      for (const [groupLabel, images] of counts[group]) {
        wanted[chosen].set(groupLabel, wanted[chosen].get(groupLabel)! - images);
      }
    }
    left = left.filter((group) => splitOf[group] < 0);
  }
  fillEmpty(splitOf, names.length);
  return groups.map((group) => names[splitOf[group]]);
}

/** A split left empty because there are few images gets one group from the largest split. */
function fillEmpty(splitOf: number[], splits: number): void {
  for (let empty = 0; empty < splits; empty++) {
    const sizes = Array.from(
      { length: splits },
      (_, split) => splitOf.filter((assigned) => assigned === split).length,
    );
    const largest = sizes.indexOf(Math.max(...sizes));
    if (sizes[empty] === 0 && sizes[largest] > 1) splitOf[splitOf.lastIndexOf(largest)] = empty;
  }
}

function countLabels(samples: readonly Pick<Sample, "labels">[]): Map<number, number> {
  const counts = new Map([[0, samples.length]]);
  for (const { labels } of samples) {
    for (const label of new Set(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

/** The label with the fewest images left; 0 if only images without objects are left. */
function rarest(counts: readonly ReadonlyMap<number, number>[]): number {
  const totals = new Map<number, number>();
  for (const count of counts) {
    for (const [label, images] of count) {
      if (label !== 0) totals.set(label, (totals.get(label) ?? 0) + images);
    }
  }
  let best = 0;
  for (const [label, images] of totals) {
    const fewest = totals.get(best) ?? Number.POSITIVE_INFINITY;
    if (images < fewest || (images === fewest && label < best)) best = label;
  }
  return best;
}

/** The split that needs the most images of the label; ties: the most images overall. */
function neediest(wanted: readonly ReadonlyMap<number, number>[], label: number): number {
  let best = 0;
  for (let i = 1; i < wanted.length; i++) {
    const more = wanted[i].get(label)! - wanted[best].get(label)!;
    if (more > 1e-9 || (Math.abs(more) <= 1e-9 && wanted[i].get(0)! > wanted[best].get(0)! + 1e-9)) best = i;
  }
  return best;
}
