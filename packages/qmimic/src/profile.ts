// Profiling: named spans, recorded only on request, as a table and as a Chrome trace.

/** A span: name, start and duration (milliseconds), and its row in the trace. */
export interface Span {
  name: string;
  start: number;
  duration: number;
  /** 0: the main thread, where spans do not overlap; spans in other rows may. */
  row: number;
}

/** Maximum spans kept for the trace, to bound memory in a long run; the table counts all. */
const MAX_SPANS = 50_000;

export class Profile {
  /** Total milliseconds and calls per name. */
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

  /** A row without a running span. */
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

/** Runs `body` as span `name` on the main thread. Spans do not nest, except in a step. */
export function timed<T>(name: string, body: () => T): T {
  if (current === null) return body();
  const start = performance.now();
  try {
    return body();
  } finally {
    current?.add({ name, start, duration: performance.now() - start, row: 0 });
  }
}

/** The same for asynchronous work: `row` is "main" if the main thread waits for it. */
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

/** Runs `body` and records its spans. Only one at a time. */
export async function profiled<T>(body: () => Promise<T>): Promise<{ result: T; profile: Profile }> {
  const profile = new Profile();
  current = profile;
  try {
    return { result: await body(), profile };
  } finally {
    current = null;
  }
}

/** The span of a whole training step; the others are parts of it, or outside it. */
export const STEP = "step";

/** One line per span name: milliseconds per step, and fraction of the step time; the unnamed rest is "other". */
export function profileTable({ parts }: Profile): string {
  const steps = parts.get(STEP) ?? { ms: 0, calls: 0 };
  const rows = [...parts].filter(([name]) => name !== STEP);
  const inSteps = rows.filter(([name]) => !OUTSIDE.has(name));
  const named = inSteps.reduce((sum, [, { ms }]) => sum + ms, 0);
  const line = (name: string, ms: number) =>
    `  ${name.padEnd(14)} ${(ms / Math.max(1, steps.calls)).toFixed(2).padStart(8)} ms` +
    (OUTSIDE.has(name) ? "" : ` ${((100 * ms) / Math.max(1e-9, steps.ms)).toFixed(1).padStart(6)} %`);
  return [
    `time per step, mean of ${steps.calls}: ${(steps.ms / Math.max(1, steps.calls)).toFixed(1)} ms`,
    ...inSteps.sort((a, b) => b[1].ms - a[1].ms).map(([name, { ms }]) => line(name, ms)),
    line("other", Math.max(0, steps.ms - named)),
    ...(rows.length > inSteps.length ? ["outside the steps, per step:"] : []),
    ...rows.filter(([name]) => OUTSIDE.has(name)).map(([name, { ms }]) => line(name, ms)),
  ].join("\n");
}

/** Spans that do not lengthen a step: work on other threads, and between epochs. */
const OUTSIDE: ReadonlySet<string> = new Set(["decode", "evaluation"]);

/** The spans in Chrome's trace event format, for chrome://tracing or ui.perfetto.dev. */
export function chromeTrace({ spans }: Profile): string {
  const begin = spans.reduce((first, { start }) => Math.min(first, start), Number.POSITIVE_INFINITY);
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
