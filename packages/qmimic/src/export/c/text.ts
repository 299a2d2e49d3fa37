// Numbers and tables as C source.

const f32 = Math.fround;

/** A float constant: nine digits identify every float. */
export function cFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const digits = String(Number(f32(value).toPrecision(9)));
  return `${/[.e]/.test(digits) ? digits : `${digits}.0`}f`;
}

/** The smallest float that is at least `value`: floats are at least it exactly when they are at least `value`. */
export const floatAtLeast = (value: number): number =>
  f32(value) >= value ? f32(value) : neighbour(value, 1);

/** The largest float that is at most `value`: floats are above it exactly when they are above `value`. */
export const floatAtMost = (value: number): number =>
  f32(value) <= value ? f32(value) : neighbour(value, -1);

/** The next float above or below a value. */
function neighbour(value: number, direction: 1 | -1): number {
  const floats = Float32Array.of(value);
  const bits = new Int32Array(floats.buffer);
  bits[0] += floats[0] < 0 ? -direction : direction;
  return floats[0];
}

const LINE = 118;

/** `const TYPE NAME[] = {...};` wrapped into lines. */
export function cArray(
  type: string,
  name: string,
  values: ArrayLike<number>,
  format: (value: number) => string = String,
): string {
  const lines: string[] = [];
  let line = " ";
  for (const item of Array.from(values, (value) => ` ${format(value)},`)) {
    if (line.length + item.length > LINE) {
      lines.push(line);
      line = " ";
    }
    line += item;
  }
  return `static const ${type} ${name}[] = {\n${[...lines, line].join("\n")}\n};`;
}

/** A table of structures, one row each. */
export const cTable = (type: string, name: string, rows: readonly (readonly (string | number)[])[]): string =>
  `static const ${type} ${name}[] = {\n${rows.map((row) => `  {${row.join(", ")}},`).join("\n")}\n};`;

/** A string constant in UTF-8: bytes other than plain characters are written in octal. */
export const cString = (text: string): string =>
  `"${[...Buffer.from(text, "utf8")]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[\w .,:;+*()/-]/.test(letter) ? letter : `\\${byte.toString(8).padStart(3, "0")}`;
    })
    .join("")}"`;
