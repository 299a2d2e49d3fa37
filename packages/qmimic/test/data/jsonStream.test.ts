// The stream of a JSON object gives what JSON.parse gives, wherever chunks end; what is no JSON is refused.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { streamJson } from "../../src/data/readers/jsonStream.js";
import { put, temporaryFolder } from "./temporary.js";

const root = await temporaryFolder();
let count = 0;

/** The object put together again. */
async function stream(content: string | Uint8Array): Promise<Record<string, unknown>> {
  const path = join(root, `${count++}.json`);
  await put(path, content);
  return streamFile(path);
}

async function streamFile(path: string): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  await streamJson(path, (key, value, element) => {
    if (element) result[key] = [...((result[key] as unknown[] | undefined) ?? []), value];
    else result[key] = value;
  });
  return result;
}

describe("streamJson", () => {
  it.each([
    '{"a": [1, "x", null, {"b": [2, [3]]}, [4, 5], true], "c": {"d": [1]}, "e": -1.5e3}',
    '{ "a" : [ "],[", "{", "\\"", "\\\\" ] , "b":"x,y:z" }',
    '\ufeff{"я": ["日本", {"k": "\\u0041"}], "n": [[], {}]}',
    '{"a":[1],"b":2}\n',
  ])("%s", async (text) => {
    expect(await stream(text)).toEqual(JSON.parse(text.replace("\ufeff", "")));
  });

  it("elements over the ends of chunks, and UTF-16", async () => {
    const path = join(root, "large.json");
    await put(path, '{"a": [');
    const element = JSON.stringify({ text: "é".repeat(1000), n: [1, 2] });
    for (let i = 0; i < 50; i++)
      await appendFile(path, `${i === 0 ? "" : ","}${Array(100).fill(element).join(",")}`);
    await appendFile(path, '], "b": "ü"}');
    const { a, b } = await streamFile(path);
    expect(b).toBe("ü");
    expect(a).toHaveLength(5000);
    expect(new Set((a as unknown[]).map((one) => JSON.stringify(one)))).toEqual(new Set([element]));
    const utf16 = Buffer.from('\ufeff{"a": ["я"]}', "utf16le");
    expect(await stream(utf16)).toEqual({ a: ["я"] });
  });

  it.each([
    ["", /unexpected end of file/],
    ["[1]", /expected one object/],
    ["x", /expected one object/],
    ['{"a": [1, 2}', /malformed JSON/],
    ['{"a": [1, 2', /unexpected end of file/],
    ['{"a": [1 2]}', /element 1 of "a"/],
    ['{"a": [1,]}', /an element of "a" is missing/],
    ['{"a": 1} {"b": 2}', /expected one object/],
    ['{"a": nope}', /malformed JSON/],
    ["{a: 1}", /malformed JSON/],
    ['{"a"}', /a key without a value/],
    ['{"a": "x}', /unexpected end of file/],
    [Buffer.from([...Buffer.from('{"a": ["'), 0xff, ...Buffer.from('"]}')]), /the byte ff at offset/],
  ])("refuses %s", async (content, expected) => {
    await expect(stream(content)).rejects.toThrow(expected);
  });
});
