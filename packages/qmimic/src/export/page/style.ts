/** For what is seen before the program runs, or if it cannot. */
export const FIRST_STYLE = ":root{color-scheme:light dark}body{margin:0;font:16px/1.45 system-ui,sans-serif}";

/** The page's other styles: works on phones, light and dark mode. */
export const STYLE = `
:root{--line:#8886;--accent:#0a6cdb}
*{box-sizing:border-box}
header{display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline;padding:.6rem 1rem;border-bottom:1px solid var(--line)}
h1{font-size:1.15rem;margin:0}
#status{margin:0;opacity:.8;font-variant-numeric:tabular-nums}
main{padding:1rem;max-width:72rem;margin:auto}
.controls{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;margin-bottom:.8rem}
.controls label:not(.button){display:flex;gap:.5rem;align-items:center}
.button,button{font:inherit;padding:.4rem .8rem;border:1px solid var(--line);border-radius:.4rem;background:none;color:inherit;cursor:pointer}
.button:hover,button:hover{border-color:var(--accent)}
.button:focus-within,button:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.button input{position:absolute;opacity:0;width:1px;height:1px}
output{min-width:2.6em;font-variant-numeric:tabular-nums}
#stage{border:1px dashed var(--line);border-radius:.5rem;min-height:12rem;display:grid;place-items:center;overflow:hidden}
#stage.over{border-color:var(--accent)}
#stage>*{grid-area:1/1}
#canvas{max-width:100%;max-height:75vh}
#hint{opacity:.7;padding:1rem;text-align:center}
table{border-collapse:collapse;margin-top:1rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600}
th,td{padding:.15rem .8rem .15rem 0;text-align:right}
th:first-child,td:first-child{text-align:left}
`;
