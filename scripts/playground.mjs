// npm run playground: the playground on a server of this machine, with the demo's models and pictures when there are some.
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = join(root, "runs/demo");
const TYPES = { jpg: "image/jpeg", safetensors: "application/octet-stream" };

/** Address -> file: teacher and student of the demo, and some of its pictures. */
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

/** Answers for the demo's files; everything else is the page's. */
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
        response.end(JSON.stringify({ models, pictures: addresses.filter((one) => !isModel(one)) }));
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
  console.log("npm run demo makes models to try; or drop your own onto the page");
