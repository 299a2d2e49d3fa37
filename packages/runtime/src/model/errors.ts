/** A model file cannot be run: it is damaged, has another version, or is not a qmimic model. */
export class ModelError extends Error {
  override name = "ModelError";
}

/** A value as JSON, or a number as it is; truncated to fit on a line. */
export function show(value: unknown): string {
  if (typeof value === "number") return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = `a value of type ${typeof value}`;
  }
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

export function fail(what: string): never {
  throw new ModelError(what);
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
