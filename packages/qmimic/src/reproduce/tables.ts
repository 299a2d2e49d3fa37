// The named comparisons: which students are trained, and with what they are compared.
import type { Table } from "./arms.js";
import { OTHER_TABLES } from "./otherTables.js";
import { PAPER_TABLES } from "./paperTables.js";

export const TABLES: readonly Table[] = [...PAPER_TABLES, ...OTHER_TABLES];
