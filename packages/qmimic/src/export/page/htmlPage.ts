// A self-contained page with the runtime, the model, and a demo for images and the camera. It can be opened
// from disk and needs no server.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BYTE_KERNELS_HEX, parseModel } from "@qmimic/runtime";
import { APP } from "./app.js";
import { packedElement, UNPACK } from "./packing.js";
import { STYLE } from "./style.js";

/**
 * @param model the bytes of a model file
 * @param title page title, for instance the classes
 */
export function htmlPage(model: Uint8Array, title: string): string {
  const bundle = readFileSync(fileURLToPath(import.meta.resolve("@qmimic/runtime/bundle")), "utf8");
  // Needed only for rounded maps.
  const runtime = parseModel(model).input.levels > 0 ? bundle : bundle.replace(BYTE_KERNELS_HEX, "");
  const name = escapeHtml(title);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
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
${packedElement("model", model)}
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

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter]);
