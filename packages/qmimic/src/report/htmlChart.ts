// Curves over epochs, or over recall, as SVG text, drawn by ECharts without a browser. Colours are the page's
// CSS variables, so that one chart works in light and dark mode. This module loads ECharts: import it only to
// write a report.
import { echarts } from "./echarts.js";

export interface Curve {
  /** Colour number on the page: 1 to 4. */
  colour: number;
  dashed?: boolean;
  /** (x, y) in ascending x; points with a non-finite y are left out, and their neighbours are joined. */
  points: readonly (readonly [number, number])[];
  /** The x of the point with a large dot. */
  marked?: number;
}

export interface ChartOptions {
  /** The right end of the horizontal axis: number of epochs, or 1 for fractions. */
  xMax: number;
  /** Formats numbers on the horizontal axis. Default: unformatted. */
  xFormat?: (x: number) => string;
  /** Formats numbers on the vertical axis. */
  format: (value: number) => string;
  /**
   * Upper bound of all values (1 for fractions); the axis ends there if a curve comes close, or is always zero.
   */
  limit?: number;
  /** The top of the vertical axis, for charts shown side by side. Default: depends on the curves. */
  yMax?: number;
}

const SIZE = { width: 360, height: 200 };

/** An <svg> of 360 x 200 units. Its only text is numbers. */
export function drawChart(
  curves: readonly Curve[],
  { xMax, xFormat, format, limit, yMax }: ChartOptions,
): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  try {
    const label = { color: "var(--muted)", fontSize: 12, fontFamily: "inherit" };
    chart.setOption({
      animation: false,
      grid: {
        left: 8,
        right: 18,
        top: 14,
        bottom: 6,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: {
        type: "value",
        min: 0,
        max: xMax,
        ...(xMax > 1 ? { minInterval: 1 } : {}),
        axisLabel: { ...label, hideOverlap: true, ...(xFormat ? { formatter: xFormat } : {}) },
        axisLine: { lineStyle: { color: "var(--axis)" } },
        axisTick: { lineStyle: { color: "var(--axis)" } },
        splitLine: { show: false },
      },
      yAxis: {
        type: "value",
        min: 0,
        max:
          yMax ?? (({ max }: { max: number }) => (limit && (max === 0 || max > 0.8 * limit) ? limit : null)),
        ...(yMax === undefined ? { splitNumber: 4 } : { interval: yMax / 4 }),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { ...label, formatter: format },
        splitLine: { lineStyle: { color: "var(--grid)" } },
      },
      series: curves.map(drawCurve),
    });
    return withoutInteraction(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/** Removes what ECharts adds for pointer interaction: half of the text, and a style sheet. */
const withoutInteraction = (svg: string): string =>
  svg
    .replace(/<style >[\s\S]*?<\/style>\n?/g, "")
    .replaceAll(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, "");

/** Few points have a dot each; for many, only the line is drawn. */
function drawCurve({ colour, dashed = false, points, marked }: Curve) {
  const color = `var(--c${colour})`;
  const finite = points.filter(([, value]) => Number.isFinite(value));
  const dot = finite.length <= 20 ? 4 : 0;
  return {
    type: "line",
    silent: true,
    emphasis: { disabled: true },
    symbol: "circle",
    showAllSymbol: true,
    lineStyle: { color, width: 2, type: dashed ? "dashed" : "solid" },
    itemStyle: { color },
    data: finite.map(([x, y]) => {
      const symbolSize = x === marked ? 10 : dot;
      return { value: [x, y], symbolSize, ...(symbolSize === 0 ? { symbol: "none" } : {}) };
    }),
  };
}
