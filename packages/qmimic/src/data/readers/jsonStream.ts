// Streams a JSON object of any size, arrays element by element: half a gigabyte does not fit in one string.
import { open, stat } from "node:fs/promises";
import { InputError } from "../../errors.js";
import { requireFile } from "../../files.js";
import { quoted, shortened } from "../../text.js";
import { decodeText, readText } from "../text.js";

const CHUNK = 4 * 2 ** 20;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** @param element whether the value is one of an array's elements, rather than the key's whole value */
export type OnValue = (key: string, value: unknown, element: boolean) => void;

/**
 * Calls `onValue` for each key of the top-level object: once, or per element if its value is an array.
 * @throws InputError naming the file if it is not JSON, or not an object
 */
export async function streamJson(file: string, onValue: OnValue): Promise<void> {
  const scan = createScanner(file, onValue);
  const handle = await requireFile(file)
    .then(() => open(file))
    .catch((error: Error) => {
      throw new InputError(`${file}: cannot read the file: ${error.message}`);
    });
  try {
    const { size } = await stat(file);
    const chunk = Buffer.alloc(Math.min(CHUNK, size));
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) break;
      const bytes = chunk.subarray(0, bytesRead);
      if (at === 0 && (bytes[0] === 0xff || bytes[0] === 0xfe || bytes[1] === 0)) {
        // UTF-16: converted as a whole.
        scan.push(Buffer.from(await readText(file)));
        break;
      }
      scan.push(at === 0 && bytes[0] === 0xef ? bytes.subarray(3) : bytes);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
  scan.end();
}

interface Scanner {
  push(bytes: Buffer): void;
  end(): void;
}

function createScanner(file: string, onValue: OnValue): Scanner {
  /** Nesting depth; 1 is inside the top-level object, 2 inside one of its arrays. */
  let depth = 0;
  let inString = false;
  let escaped = false;
  let key: string | undefined;
  /** Whether the value of `key` is an array, passed on element by element. */
  let inArray = false;
  let elements = 0;
  let ended = false;
  /** Bytes of the item (a key, value or element) from earlier chunks. */
  let parts: Buffer[] = [];
  let offset = 0;

  const refuse = (at: number, what: string): never => {
    throw new InputError(`${file}: malformed JSON at byte ${offset + at}: ${what}. Export the file again.`);
  };

  const parse = (bytes: Buffer, at: number): unknown => {
    const text = bytes.toString("utf8");
    // Throws with the offset of the byte, unless the text itself has the character.
    if (text.includes("\ufffd")) decodeText(bytes, file);
    try {
      return JSON.parse(text);
    } catch (error) {
      return refuse(
        at,
        `${shortened((error as Error).message)}, in ${inArray ? `element ${elements + 1} of ` : ""}${quoted(key ?? "")}`,
      );
    }
  };

  const push = (bytes: Buffer): void => {
    let start = 0;
    /** Ends the item before byte i, and starts the next one. */
    const take = (i: number): Buffer => {
      const last = bytes.subarray(start, i);
      const item = parts.length === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      start = i + 1;
      return item;
    };
    const give = (i: number): void => {
      const item = take(i);
      const blank = isBlank(item);
      if (inArray) {
        if (blank && (elements > 0 || bytes[i] === COMMA))
          refuse(i, `an element of ${quoted(key ?? "")} is missing`);
        if (!blank) {
          onValue(key!, parse(item, i), true);
          elements++;
        }
      } else if (key !== undefined) {
        onValue(key, parse(item, i), false);
        key = undefined;
      } else if (!blank) refuse(i, "a key without a value");
    };
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      switch (byte) {
        case QUOTE:
          inString = true;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          if (depth === 0) {
            if (byte !== OPEN_BRACE || ended) refuse(i, "expected one object");
            start = i + 1;
          } else if (
            depth === 1 &&
            byte === OPEN_BRACKET &&
            key !== undefined &&
            [...parts, bytes.subarray(start, i)].every(isBlank)
          ) {
            inArray = true;
            elements = 0;
            parts = [];
            start = i + 1;
          }
          depth++;
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          depth--;
          if (depth < 0) refuse(i, "an unmatched closing bracket");
          if (depth === 1 && inArray) {
            if (byte !== CLOSE_BRACKET) refuse(i, "a mismatched bracket");
            give(i);
            inArray = false;
            // All elements were passed on; this key is done.
            key = undefined;
          } else if (depth === 0) {
            give(i);
            ended = true;
          }
          break;
        case COMMA:
          if (depth === 1 || (depth === 2 && inArray)) give(i);
          break;
        case COLON:
          if (depth === 1) key = toKey(take(i), i);
          break;
        default:
          if (depth === 0 && byte > 0x20) refuse(i, "expected one object");
      }
    }
    if (start < bytes.length && depth > 0) parts.push(Buffer.from(bytes.subarray(start)));
    offset += bytes.length;
  };

  const toKey = (bytes: Buffer, at: number): string => {
    const name = parse(bytes, at);
    return typeof name === "string" ? name : refuse(at, "expected a key in quotes");
  };

  return {
    push,
    end: () => {
      if (!ended || depth !== 0) refuse(0, "unexpected end of file");
    },
  };
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte > 0x20) return false;
  return true;
}
