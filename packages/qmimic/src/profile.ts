// Where the time of a run goes: named spans, recorded only while somebody asks, as a table and as a Chrome trace.

/** A piece of work: what, when it began and how long it took (milliseconds), and its row in the trace. */
export interface Span {
  name: string;
  start: number;
  duration: number;
  /** 0: the main thread, spans follow one another there; others overlap. */
  row: number;
}

/** Spans that are kept one by one, for the trace; the table counts all. A long run would fill the memory. */
const MAX_SPANS = 50_000;

export class Profile {
  /** Milliseconds and calls of each part. */
  readonly parts = new Map<string, { ms: number; calls: number }>();
  readonly spans: Span[] = [];
  private readonly busyRows: boolean[] = [true];

  add(span: Span): void {
    const part = this.parts.get(span.name) ?? { ms: 0, calls: 0 };
    part.ms += span.duration;
    part.calls++;
    this.parts.set(span.name, part);
    if (this.spans.length < MAX_SPANS) this.spans.push(span);
  }

  /** A row that no running work uses. */
  takeRow(): number {
    const free = this.busyRows.indexOf(false);
    const row = free < 0 ? this.busyRows.length : free;
    this.busyRows[row] = true;
    return row;
  }

  leaveRow(row: number): void {
    this.busyRows[row] = false;
  }
}

let current: Profile | null = null;

/** Runs `body` as part `name` of the main thread's time. Parts do not nest, but for the steps that they belong to. */
export function timed<T>(name: string, body: () => T): T {
  if (current === null) return body();
  const start = performance.now();
  try {
    return body();
  } finally {
    current?.add({ name, start, duration: performance.now() - start, row: 0 });
  }
}

/** The same for a part that ends later: `row` is "main" when the main thread waits for it, else it runs beside. */
export async function timedAsync<T>(
  name: string,
  row: "main" | "beside",
  body: () => Promise<T>,
): Promise<T> {
  const profile = current;
  if (profile === null) return body();
  const number = row === "main" ? 0 : profile.takeRow();
  const start = performance.now();
  try {
    return await body();
  } finally {
    profile.add({ name, start, duration: performance.now() - start, row: number });
    if (number > 0) profile.leaveRow(number);
  }
}

/** Runs `body` with every span recorded. One at a time. */
export async function profiled<T>(body: () => Promise<T>): Promise<{ result: T; profile: Profile }> {
  const profile = new Profile();
  current = profile;
  try {
    return { result: await body(), profile };
  } finally {
    current = null;
  }
}

/** The name of the span that a training step is as a whole; the others are parts of it, or stand beside it. */
export const STEP = "step";

/** A line for each part: milliseconds a step, and its share of the steps' time; what no part names is "other". */
export function profileTable({ parts }: Profile): string {
  const steps = parts.get(STEP) ?? { ms: 0, calls: 0 };
  const rows = [...parts].filter(([name]) => name !== STEP);
  const inSteps = rows.filter(([name]) => !OUTSIDE.has(name));
  const named = inSteps.reduce((sum, [, { ms }]) => sum + ms, 0);
  const line = (name: string, ms: number) =>
    `  ${name.padEnd(14)} ${(ms / Math.max(1, steps.calls)).toFixed(2).padStart(8)} ms` +
    (OUTSIDE.has(name) ? "" : ` ${((100 * ms) / Math.max(1e-9, steps.ms)).toFixed(1).padStart(6)} %`);
  return [
    `time of a step, mean of ${steps.calls}: ${(steps.ms / Math.max(1, steps.calls)).toFixed(1)} ms`,
    ...inSteps.sort((a, b) => b[1].ms - a[1].ms).map(([name, { ms }]) => line(name, ms)),
    line("other", Math.max(0, steps.ms - named)),
    ...(rows.length > inSteps.length ? ["beside the steps, for each of them:"] : []),
    ...rows.filter(([name]) => OUTSIDE.has(name)).map(([name, { ms }]) => line(name, ms)),
  ].join("\n");
}

/** Parts that do not make a step longer: work of other threads, and work between epochs. */
const OUTSIDE: ReadonlySet<string> = new Set(["decode", "evaluation"]);

/** The spans in Chrome's trace event format, for chrome://tracing or ui.perfetto.dev. */
export function chromeTrace({ spans }: Profile): string {
  const begin = spans.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY);
  const rows = [...new Set(spans.map(({ row }) => row))].sort((a, b) => a - b);
  const events = [
    ...rows.map((row) => ({
      name: "thread_name",
      ph: "M",
      pid: 1,
      tid: row,
      args: { name: row === 0 ? "main" : `decoder ${row}` },
    })),
    ...spans.map(({ name, start, duration, row }) => ({
      name,
      ph: "X",
      pid: 1,
      tid: row,
      ts: 1000 * (start - begin),
      dur: 1000 * duration,
    })),
  ];
  return `${JSON.stringify({ traceEvents: events, displayTimeUnit: "ms" })}\n`;
}
