// A real Chromium, where there is one, and a server for what it loads.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const executable = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

/** Whether tests in a browser can run. */
export const hasBrowser = executable !== undefined;

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executable!,
    args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });

const TYPES: Record<string, string> = {
  js: "text/javascript",
  mjs: "text/javascript",
  html: "text/html",
  png: "image/png",
};

/** Serves a folder and some files made here. */
export function serve(
  folder: string,
  files: Record<string, string | Uint8Array>,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://localhost").pathname;
    const file = join(folder, path);
    const body = files[path] ?? (existsSync(file) ? readFileSync(file) : undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": TYPES[path.split(".").at(-1)!] ?? "application/octet-stream",
    });
    response.end(body);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({ url: `http://127.0.0.1:${port}`, server });
    });
  });
}
