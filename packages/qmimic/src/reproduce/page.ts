// A table as Markdown: each arm's numbers, the differences from the base with intervals, and how to reproduce
// it.

import { GRID } from "../data/drawing.js";
import type { Comparison } from "../eval/bootstrap.js";
import { kilobytes } from "../report/summary.js";
import type { ArmDifference } from "./differences.js";
import type { ArmResults, Spread, TableResults } from "./results.js";

/** @param command that reproduces it */
export function formatTable(results: TableResults, command: string): string {
  const { question, note, split, images, objects, scored, base, arms } = results;
  const seeds = Math.max(...arms.map((arm) => arm.seeds.length));
  const baseLabel = arms.find(({ name }) => name === base)?.label ?? base;
  return `# ${results.table}
${question}${note === null ? "" : ` ${note}`}

${images} images and ${objects} objects of split ${split}. COCO AP in per cent (on val: VOC's AP50), mean and standard deviation over ${seeds === 1 ? "one seed" : `${seeds} seeds`};\nthe epoch with the best AP50 on val is used. ${seen(arms)}Multiply-adds for an image with sides 4:3, rounded up to multiples of ${GRID} px.

${numbersTable(arms)}

Differences from "${baseLabel}", with 95 % intervals over seeds and images (eval/compareSeeds.ts), for match ratios\nonly over seeds. An arm with one seed, such as a teacher, is compared with that seed of "${baseLabel}", over images only, which decides nothing\nabout other seeds. ${hasTeachers(arms) ? "Teachers have only one seed, so intervals do not cover what another teacher would change. " : ""}A difference whose interval includes 0 is not significant.

${differencesTable(arms)}
${pairsTable(results)}
Each run is scored once per input size, after the runs of this table are trained; runs shared with other tables may have been scored earlier. These were\nscored ${days(scored)}. To reproduce:
\`\`\`
${command}
\`\`\`
`;
}

/** The longest sides of the inputs; by arm if they differ. */
function seen(arms: readonly ArmResults[]): string {
  const of = ({ side, trainingSide }: ArmResults): string =>
    `${side} px${side === trainingSide ? "" : ` (training: ${trainingSide} px)`}`;
  const [first, ...others] = new Set(arms.map(of));
  return others.length === 0
    ? `Inputs of ${first}. `
    : `Inputs: ${arms.map((arm) => `${arm.label} ${of(arm)}`).join(", ")}. `;
}

const hasTeachers = (arms: readonly ArmResults[]): boolean => arms.some(({ isTeacher }) => isTeacher);

const days = ({ first, last }: TableResults["scored"]): string => {
  const [from, to] = [first, last].map((time) => time.slice(0, 10));
  return from === to ? `on ${from}` : `from ${from} to ${to}`;
};

function numbersTable(arms: readonly ArmResults[]): string {
  const matched = arms.some(({ match }) => match !== null);
  const rows = arms.map((arm) => [
    arm.label,
    arm.parameters.toLocaleString("en"),
    kilobytes(arm.bytesInt8),
    (arm.multiplyAdds / 1e6).toFixed(0),
    String(arm.epochs),
    ...[arm.spread.val, arm.spread.ap50, arm.spread.ap75, arm.spread.ap].map((value) => percents(value, arm)),
    ...(matched ? [arm.match, arm.matchActive].map((value) => (value ? percents(value, arm) : "")) : []),
  ]);
  const header = [
    "",
    "parameters",
    "int8",
    "million multiply-adds",
    "epochs",
    "AP50 on val",
    "AP50",
    "AP75",
    "AP50:95",
  ];
  return markdown([[...header, ...(matched ? ["match ratio", "of nonzero entries"] : [])], ...rows]);
}

function differencesTable(arms: readonly ArmResults[]): string {
  const rows = arms.flatMap((arm) => (arm.difference === null ? [] : [{ ...arm, of: arm.label }]));
  return rows.length === 0 ? "No arm has the same seeds as the base." : differences("", rows);
}

/** Differences between arms other than the base; nothing if there are none, or only one seed. */
function pairsTable({ arms, pairs }: TableResults): string {
  const labelOf = (wanted: string) => arms.find(({ name }) => name === wanted)!.label;
  const rows = pairs.flatMap((pair) => {
    const { seeds } = arms.find(({ name }) => name === pair.arm)!;
    const of = `${labelOf(pair.arm)} minus ${labelOf(pair.comparedWith)}`;
    return pair.difference === null || seeds.length < 2 ? [] : [{ ...pair, seeds, of }];
  });
  return rows.length === 0 ? "" : `\n${differences("Between the others", rows)}\n`;
}

function differences(
  header: string,
  rows: readonly (ArmDifference & { of: string; seeds: readonly number[] })[],
): string {
  const matched = rows.some(({ matchDifference }) => matchDifference !== null);
  return markdown([
    [header, "AP50", "AP50:95", ...(matched ? ["match ratio"] : [])],
    ...rows.map(({ of, seeds, difference, matchDifference }) => {
      const aps = [difference!.ap50, difference!.ap].map((comparison) => signed(comparison, seeds.length));
      return [of, ...aps, ...(matched ? [signed(matchDifference, seeds.length)] : [])];
    }),
  ]);
}

const percents = ({ mean, deviation }: Spread, { seeds }: ArmResults): string =>
  `${(100 * mean).toFixed(1)}${seeds.length > 1 ? ` ± ${(100 * deviation).toFixed(1)}` : ""}`;

function signed(comparison: Comparison | null, seeds: number): string {
  if (comparison === null) return "";
  const { difference, interval, decided } = comparison;
  const [middle, low, high] = [difference, interval.low, interval.high].map(
    (value) => `${value >= 0 ? "+" : "-"}${Math.abs(100 * value).toFixed(1)}`,
  );
  const images = seeds === 1 ? "; images only" : "";
  return `${decided ? `**${middle}**` : middle} (${low} to ${high}${images})${decided || seeds === 1 ? "" : ", not significant"}`;
}

function markdown([header, ...rows]: string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
