// XML, strictly: malformed text and document types are refused; character references are resolved.
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { InputError } from "../../errors.js";
import { listed, shortened } from "../../text.js";
import { parseNumber } from "../parseNumber.js";

export type XmlNode = Record<string, unknown>;

/** Attributes are children whose names begin with this. */
export const ATTRIBUTE = "@";

/**
 * Children by name: text, a node, or a list of them where a name comes more than once. Texts stay texts.
 * A document type or entity declaration is refused: labels have none, and entities can expand without limit.
 * @param root the name of the one element at the top
 * @throws InputError that names the file
 */
export function parseXml(text: string, file: string, root: string): XmlNode {
  const refuse = (message: string): never => {
    throw new InputError(`${file}: ${message}`);
  };
  const xml = text.replace(/^\uFEFF/, "");
  if (xml.trim() === "") refuse("the file is empty; expected XML. Export it again, or remove it.");
  if (/<!\s*(DOCTYPE|ENTITY)/i.test(xml)) {
    refuse(
      "the file declares a document type or entities (<!DOCTYPE or <!ENTITY), which is refused. Remove the declaration.",
    );
  }
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    const { line, msg } = validity.err;
    refuse(`malformed XML in line ${line}: ${shortened(msg)} Export the file again.`);
  }
  let document: XmlNode;
  try {
    document = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: ATTRIBUTE,
      parseTagValue: false,
      parseAttributeValue: false,
      // Numeric character references come with these, and take as long again.
      htmlEntities: xml.includes("&#"),
    }).parse(xml);
  } catch (error) {
    return refuse(`malformed XML: ${shortened((error as Error).message)} Export the file again.`);
  }
  const names = Object.keys(document).filter((name) => !name.startsWith("?"));
  const top = document[root];
  if (names.length !== 1 || top === undefined || Array.isArray(top)) {
    const found = listed(names.map((name) => `<${name}>`)) || "none";
    refuse(`expected one <${root}> at the top, found ${found}.`);
  }
  return isNode(top) ? top : {};
}

/** The element at the top of a document that begins like this; undefined when it is not XML. */
export const rootElement = (start: string): string | undefined =>
  /^\s*(?:<\?[^>]*>\s*|<!--[\s\S]*?-->\s*)*<([\w.:-]+)/.exec(start)?.[1];

export function isNode(value: unknown): value is XmlNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All children of a name. */
export function children(node: XmlNode, name: string): unknown[] {
  const value = node[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The text of a child; of an element with attributes too. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return isNode(value) && typeof value["#text"] === "string" ? value["#text"] : undefined;
}

/** A number that a text holds; undefined for anything else. */
export const parseDecimal = (text: unknown): number | undefined =>
  typeof text === "string" ? parseNumber(text) : undefined;
