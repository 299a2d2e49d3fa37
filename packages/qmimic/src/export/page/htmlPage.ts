// A self-contained page with the runtime, the model, and a demo for images and the camera. It can be opened
// from disk and needs no server.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseModel } from "@qmimic/runtime";
import { APP } from "./app.js";
import { packedElement, UNPACK } from "./packing.js";
import { FIRST_STYLE, STYLE } from "./style.js";

/**
 * @param model the bytes of a model file
 * @param title page title, for instance the classes
 */
export function htmlPage(model: Uint8Array, title: string): string {
  const rounded = parseModel(model).input.levels > 0;
  const bundle = import.meta.resolve(`@qmimic/runtime/${rounded ? "bundle" : "bundle-floats"}`);
  const runtime = readFileSync(fileURLToPath(bundle), "utf8");
  const name = escapeHtml(title);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
<style>${FIRST_STYLE}</style>
<header><h1>${name}</h1><p id="status" role="status">loading</p></header>
<main>
  <div class="controls">
    <label class="button">Open image<input id="files" type="file" accept="image/*"></label>
    <button id="camera" type="button">Start camera</button>
    <label>Minimum score <output id="shown"></output>
      <input id="threshold" type="range" min="0.01" max="0.99" step="0.01"></label>
    <button id="reset" type="button" title="the model's threshold for each class">Default</button>
  </div>
  <div id="stage"><canvas id="canvas" width="1" height="1"></canvas><p id="hint">Drop or paste an image here, or use the buttons.</p></div>
  <table id="found"><caption>Objects</caption><thead><tr><th>label<th>score<th>x<th>y<th>width<th>height</thead><tbody></tbody></table>
</main>
${packedElement("model", model, floatsOf(model))}
${packedElement("program", Buffer.from(`${ADD_STYLE}${runtime}\n${SCRIPT}`))}
<script>${UNPACK.replace(/^\s+/gm, "")}${START.replace(/^\s+/gm, "")}</script>
</html>
`;
}

/** Without indentation and comments, for a smaller page. */
const SCRIPT = APP.replace(/^\s+(\/\*\*.*\*\/)?|;\s*\/\/.*$/gm, (found) =>
  found.startsWith(";") ? ";" : "",
);

/** In the program, because it is compressed. */
const ADD_STYLE = `document.head.append(Object.assign(document.createElement("style"), { textContent: ${JSON.stringify(STYLE)} }));`;

/** Runs the program, or tells the user that the browser is too old, or the page damaged. */
const START = `
unpack("program").then((program) => {
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(program);
  document.body.append(script);
}, (error) => {
  document.getElementById("status").textContent = globalThis.DecompressionStream
    ? "this page is damaged: " + error.message
    : "this browser is too old: it needs DecompressionStream (Chrome 103, Firefox 113, Safari 16.4)";
});
`;

/** Where a safetensors file's numbers begin: after the length of its header, and the header. */
const floatsOf = (file: Uint8Array): number =>
  8 + new DataView(file.buffer, file.byteOffset).getUint32(0, true);

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter]);
