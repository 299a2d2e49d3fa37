// Writers of the formats that `qmimic data convert` does not write, for tests of their readers.
import { basename, join } from "node:path";
import type { Dataset } from "../../src/data/types.js";
import { put } from "./temporary.js";

const corners = ({ samples }: Dataset, s: number, i: number): number[] => [
  ...samples[s].boxes.subarray(4 * i, 4 * i + 4),
];

/** JSON files in a folder for each split, and images beside them. */
export async function writeLabelme(
  root: string,
  datasets: readonly Dataset[],
  image: Uint8Array,
): Promise<void> {
  for (const dataset of datasets) {
    for (const [s, { id, width, height, labels, imagePath }] of dataset.samples.entries()) {
      const shapes = [...labels].map((label, i) => {
        const [x1, y1, x2, y2] = corners(dataset, s, i);
        // Any two corners make a rectangle.
        return {
          label: dataset.classes[label - 1],
          shape_type: "rectangle",
          points:
            i % 2 === 0
              ? [
                  [x1, y1],
                  [x2, y2],
                ]
              : [
                  [x2, y1],
                  [x1, y2],
                ],
        };
      });
      const record = { version: "5.4.1", flags: {}, shapes, imagePath: basename(imagePath), imageData: null };
      const text = JSON.stringify({ ...record, imageHeight: height, imageWidth: width });
      await put(join(root, dataset.split, `${id}.json`), text);
      await put(join(root, dataset.split, `${id}.png`), image);
    }
  }
}

const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** One XML with a subset for each image. */
export async function writeCvat(
  root: string,
  datasets: readonly Dataset[],
  image: Uint8Array,
): Promise<void> {
  const { classes } = datasets[0];
  const labels = classes.map((name) => `<label><name>${escapeXml(name)}</name></label>`).join("");
  const images = datasets.flatMap((dataset) =>
    dataset.samples.map(({ id, width, height, labels: numbers }, s) => {
      const boxes = [...numbers].map((label, i) => {
        const [xtl, ytl, xbr, ybr] = corners(dataset, s, i);
        return `<box label="${escapeXml(dataset.classes[label - 1])}" source="manual" occluded="0" xtl="${xtl}" ytl="${ytl}" xbr="${xbr}" ybr="${ybr}" z_order="0"></box>`;
      });
      return `<image id="${s}" name="${escapeXml(id)}.png" subset="${dataset.split}" width="${width}" height="${height}">${boxes.join("")}</image>`;
    }),
  );
  const meta = `<meta><project><labels>${labels}</labels></project></meta>`;
  await put(
    join(root, "annotations.xml"),
    `<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>${meta}${images.join("\n")}</annotations>`,
  );
  for (const { samples } of datasets)
    for (const { id } of samples) await put(join(root, "images", `${id}.png`), image);
}

/** Lists in wider_face_split, images below WIDER_<split>/images. Boxes have to be whole numbers. */
export async function writeWider(
  root: string,
  datasets: readonly Dataset[],
  image: Uint8Array,
): Promise<void> {
  for (const dataset of datasets) {
    const { split, samples } = dataset;
    const lines = samples.flatMap(({ id, labels, difficult }, s) => {
      const rows = [...labels].map((_, i) => {
        const [x1, y1, x2, y2] = corners(dataset, s, i);
        return `${x1} ${y1} ${x2 - x1} ${y2 - y1} 0 0 0 ${difficult[i]} 0 0 `;
      });
      return [`${id}.png`, `${rows.length}`, ...(rows.length > 0 ? rows : ["0 0 0 0 0 0 0 0 0 0 "])];
    });
    await put(join(root, "wider_face_split", `wider_face_${split}_bbx_gt.txt`), `${lines.join("\n")}\n`);
    for (const { id } of samples) await put(join(root, `WIDER_${split}`, "images", `${id}.png`), image);
  }
}
