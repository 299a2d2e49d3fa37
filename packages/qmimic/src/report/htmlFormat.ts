// Human-readable numbers.
import type { Quantizer } from "../models/index.js";

/** Placeholder for a missing number. */
export const NOTHING = "–";

const known = (value: number | null | undefined): value is number =>
  value !== null && value !== undefined && Number.isFinite(value);

/** 0.4321 -> "43.2 %" */
export const formatPercent = (fraction: number | null | undefined): string =>
  known(fraction) ? `${(100 * fraction).toFixed(1)} %` : NOTHING;

/** 1234567 -> "1,234,567" */
export const formatCount = (count: number): string => count.toLocaleString("en");

/** 43888 -> "43.9 kB"; powers of 1000. */
export const formatBytes = (bytes: number): string =>
  bytes < 999_950 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** 95112960 -> "95.1 million" */
export function formatOperations(count: number): string {
  if (count < 999_950_000) return `${(count / 1e6).toFixed(1)} million`;
  return `${(count / 1e9).toFixed(1)} billion`;
}

/** Three significant digits, no trailing zeros; small numbers as 6.17e-6. */
export function formatNumber(value: number | null | undefined): string {
  if (!known(value)) return NOTHING;
  const rounded = Number(value.toPrecision(3));
  return rounded !== 0 && Math.abs(rounded) < 1e-4 ? rounded.toExponential() : String(rounded);
}

/** The dictionary, in words. */
export function formatQuantizer(quantizer: Quantizer): string {
  if (quantizer.kind === "none") return "none";
  if (quantizer.kind === "uniform") return `uniform, stride ${formatNumber(quantizer.stride)}`;
  return `powers of two, ${quantizer.minExponent} to ${quantizer.maxExponent}`;
}

/** "quantized-teacher" -> "Quantized teacher" */
export const stageTitle = ({ stage }: { stage: string }): string =>
  `${stage[0].toUpperCase()}${stage.slice(1).replaceAll("-", " ")}`;
