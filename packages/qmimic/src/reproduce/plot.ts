// A table as a chart: each arm's AP50 on the split, a dot per seed and a bar for their mean. Drawn by ECharts
// without a browser.
import { echarts } from "../report/echarts.js";
import type { TableResults } from "./results.js";

const WIDTH = 720;
const ROW = 34;
const MARGIN = { left: 8, right: 20, top: 10, bottom: 30 };

/** An SVG file. */
export function drawTable({ arms, split }: TableResults): string {
  const height = ROW * arms.length + MARGIN.top + MARGIN.bottom;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    const text = { color: "#444", fontSize: 12, fontFamily: "sans-serif" };
    const percent = (value: number) => Number((100 * value).toFixed(2));
    chart.setOption({
      animation: false,
      backgroundColor: "#fff",
      grid: { ...MARGIN, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      xAxis: {
        type: "value",
        scale: true,
        name: `AP50, ${split}`,
        nameLocation: "middle",
        nameGap: 24,
        axisLabel: text,
      },
      yAxis: { type: "category", inverse: true, data: arms.map(({ label }) => label), axisLabel: text },
      series: [
        {
          type: "scatter",
          symbol: "rect",
          symbolSize: [3, 18],
          itemStyle: { color: "#c0392b" },
          data: arms.map(({ label, spread }) => [percent(spread.ap50.mean), label]),
        },
        {
          type: "scatter",
          symbolSize: 8,
          itemStyle: { color: "#2c6fbb", opacity: 0.7 },
          data: arms.flatMap(({ label, values }) => values.ap50.map((value) => [percent(value), label])),
        },
      ],
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
