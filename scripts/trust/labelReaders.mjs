// Folders of labelled images in every format, with one damaged text file: either the content read is valid, or problems
// are reported.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { built, must, refuses, sharp } from "./accepts.mjs";
import { mutateText, pick } from "./mutate.mjs";

/** A valid PNG of 100 x 80 px. */
function picture() {
  return sharp({ create: { width: 100, height: 80, channels: 3, background: "#4080c0" } })
    .png()
    .toBuffer();
}

const voc = (id) =>
  `<annotation><filename>${id}.png</filename><size><width>100</width><height>80</height><depth>3</depth></size><object><name>cat</name><difficult>0</difficult><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox></object><object><name>dog</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>99</xmax><ymax>80</ymax></bndbox></object></annotation>`;

const coco = JSON.stringify({
  images: ["a", "b"].map((id, i) => ({ id: i, file_name: `${id}.png`, width: 100, height: 80 })),
  categories: [
    { id: 1, name: "cat" },
    { id: 7, name: "dog" },
  ],
  annotations: [
    { id: 1, image_id: 0, category_id: 1, bbox: [10, 20, 20, 20], area: 400, iscrowd: 0 },
    { id: 2, image_id: 1, category_id: 7, bbox: [1.5, 2, 30, 40], iscrowd: 1, segmentation: [] },
  ],
});

const labelme = (id) =>
  JSON.stringify({
    version: "5.0.1",
    shapes: [
      {
        label: "cat",
        points: [
          [10, 20],
          [30, 40],
        ],
        shape_type: "rectangle",
      },
      {
        label: "dog",
        points: [
          [10, 20],
          [30, 40],
          [10, 40],
        ],
        shape_type: "polygon",
      },
    ],
    imagePath: `${id}.png`,
    imageWidth: 100,
    imageHeight: 80,
  });

const cvat = `<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels><label><name>cat</name></label></labels></task></meta><image id="0" name="a.png" width="100" height="80"><box label="cat" occluded="0" xtl="10" ytl="20" xbr="30" ybr="40"/><polygon label="cat" occluded="1" points="1,2;30,4;5,60"/></image><image id="1" name="b.png" width="100" height="80"/></annotations>`;

const wider =
  "0--Parade/a.png\n2\n10 20 20 20 0 0 0 0 0 0\n1 2 30 40 2 0 0 1 2 0\n0--Parade/b.png\n0\n0 0 0 0 0 0 0 0 0 0\n";

/** For each format: the text files by path, and the folder of the images. */
const FOLDERS = {
  voc: {
    texts: {
      "Annotations/a.xml": voc("a"),
      "Annotations/b.xml": voc("b"),
      "ImageSets/Main/train.txt": "a\nb\n",
    },
    images: "JPEGImages",
  },
  coco: { texts: { "annotations.json": coco }, images: "." },
  yolo: {
    texts: {
      "data.yaml": "path: .\ntrain: images\nval: images\nnc: 2\nnames:\n  0: cat\n  1: dog\n",
      "labels/a.txt": "0 0.5 0.5 0.2 0.2\n1 0.1 0.2 0.1 0.9 0.5 0.5\n",
      "labels/b.txt": "",
    },
    images: "images",
  },
  labelme: { texts: { "a.json": labelme("a"), "b.json": labelme("b") }, images: "." },
  cvat: { texts: { "annotations.xml": cvat }, images: "images" },
  wider: { texts: { "wider_face_train_bbx_gt.txt": wider }, images: "WIDER_train/images/0--Parade" },
};

/** One reader of damaged files per format. */
export const LABEL_READERS = Object.fromEntries(
  Object.entries(FOLDERS).map(([format, { texts, images }]) => [
    format,
    (folder) => prepare(folder, format, texts, images),
  ]),
);

async function prepare(folder, format, texts, images) {
  const { InputError, openData, readSplit } = await built("qmimic/dist/index");
  const png = await picture();
  const put = (path, data) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), data);
  };
  for (const name of ["a.png", "b.png"]) put(join(images, name), png);
  const paths = Object.keys(texts);
  return async (random) => {
    const damaged = pick(random, paths);
    for (const path of paths) put(path, path === damaged ? mutateText(texts[path], random) : texts[path]);
    const problems = [];
    const datasets = [];
    const read = async () => {
      const data = await openData(folder, { format });
      for (const split of data.source.splits) {
        datasets.push(await readSplit(data, split, { onProblem: (problem) => problems.push(problem) }));
      }
    };
    try {
      if (await refuses(read, [InputError])) return false;
    } finally {
      for (const path of paths) rmSync(join(folder, path), { force: true });
    }
    for (const { message } of problems)
      must(message.length < 2000, `a problem of ${message.length} characters: ${message.slice(0, 200)}`);
    for (const { classes, samples } of datasets) {
      for (const name of classes)
        must(name.trim() !== "" && !/\p{Cc}/u.test(name), `class ${JSON.stringify(name)}`);
      for (const { id, boxes, labels, width, height } of samples) {
        must(id !== "" && !/\p{Cc}/u.test(id), `id ${JSON.stringify(id)}`);
        must(boxes.length === 4 * labels.length, `${boxes.length} numbers for ${labels.length} boxes`);
        for (let i = 0; i < boxes.length; i += 4) {
          const [x1, y1, x2, y2] = boxes.subarray(i, i + 4);
          must(
            0 <= x1 && x1 < x2 && x2 <= width && 0 <= y1 && y1 < y2 && y2 <= height,
            `box ${[x1, y1, x2, y2]}`,
          );
        }
        for (const label of labels) must(label >= 1 && label <= classes.length, `label ${label}`);
      }
    }
    return problems.length === 0;
  };
}
