// Texts from files and folders of others, made fit for a message: short, and without what a terminal would obey.

/** Letters of a value that are quoted in a message. */
const MAX_QUOTED = 80;
/** Names of a list that a message has. */
const MAX_LISTED = 12;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const CONTROLS = new RegExp(CONTROL, "g");

/** Whether a text holds characters that move a terminal's cursor, colour it, or turn the direction of writing. */
export const hasControls = (text: string): boolean => CONTROL.test(text);

/** Control characters as \xNN or \uNNNN. @param but leave these alone */
export const escapeControls = (text: string, but = ""): string =>
  text.replace(CONTROLS, (letter) => {
    if (but.includes(letter)) return letter;
    const code = letter.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });

/** A name as a message has it: cut to 80 letters, without control characters. */
export const shortened = (text: string): string =>
  escapeControls(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text);

/**
 * A value as a message quotes it: JSON (texts in quotation marks), cut to 80 letters and then with its length, without
 * control characters. undefined is "missing"; numbers that JSON has no text for are said in words.
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

/** Names with commas between; of many the first and how many more. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map(shortened).join(", ");
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
