// Numbers and tables as C source.

const f32 = Math.fround;

/** A float constant: nine digits identify every float. */
export function cFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const digits = String(Number(f32(value).toPrecision(9)));
  return `${/[.e]/.test(digits) ? digits : `${digits}.0`}f`;
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
