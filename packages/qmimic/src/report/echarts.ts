// ECharts, from the one file of its CommonJS build: its 590 ES modules take most of a second to load. Import this
// only to draw.
import { createRequire } from "node:module";
import type * as ECharts from "echarts";

export const echarts = createRequire(import.meta.url)("echarts") as typeof ECharts;
