// A chart of the results: bytes, latency and AP of every detector, three bars per row.

/** The values to draw for each detector; undefined if not measured. */
export function rowsOf({ report, faceApiAp }) {
  const rows = [];
  let faceApi;
  for (const [name, { ap, apInt8, chromium, cold }] of Object.entries(report)) {
    const row = (side, label, sideAp) => ({
      label,
      ours: side.startsWith("ours"),
      bytes: cold?.[side]?.bytes,
      milliseconds: chromium?.[side]?.median,
      ap: sideAp,
    });
    rows.push(row("ours", `${name}, ours`, ap));
    rows.push(row("ours-int8", `${name}, ours, int8`, apInt8));
    rows.push(row("onnxruntime-web", `${name}, onnxruntime-web`, ap));
    if (chromium?.["face-api"]) faceApi ??= row("face-api", "face-api, tinyFaceDetector 416 px", faceApiAp);
  }
  return faceApi ? [...rows, faceApi] : rows;
}

const COLUMNS = [
  {
    title: "bytes to first detections",
    key: "bytes",
    log: true,
    text: (x) => (x < 1e6 ? `${Math.round(x / 1000)} kB` : `${(x / 1e6).toFixed(1)} MB`),
  },
  { title: "latency, ms", key: "milliseconds", log: true, text: (x) => x.toFixed(1) },
  { title: "AP at IoU 0.5", key: "ap", log: false, text: (x) => (100 * x).toFixed(1) },
];
const [LABELS, WIDTH, GAP, ROW, TOP] = [230, 160, 70, 24, 44];

/** @returns the content of an SVG file */
export function chart(result) {
  const rows = rowsOf(result);
  const height = TOP + ROW * rows.length + 10;
  const parts = COLUMNS.map(({ title, key, log, text }, i) => {
    const left = LABELS + i * (WIDTH + GAP);
    const values = rows.map((row) => row[key]).filter((value) => value > 0);
    const largest = log ? Math.max(...values) : 1;
    const smallest = log ? 10 ** Math.floor(Math.log10(Math.min(...values) / 2)) : 0;
    const length = (value) =>
      WIDTH * (log ? Math.log(value / smallest) / Math.log(largest / smallest) : value / largest);
    const bars = rows.map((row, k) => {
      const y = TOP + ROW * k;
      const value = row[key];
      if (value === undefined) return `<text x="${left}" y="${y + 15}" class="none">not measured</text>`;
      const long = value > 0 ? Math.max(1, length(value)) : 1;
      return `<rect x="${left}" y="${y + 4}" width="${long.toFixed(1)}" height="14" class="${row.ours ? "ours" : "peer"}"/><text x="${(left + long + 5).toFixed(1)}" y="${y + 15}">${text(value)}</text>`;
    });
    return `<text x="${left}" y="24" class="title">${title}${log ? ", log" : ""}</text>${bars.join("")}`;
  });
  const labels = rows.map(
    ({ label }, k) =>
      `<text x="${LABELS - 10}" y="${TOP + ROW * k + 15}" text-anchor="end">${escapeText(label)}</text>`,
  );
  const width = LABELS + COLUMNS.length * (WIDTH + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">
<style>.title{font-weight:600}.ours{fill:#2563eb}.peer{fill:#9ca3af}.none{fill:#6b7280}</style>
<rect width="100%" height="100%" fill="#fff"/>
${labels.join("\n")}
${parts.join("\n")}
</svg>
`;
}

const escapeText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
