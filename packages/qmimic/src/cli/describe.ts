// One line about a detector, trained or exported.
import type { OpenedDetector } from "../export/openDetector.js";
import { kilobytes, summarize } from "../report/summary.js";

export const describeDetector = ({ trained, bytes, classes, side }: OpenedDetector): string =>
  trained
    ? summarize(trained)
    : `exported model, ${kilobytes(bytes)}, ${classes.length === 1 ? "1 class" : `${classes.length} classes`}, ${side} px`;
