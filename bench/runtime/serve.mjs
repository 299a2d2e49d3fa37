// Serves local files to a local browser.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, relative, sep } from "node:path";

const TYPES = { html: "text/html", js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };

/** @param folders folders by URL path prefix; @param files contents by URL path, may change while serving */
export function serve(folders, files) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    const file = prefix && join(folders[prefix], path.slice(prefix.length));
    const body = files[path] ?? (file && existsSync(file) ? readFileSync(file) : undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": TYPES[path.split(".").at(-1)] ?? "application/octet-stream",
      "cache-control": "no-store",
      // Cross-origin isolation enables precise clocks.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(body);
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({ server, url: `http://127.0.0.1:${server.address().port}` }),
    ),
  );
}

/** The URL path of a file below a served folder, whatever characters its name has. */
export const addressIn = (prefix, folder, file) =>
  prefix + relative(folder, file).split(sep).map(encodeURIComponent).join("/");
