// The style sheet of reports: light and dark mode, one column on phones.

export const STYLE = `
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --line: #dfe3e8; --text: #1b2129; --muted: #5a6572; --accent: #1d5fd1;
  --axis: #aab3bd; --grid: #e8ebef; --changed: #fff6d9; --c1: #2364d2; --c2: #c85a00; --c3: #067d54; --c4: #8a3ab9; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161b; --card: #1a2027; --line: #2e3742; --text: #e4e8ed; --muted: #9aa6b3; --accent: #7fb0ff;
  --axis: #56626f; --grid: #29313b; --changed: #3a3215; --c1: #6ea8ff; --c2: #ffa04d; --c3: #3fd09a; --c4: #cf93f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { margin: 0; font-size: 26px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 36px 0 12px; font-size: 19px; }
h3 { margin: 24px 0 10px; font-size: 16px; }
h3 .note { font-weight: 400; }
a { color: var(--accent); }
code { font: 0.92em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.note { color: var(--muted); font-size: 13px; }
.advice { border-left: 3px solid var(--muted); padding-left: 12px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 10px 0 0; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.chips { display: flex; flex-wrap: wrap; gap: 4px 6px; margin: 0; padding: 0; list-style: none; }
.chips li { padding: 0 8px; border: 1px solid var(--line); border-radius: 10px; background: var(--card); font-size: 13px;
  unicode-bidi: isolate; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 22px 0 0; padding: 0; list-style: none; }
.tiles li { padding: 12px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
.tiles b { display: block; font-size: 20px; font-weight: 650; line-height: 1.3; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--muted); font-size: 13px; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; border-top: 1px solid var(--line); text-align: left; vertical-align: baseline; }
thead th { border-top: 0; color: var(--muted); font-size: 13px; font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 600; }
.numbers td, .numbers thead th { text-align: right; white-space: nowrap; }
.numbers th:first-child, .numbers .text { text-align: left; }
.numbers th, .numbers td { padding-left: 8px; padding-right: 8px; }
.numbers tbody th { min-width: 8em; }
.numbers th:first-child { padding-left: 12px; }
.confusion td { text-align: center; } .confusion thead th { text-align: center; }
.confusion .right { background: rgb(6 125 84 / var(--share)); } .confusion .wrong { background: rgb(200 90 0 / var(--share)); }
.settings tbody th { font-weight: 400; white-space: nowrap; }
.settings td:nth-child(2) { min-width: 9em; }
.settings td:nth-child(3) { min-width: 7em; }
.settings td:last-child { min-width: 16em; }
.settings .changed { background: var(--changed); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px; }
.chart { margin: 0; padding: 12px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); min-width: 0; }
.chart [role="img"] svg { display: block; width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 0; padding: 0; list-style: none; font-size: 13px; }
.key { width: 22px; height: 8px; margin-right: 6px; }
.key path { stroke-width: 2; } .k1 { stroke: var(--c1); } .k2 { stroke: var(--c2); } .k3 { stroke: var(--c3); } .k4 { stroke: var(--c4); }
.overview { display: block; max-width: 100%; height: auto; border-radius: 8px; }
details > summary { padding: 6px 0; cursor: pointer; }
pre { margin: 0 0 12px; padding: 12px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); white-space: pre-wrap; }
@media (max-width: 600px) { main { padding: 18px 12px 40px; } h1 { font-size: 22px; } .facts { grid-template-columns: 1fr; }
  .facts dd { margin-bottom: 6px; } .tiles { grid-template-columns: 1fr 1fr; } th, td { padding: 6px 8px; } .chart { padding: 10px; } }
@media print { body { background: #fff; } .chart, .tiles li, tr { break-inside: avoid; } }
`;
