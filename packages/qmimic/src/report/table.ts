// Text tables.

/** A fraction as per cent with one decimal, "-" if missing. */
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : (100 * value).toFixed(1);

/** Columns two spaces apart: the first left-aligned, the others right-aligned. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  return rows
    .map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[i])))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
