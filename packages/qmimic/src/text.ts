// Text for messages: makes untrusted text safe to print (short, without control characters); lists; tables.

/** Maximum characters of a quoted value. */
const MAX_QUOTED = 80;
/** Maximum names of a list in a message, unless the caller gives another. */
const MAX_LISTED = 12;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to match control characters.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const CONTROLS = new RegExp(CONTROL, "g");

/** Whether a text has characters that move a terminal's cursor, change its colour or the text direction. */
export const hasControls = (text: string): boolean => CONTROL.test(text);

/** Control characters as \xNN or \uNNNN. @param but characters to keep */
export const escapeControls = (text: string, but = ""): string =>
  text.replace(CONTROLS, (letter) => {
    if (but.includes(letter)) return letter;
    const code = letter.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });

/** A name for a message: truncated, control characters escaped. */
export const shortened = (text: string, maxLength = MAX_QUOTED): string =>
  escapeControls(text.length > maxLength ? `${text.slice(0, maxLength)}...` : text);

/**
 * A value quoted for a message: JSON, truncated to 80 characters (with the full length), control characters
 * escaped. undefined is "missing"; NaN and infinity, which JSON does not have, are spelled out.
 */
export function quoted(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") {
    const text = JSON.stringify(value.slice(0, MAX_QUOTED));
    return escapeControls(
      value.length > MAX_QUOTED ? `${text.slice(0, -1)}..." (${value.length} characters)` : text,
    );
  }
  return shortened(asJson(value));
}

function asJson(value: unknown): string {
  const plain = (_: string, inner: unknown) =>
    typeof inner === "number" && !Number.isFinite(inner)
      ? Number.isNaN(inner)
        ? "not a number"
        : "too large a number"
      : typeof inner === "string"
        ? inner.slice(0, MAX_QUOTED)
        : Array.isArray(inner)
          ? inner.slice(0, MAX_QUOTED)
          : inner;
  try {
    return JSON.stringify(value, plain) ?? String(value);
  } catch {
    // Nested too deeply to print, or a bigint.
    return `a value of type ${typeof value}`;
  }
}

/** Names separated by commas; if there are many, the first ones and how many more. */
export function listed(names: readonly string[], max = MAX_LISTED, maxLength = MAX_QUOTED): string {
  const shown = names
    .slice(0, max)
    .map((name) => shortened(name, maxLength))
    .join(", ");
  return names.length > max ? `${shown} and ${names.length - max} more` : shown;
}

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
