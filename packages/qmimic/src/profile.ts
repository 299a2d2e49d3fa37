// Where the time of a step goes: named parts, measured only while somebody asks.

let parts: Map<string, number> | null = null;

/** Runs `body`; its time is added to part `name` when measureParts is under way. */
export function timed<T>(name: string, body: () => T): T {
  if (parts === null) return body();
  const started = performance.now();
  try {
    return body();
  } finally {
    parts.set(name, (parts.get(name) ?? 0) + performance.now() - started);
  }
}

/** Runs `body` and returns the milliseconds of each part that it entered. Parts do not nest. */
export async function measureParts(body: () => Promise<void>): Promise<Map<string, number>> {
  const measured = new Map<string, number>();
  parts = measured;
  try {
    await body();
    return measured;
  } finally {
    parts = null;
  }
}
