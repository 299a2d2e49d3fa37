// The parts a report is made of: templates, numbers, the shell's words, curves.
import { describe, expect, it } from "vitest";
import { drawChart } from "../../src/report/htmlChart.js";
import {
  formatBytes,
  formatNumber,
  formatOperations,
  formatPercent,
  formatQuantizer,
} from "../../src/report/htmlFormat.js";
import { repeatCommand } from "../../src/report/htmlRecipe.js";
import { parseResults } from "../../src/report/htmlRun.js";
import { html, trusted } from "../../src/report/htmlTemplate.js";
import { shellWord } from "../../src/shell.js";

describe("html", () => {
  it("escapes values, not its own pieces", () => {
    const evil = `<b a="1" b='2'>&`;
    expect(html`<p title="${evil}">${evil}</p>`.markup).toBe(
      `<p title="&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;">&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;</p>`,
    );
    expect(html`${["<", html`<i>${"<"}</i>`, trusted("<hr>")]}`.markup).toBe("&lt;<i>&lt;</i><hr>");
  });

  it("leaves out what is not there, and keeps zeros", () => {
    expect(html`[${null}${undefined}${false}${0}${""}]`.markup).toBe("[0]");
  });

  it("does not take data that looks like a piece for one", () => {
    const forged = JSON.parse('{"markup":"<script>"}');
    expect(() => html`${forged}`.markup).toThrow();
  });
});

describe("numbers", () => {
  it.each([
    [formatPercent(0.4321), "43.2 %"],
    [formatPercent(null), "–"],
    [formatPercent(Number.NaN), "–"],
    [formatBytes(43_888), "43.9 kB"],
    [formatBytes(14_714_688), "14.7 MB"],
    [formatOperations(95_112_960), "95.1 million"],
    [formatOperations(15_300_000_000), "15.3 billion"],
    [formatNumber(0.0468758), "0.0469"],
    [formatNumber(0.004), "0.004"],
    [formatNumber(0.00000617), "6.17e-6"],
    [formatNumber(0), "0"],
    [formatQuantizer({ kind: "none" }), "none"],
    [formatQuantizer({ kind: "uniform", stride: 0.17 }), "uniform, stride 0.17"],
    [formatQuantizer({ kind: "power-of-two", minExponent: -3, maxExponent: 2 }), "powers of two, -3 to 2"],
  ])("%s", (text, expected) => {
    expect(text).toBe(expected);
  });
});

it("words of a command line come through a shell as they were", () => {
  expect(shellWord("runs/a-1")).toBe("runs/a-1");
  expect(shellWord("it's; rm -rf $HOME")).toBe(`'it'\\''s; rm -rf $HOME'`);
  expect(repeatCommand("-x")).toBe("npx qmimic train ./-x/recipe.yaml");
});

it("results are read by the names of their columns", () => {
  expect(parseResults("epoch,val,new\n1,,7\n2,0.5\n")).toEqual([
    { epoch: 1, val: Number.NaN, new: 7 },
    { epoch: 2, val: 0.5, new: Number.NaN },
  ]);
  expect(parseResults("epoch,val\n")).toEqual([]);
});

describe("drawChart", () => {
  const options = { xMax: 4, format: String };
  /** The first path of a curve's colour: "M x y L x y ...". */
  const corners = (svg: string) =>
    /d="(M[^"]+)" fill="none"[^>]*stroke="var\(--c1\)"/.exec(svg)?.[1].split(/[ML]/).slice(1) ?? [];

  it("draws in the page's colours, joining over what is not a number", () => {
    const points = [
      [1, 1],
      [2, Number.NaN],
      [3, 0.5],
      [4, 0],
    ] as const;
    const svg = drawChart([{ colour: 1, points }], options);
    expect(svg).toMatch(/^<svg width="360" height="200"/);
    expect(svg).not.toMatch(/NaN|stroke="#|<text[^>]*fill="#|<image|<style|class=|href="/);
    expect(corners(svg)).toHaveLength(3);
    const heights = corners(svg).map((corner) => Number(corner.split(" ")[1]));
    expect(heights).toEqual([...heights].sort((a, b) => a - b));
  });

  it("has shares on both axes where asked to, up to the whole", () => {
    const points = Array.from({ length: 31 }, (_, k) => [k / 100, 0.25] as const);
    const percent = (value: number) => `${Math.round(100 * value)} %`;
    const svg = drawChart([{ colour: 1, points, marked: 0.1 }], {
      xMax: 1,
      xFormat: percent,
      format: percent,
      yMax: 1,
    });
    expect(svg.match(/>100 %</g)).toHaveLength(2);
    // A line, and one dot.
    expect(svg.match(/fill="var\(--c1\)"/g)).toHaveLength(1);
  });

  it("ends the axis at the limit of shares", () => {
    const highest = (value: number) => {
      const curve = { colour: 1, points: [[1, value] as const, [2, value] as const] };
      const svg = drawChart([curve], { ...options, limit: 1 });
      return Math.max(
        ...[...svg.matchAll(/text-anchor="end"[^>]*>([^<]+)</g)].map(([, text]) => Number(text)),
      );
    };
    expect([0, 0.95, 1].map(highest)).toEqual([1, 1, 1]);
    expect(highest(0.05)).toBeLessThan(0.2);
  });

  it("dashes, and draws nothing for a curve without points", () => {
    const points = [
      [1, 1],
      [2, 2],
    ] as const;
    expect(drawChart([{ colour: 1, dashed: true, points }], options)).toContain("stroke-dasharray");
    expect(corners(drawChart([{ colour: 1, points: [] }], options))).toEqual([]);
  });
});
