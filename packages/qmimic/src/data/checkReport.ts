// The report of data check as plain text.
import { textTable } from "../text.js";
import type { DatasetReport, SplitReport } from "./check.js";
import { counted } from "./problems.js";
import type { Quantiles } from "./quantiles.js";
import { FORMAT_NAMES } from "./readers/types.js";

/** The report as text: tables of numbers, then notes, then every problem with its file. */
export function formatReport(report: DatasetReport): string {
  const { root, format, layout, splits, classes, notes, problems, ok } = report;
  const sections = [
    `${root}: ${FORMAT_NAMES[format]}, ${layout}`,
    textTable([
      ["split", "images", "empty", "boxes", "difficult"],
      ...splits.map(({ name, images, emptyImages, boxes, difficult }) => [
        name,
        ...[images, emptyImages, boxes, difficult].map(String),
      ]),
    ]),
  ];
  if (classes.length > 0) {
    sections.push(
      textTable([
        ["number and class", ...splits.map(({ name }) => name)],
        ...classes.map((name, i) => [
          `${i + 1}  ${name}`,
          ...splits.map(({ classCounts }) => String(classCounts[name])),
        ]),
      ]),
    );
  }
  const filled = splits.filter(({ images }) => images > 0);
  const measure = (title: string, digits: number, get: (split: SplitReport) => Quantiles | null): string =>
    textTable([
      [title, "min", "10%", "median", "90%", "max"],
      ...filled.map((split) => [split.name, ...quantileCells(get(split), digits)]),
    ]);
  if (filled.length > 0) {
    sections.push(
      measure("box size, sqrt(area), px", 1, ({ boxSize }) => boxSize),
      measure("box size / longest side", 3, ({ boxSizeRelative }) => boxSizeRelative),
      measure("box width / height", 2, ({ boxAspect }) => boxAspect),
      measure("image longest side, px", 0, ({ imageSide }) => imageSide),
      measure("image width / height", 2, ({ imageAspect }) => imageAspect),
    );
  }
  if (notes.length > 0) sections.push(`notes\n${notes.map((note) => `  ${note}`).join("\n")}`);
  sections.push(
    ok
      ? "no problems"
      : `${counted(problems.length, "problem")}\n${problems
          .map(({ file, message }) => `  ${file}: ${message}`)
          .join("\n")}`,
  );
  return sections.join("\n\n");
}

function quantileCells(values: Quantiles | null, digits: number): string[] {
  if (values === null) return ["-", "-", "-", "-", "-"];
  return [values.min, values.q10, values.median, values.q90, values.max].map((value) =>
    value.toFixed(digits),
  );
}
