// One VOC annotation file, read strictly: what is wrong is reported, nothing is guessed.
// The format: Everingham et al., The PASCAL VOC 2012 Development Kit, section 10.1.
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { readText } from "../files.js";
import { hasControls, listed, quoted, shortened } from "../text.js";
import { parseNumber } from "./parseNumber.js";

/** An annotation of an ordinary photograph is a few kilobytes; beyond this something is wrong, or hostile. */
const MAX_XML_BYTES = 10e6;

/** VOC counts pixels from 1 and its boxes include their last pixel, others count from 0: 1 px beyond is no error. */
const BORDER_TOLERANCE = 1;

export interface VocObject {
  name: string;
  /** xmin, ymin, xmax, ymax as written, clipped to the image. */
  box: [number, number, number, number];
  difficult: boolean;
}

export interface VocAnnotation {
  width: number;
  height: number;
  objects: VocObject[];
}

/**
 * Reads one annotation. Problems go to `report` as text without the file's name; objects with a problem are left out,
 * and undefined is returned when the file as a whole cannot be used. Throws nothing for bad content.
 *
 * Coordinates stay as written: 1 is not subtracted, because sets in the wild mix both conventions and half a pixel
 * matters little. A box may pass the image's border by 1 px and is clipped to it; by more is a problem.
 * A document type or entity declaration is refused: VOC has none, and entities can expand without limit.
 */
export async function readVocAnnotation(
  path: string,
  report: (message: string) => void,
): Promise<VocAnnotation | undefined> {
  const text = await readXml(path, report);
  if (text === undefined) return undefined;
  const root = parse(text, report);
  if (root === undefined) return undefined;
  const size = readSize(root, report);
  if (size === undefined) return undefined;
  const objects: VocObject[] = [];
  children(root, "object").forEach((node, index) => {
    const object = readObject(node, (message) => report(`object ${index + 1}: ${message}`), size);
    if (object !== undefined) objects.push(object);
  });
  return { ...size, objects };
}

type Report = (message: string) => void;
type XmlNode = Record<string, unknown>;

async function readXml(path: string, report: Report): Promise<string | undefined> {
  try {
    return await readText(path, MAX_XML_BYTES);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    report(
      code === "ENOENT"
        ? "the annotation is missing. Add it (an image without objects has an annotation without <object>), or remove the id from the list."
        : `the annotation cannot be read: ${message}. Remove or replace it.`,
    );
    return undefined;
  }
}

function parse(text: string, report: Report): XmlNode | undefined {
  if (/<!\s*(DOCTYPE|ENTITY)/i.test(text)) {
    report(
      "the file declares a document type or entities (<!DOCTYPE or <!ENTITY), which is refused. Remove the declaration.",
    );
    return undefined;
  }
  const validity = XMLValidator.validate(text);
  if (validity !== true) {
    const { line, msg } = validity.err;
    report(
      `malformed XML in line ${line}: ${shortened(msg)} Expected a VOC <annotation>; export the file again.`,
    );
    return undefined;
  }
  let document: unknown;
  try {
    document = new XMLParser({ ignoreAttributes: true, parseTagValue: false }).parse(text);
  } catch (error) {
    report(`malformed XML: ${shortened((error as Error).message)} Export the file again.`);
    return undefined;
  }
  const names = Object.keys(document as XmlNode).filter((name) => !name.startsWith("?"));
  const root = (document as XmlNode).annotation;
  if (names.length !== 1 || root === undefined || Array.isArray(root)) {
    report(
      `expected one <annotation> at the top, found ${listed(names.map((name) => `<${name}>`)) || "none"}.`,
    );
    return undefined;
  }
  return isNode(root) ? root : {};
}

function readSize(root: XmlNode, report: Report): { width: number; height: number } | undefined {
  const size = root.size;
  if (!isNode(size)) {
    report("there is no <size> with the image's <width> and <height> in pixels. Add it.");
    return undefined;
  }
  const width = readNumber(size, "width", report, "<size>");
  const height = readNumber(size, "height", report, "<size>");
  if (width === undefined || height === undefined) return undefined;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    report(`<size> is ${width} x ${height}; expected whole numbers of pixels, at least 1 x 1. Correct it.`);
    return undefined;
  }
  return { width, height };
}

function readObject(
  node: unknown,
  report: Report,
  image: { width: number; height: number },
): VocObject | undefined {
  if (!isNode(node)) {
    report("<object> is empty; expected <name> and <bndbox>. Remove it or fill it in.");
    return undefined;
  }
  const name = node.name;
  if (typeof name !== "string" || name.trim() === "") {
    const found = Array.isArray(name) ? `${name.length} of them` : "none";
    report(`expected one <name> with the class, found ${found}. Correct it.`);
    return undefined;
  }
  if (hasControls(name)) {
    report(`<name> is ${quoted(name)}, which holds control characters. Correct it.`);
    return undefined;
  }
  // Only the object's own box: those of its <part>s are nested deeper.
  const bndbox = node.bndbox;
  if (!isNode(bndbox)) {
    const found = Array.isArray(bndbox) ? `${bndbox.length} of them` : "none";
    report(
      `${quoted(name)} needs one <bndbox> with xmin, ymin, xmax, ymax of its own, found ${found}. Correct or remove the object.`,
    );
    return undefined;
  }
  const corners = ["xmin", "ymin", "xmax", "ymax"].map((key) =>
    readNumber(bndbox, key, report, quoted(name)),
  );
  const difficult = readDifficult(node.difficult, report);
  if (corners.includes(undefined) || difficult === undefined) return undefined;
  const box = checkBox(corners as number[], name, report, image);
  return box && { name: name.trim(), box, difficult };
}

function checkBox(
  [xmin, ymin, xmax, ymax]: number[],
  name: string,
  report: Report,
  { width, height }: { width: number; height: number },
): VocObject["box"] | undefined {
  const written = `${quoted(name)} has the box xmin ${xmin}, ymin ${ymin}, xmax ${xmax}, ymax ${ymax}`;
  if (xmax < xmin || ymax < ymin) {
    report(`${written}: inverted; expected xmin < xmax and ymin < ymax. Correct or remove the object.`);
    return undefined;
  }
  if (
    Math.min(xmin, ymin) < -BORDER_TOLERANCE ||
    xmax > width + BORDER_TOLERANCE ||
    ymax > height + BORDER_TOLERANCE
  ) {
    report(
      `${written}: outside the image of ${width} x ${height} px by more than ${BORDER_TOLERANCE} px. Correct the box or <size>.`,
    );
    return undefined;
  }
  const clip = (value: number, limit: number): number => Math.min(Math.max(value, 0), limit);
  const box: VocObject["box"] = [
    clip(xmin, width),
    clip(ymin, height),
    clip(xmax, width),
    clip(ymax, height),
  ];
  if (box[2] <= box[0] || box[3] <= box[1]) {
    report(
      `${written} in an image of ${width} x ${height} px: no area; expected xmin < xmax and ymin < ymax. Correct or remove the object.`,
    );
    return undefined;
  }
  return box;
}

function readDifficult(value: unknown, report: Report): boolean | undefined {
  if (value === undefined || value === "") return false;
  if (value === "0" || value === "1") return value === "1";
  if (value === "true" || value === "false") return value === "true";
  report(`<difficult> is ${quoted(value)}; expected 0 or 1. Correct it.`);
  return undefined;
}

function readNumber(node: XmlNode, key: string, report: Report, where: string): number | undefined {
  const value = node[key];
  if (value === undefined) {
    report(`${where} has no <${key}>; expected a number. Add it.`);
    return undefined;
  }
  const number = typeof value === "string" ? parseNumber(value) : undefined;
  if (number !== undefined) return number;
  report(`${where} has <${key}> ${quoted(value)}; expected a number. Correct it.`);
  return undefined;
}

function children(node: XmlNode, key: string): unknown[] {
  const value = node[key];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function isNode(value: unknown): value is XmlNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
