// Progress of a run: a live line on a terminal, one line per epoch elsewhere.
import { type Detector, kebab } from "../models/index.js";
import { summarize } from "../report/summary.js";
import type { EpochRow } from "../train/results.js";
import type { TrainingReport } from "../train/trainer.js";
import { say as print, writeOver } from "./output.js";

/** "4:05" or "1h25". */
export const clock = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  return minutes >= 60
    ? `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}`
    : `${minutes}:${String(whole % 60).padStart(2, "0")}`;
};

const number = (value: number, digits = 3): string => (Number.isNaN(value) ? "-" : value.toFixed(digits));

interface Progress<Stage extends string> extends TrainingReport {
  stage(name: Stage, detector: Detector): void;
  say(text: string): void;
  /** While the teacher's maps are computed. */
  maps(done: number, total: number): void;
}

/** Prints a run's progress to standard output. `epochs` of each stage give the time left. */
export function createProgress<Stage extends string>(
  epochs: Readonly<Record<Stage, number>>,
): Progress<Stage> {
  const live = process.stdout.isTTY === true;
  let total = 0;
  let started = 0;
  let first = -1;
  let seen = 0;

  const write = (line: string) => {
    if (live) writeOver(process.stdout, line);
  };
  const say = (text: string) => {
    if (live) writeOver(process.stdout, "");
    print(text);
  };
  const left = (done: number) => clock(((performance.now() - started) / 1000 / done) * (total - done));

  return {
    say,
    stage(name: Stage, detector: Detector) {
      total = epochs[name];
      started = performance.now();
      first = -1;
      seen = 0;
      say(`\n${name}: ${summarize(detector, false)}`);
    },
    maps(done, all) {
      write(`teacher's maps ${done}/${all}`);
      if (done === all) started = performance.now();
    },
    step({ epoch, step, steps, losses, images }) {
      if (first < 0) first = epoch;
      seen += images;
      const rate = seen / ((performance.now() - started) / 1000);
      const done = epoch - first + (step + 1) / steps;
      const parts = [...Object.values(losses.detection), losses.mimic, losses.head];
      write(
        `epoch ${epoch + 1}/${total}  ${step + 1}/${steps}  losses ${parts.map((loss) => number(loss)).join(" ")}  ` +
          `${rate.toFixed(0)} img/s  left ${left(done)}`,
      );
    },
    epoch(row: EpochRow) {
      const detection = Object.entries(row.detection)
        .map(([name, loss]) => `${kebab(name)} ${number(loss)}`)
        .join("  ");
      const head = row.head === 0 ? "" : ` ${number(row.head)}`;
      const mimic =
        row.mimic === 0
          ? ""
          : `  mimic ${number(row.mimic, 4)}${head}  match ${number(row.match)} (not 0: ${number(row.matchActive)})`;
      say(
        `epoch ${row.epoch}/${total}  ${detection}${mimic}  ${row.imagesPerSecond.toFixed(0)} img/s` +
          `${Number.isNaN(row.val) ? "" : `  val AP50 ${(100 * row.val).toFixed(1)}`}  ` +
          `left ${left(Math.max(1, row.epoch - Math.max(0, first)))}`,
      );
    },
  };
}
