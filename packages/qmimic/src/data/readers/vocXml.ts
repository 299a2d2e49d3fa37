// Reads one VOC annotation file strictly: problems are reported, nothing is guessed. The format: Everingham et
// al., The PASCAL VOC 2012 Development Kit, section 10.1.

import { quoted } from "../../text.js";
import type { Box, ImageSize } from "../boxes.js";
import { readText } from "../text.js";
import type { LabelledObject } from "./types.js";
import { ATTRIBUTE, children, isNode, parseDecimal, parseXml, textOf, type XmlNode } from "./xml.js";

/** A normal annotation is a few kilobytes; a larger one is broken or malicious. */
const MAX_XML_BYTES = 10e6;

export interface VocAnnotation {
  /** Undefined if missing or 0, as labelImg writes it for images that it cannot open. */
  size: ImageSize | undefined;
  /** <filename>. */
  image: string | undefined;
  objects: LabelledObject[];
  /** Names of unread elements of its objects: pose, part. */
  unread: string[];
}

/**
 * Reads one annotation. Problems of objects go to `report`, without the file name, and these objects are left
 * out.
 *
 * Coordinates are kept: 1 is not subtracted, because sets in the wild mix both conventions and half a pixel
 * matters little.
 * @throws InputError naming the file if the whole file is unusable
 */
export async function readVocAnnotation(
  file: string,
  report: (message: string) => void,
): Promise<VocAnnotation> {
  const root = parseXml(await readText(file, MAX_XML_BYTES), file, "annotation");
  const objects: LabelledObject[] = [];
  const unread: string[] = [];
  children(root, "object").forEach((node, index) => {
    const at = `object ${index + 1}`;
    const object = readObject(node, at, (message) => report(`${at}: ${message}`));
    if (object === undefined) return;
    objects.push(object);
    unread.push(...unreadOf(node as XmlNode));
  });
  return { size: readSize(root, report), image: textOf(root.filename), objects, unread };
}

type Report = (message: string) => void;

function readSize(root: XmlNode, report: Report): ImageSize | undefined {
  if (!isNode(root.size)) return undefined;
  const [width, height] = [root.size.width, root.size.height].map(textOf);
  if ([width, height].every((side) => side === undefined || side === "" || /^0+(\.0*)?$/.test(side))) {
    return undefined;
  }
  const size = { width: parseDecimal(width) ?? Number.NaN, height: parseDecimal(height) ?? Number.NaN };
  const whole = (side: number): boolean => Number.isInteger(side) && side >= 1;
  if (whole(size.width) && whole(size.height)) return size;
  report(
    `<size> is ${width ?? "nothing"} x ${height ?? "nothing"}; expected integers, at least 1 x 1. Correct it, or remove <size>.`,
  );
  return undefined;
}

function readObject(node: unknown, at: string, report: Report): LabelledObject | undefined {
  if (!isNode(node)) {
    report("<object> is empty; expected <name> and <bndbox>. Remove it or fill it in.");
    return undefined;
  }
  const name = textOf(node.name)?.trim() ?? "";
  if (name === "") {
    const found = Array.isArray(node.name) ? `${node.name.length} of them` : "none";
    report(`expected one <name> with the class, found ${found}. Correct it.`);
    return undefined;
  }
  // Only the object's box: those of its <part>s are nested deeper.
  const bndbox = node.bndbox;
  if (!isNode(bndbox)) {
    const found = Array.isArray(bndbox) ? `${bndbox.length} of them` : "none";
    report(
      `${quoted(name)} needs exactly one <bndbox> with xmin, ymin, xmax, ymax, found ${found}. Correct or remove the object.`,
    );
    return undefined;
  }
  const corners = ["xmin", "ymin", "xmax", "ymax"].map((key) =>
    readNumber(bndbox, key, report, quoted(name)),
  );
  const difficult = readDifficult(node.difficult, report);
  if (corners.includes(undefined) || difficult === undefined) return undefined;
  const marks = (["truncated", "occluded"] as const).filter((mark) =>
    /^(1|true)$/.test(textOf(node[mark]) ?? ""),
  );
  return { name, box: corners as Box, difficult, at, ...(marks.length > 0 ? { marks } : {}) };
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
  const number = parseDecimal(textOf(value));
  if (number === undefined) {
    report(`${where} has <${key}> ${quoted(value)}; expected a number. Correct it.`);
  }
  return number;
}

const READ = new Set(["name", "bndbox", "difficult", "truncated", "occluded"]);
const SAYS_NOTHING = new Set(["", "0", "false", "Unspecified", "Unknown"]);

function unreadOf(node: XmlNode): string[] {
  return Object.keys(node).filter(
    (key) =>
      !READ.has(key) &&
      !key.startsWith(ATTRIBUTE) &&
      !key.startsWith("#") &&
      !SAYS_NOTHING.has(String(node[key]).trim()),
  );
}
