// Strict XML: rejects malformed text and document types; resolves character references.
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { InputError } from "../../errors.js";
import { listed, shortened } from "../../text.js";
import { parseNumber } from "../parseNumber.js";

export type XmlNode = Record<string, unknown>;

/** Prefix of attributes among the children. */
export const ATTRIBUTE = "@";

/**
 * Children by name: text, a node, or a list of them if a name occurs more than once. Text is not converted.
 * Rejects a document type or entity declaration: labels have none, and entities can expand without limit.
 * @param root name of the root element
 * @throws InputError naming the file
 */
export function parseXml(xml: string, file: string, root: string): XmlNode {
  const refuse = (message: string): never => {
    throw new InputError(`${file}: ${message}`);
  };
  if (xml.trim() === "") refuse("the file is empty; expected XML. Export it again, or remove it.");
  if (/<!\s*(DOCTYPE|ENTITY)/i.test(xml)) {
    refuse(
      "the file declares a document type or entities (<!DOCTYPE or <!ENTITY), which is not allowed. Remove the declaration.",
    );
  }
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    const { line, msg } = validity.err;
    refuse(`malformed XML on line ${line}: ${shortened(msg)} Export the file again.`);
  }
  let document: XmlNode;
  try {
    document = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: ATTRIBUTE,
      parseTagValue: false,
      parseAttributeValue: false,
      // This also decodes numeric character references, and doubles the time.
      htmlEntities: xml.includes("&#"),
    }).parse(xml);
  } catch (error) {
    return refuse(`malformed XML: ${shortened((error as Error).message)} Export the file again.`);
  }
  const names = Object.keys(document).filter((name) => !name.startsWith("?"));
  const top = document[root];
  if (names.length !== 1 || top === undefined || Array.isArray(top)) {
    const found = listed(names.map((name) => `<${name}>`)) || "none";
    refuse(`expected one <${root}> as the root element, found ${found}.`);
  }
  return isNode(top) ? top : {};
}

/** The root element of a document with this beginning; undefined if it is not XML. */
export const rootElement = (start: string): string | undefined =>
  /^\s*(?:<\?[^>]*>\s*|<!--[\s\S]*?-->\s*)*<([\w.:-]+)/.exec(start)?.[1];

export function isNode(value: unknown): value is XmlNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** All children with a name. */
export function children(node: XmlNode, name: string): unknown[] {
  const value = node[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** The text of a child, with or without attributes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return isNode(value) && typeof value["#text"] === "string" ? value["#text"] : undefined;
}

/** A text's number; undefined for anything else. */
export const parseDecimal = (text: unknown): number | undefined =>
  typeof text === "string" ? parseNumber(text) : undefined;
