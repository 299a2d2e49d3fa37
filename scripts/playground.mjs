// npm run playground: serves the playground locally, with the demo's models and images if they exist.
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = join(root, "runs/demo");
const TYPES = { jpg: "image/jpeg", safetensors: "application/octet-stream" };

/** Maps URL paths to files: the demo's teacher and student, and some of its images. */
function demoFiles() {
  const files = {};
  for (const who of ["teacher", "student"]) {
    const file = join(run, who === "student" ? "export" : "export-teacher", "detector.safetensors");
    if (existsSync(file)) files[`/demo/${who}.safetensors`] = file;
  }
  const pictures = join(root, "runs/demo-data/JPEGImages");
  const names = existsSync(pictures) ? readdirSync(pictures).sort().slice(-12) : [];
  for (const name of names) files[`/demo/${name}`] = join(pictures, name);
  return files;
}

/** Serves the demo's files; Vite serves the page. */
const demo = {
  name: "demo",
  configureServer(server) {
    const files = demoFiles();
    const addresses = Object.keys(files);
    const isModel = (path) => path.endsWith(".safetensors");
    server.middlewares.use((request, response, next) => {
      const path = request.url.split("?")[0];
      if (path === "/demo.json" && addresses.some(isModel)) {
        response.setHeader("content-type", "application/json");
        const models = addresses.filter(isModel);
        response.end(JSON.stringify({ models, pictures: addresses.filter((path) => !isModel(path)) }));
      } else if (Object.hasOwn(files, path)) {
        response.setHeader("content-type", TYPES[path.split(".").at(-1)] ?? "application/octet-stream");
        createReadStream(files[path]).pipe(response);
      } else next();
    });
  },
};

const server = await createServer({
  root: join(root, "apps/playground"),
  server: { host: "127.0.0.1", port: Number(process.env.PORT ?? 5173) },
  plugins: [demo],
});
await server.listen();
const [url] = server.resolvedUrls.local;
console.log(`playground ${url}`);
if (!existsSync(join(run, "export")))
  console.log("No demo models found. Create some with npm run demo, or drop your own model onto the page");
