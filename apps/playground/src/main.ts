// The playground: models and pictures in, boxes out. Everything runs in this page.
import { Detector } from "@qmimic/runtime";
import runtimeUrl from "@qmimic/runtime/module?url";
import { hasCamera, media, openFiles, step, toggleCamera, togglePause } from "./media.js";
import { createPanel, kilobytes, type Overlay, type Panel } from "./panel.js";

const $ = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const panels: Panel[] = [];
let threshold: number | undefined;

const say = (text: string): void => {
  $("status").textContent = text;
};

function show(): void {
  const picture = media.current();
  if (picture === undefined) return;
  const overlay = $<HTMLSelectElement>("overlay").value as Overlay;
  for (const panel of panels) {
    try {
      panel.show(picture, threshold, overlay);
    } catch (error) {
      say((error as Error).message);
    }
  }
  offerChannels(Math.max(0, ...panels.map(({ channels }) => channels())));
}

let frame = 0;

/** Shows the current picture, then frames as long as there are any. */
function run(): void {
  // There is one loop, however often it is started.
  cancelAnimationFrame(frame);
  show();
  if (media.moves()) frame = requestAnimationFrame(run);
}

async function openModel(name: string, bytes: Uint8Array): Promise<void> {
  try {
    const detector = await Detector.load(bytes);
    const panel = createPanel(detector, name, bytes.length, () => {
      panels.splice(panels.indexOf(panel), 1);
      panel.element.remove();
      show();
    });
    panels.push(panel);
    $("panels").append(panel.element);
    say(`${name}: ${kilobytes(bytes.length)}`);
  } catch (error) {
    say(`${name}: ${(error as Error).message}`);
  }
}

/** Overlays that every model has. */
const SHARED_OVERLAYS = 3;

/** Offers an overlay for each channel of the model's map with the most. */
function offerChannels(count: number): void {
  const select = $<HTMLSelectElement>("overlay");
  const wanted = SHARED_OVERLAYS + count;
  while (select.options.length > wanted) select.remove(select.options.length - 1);
  for (let i = select.options.length; i < wanted; i++) {
    const c = i - SHARED_OVERLAYS;
    select.add(new Option(`feature map: channel ${c}`, `channel ${c}`));
  }
}

async function open(files: readonly File[]): Promise<void> {
  const isModel = ({ name }: File) => name.endsWith(".safetensors");
  for (const file of files.filter(isModel))
    await openModel(file.name, new Uint8Array(await file.arrayBuffer()));
  const shown = files.filter((file) => !isModel(file));
  try {
    if (shown.length > 0 && !(await openFiles(shown))) return;
  } catch (error) {
    say((error as Error).message);
  }
  showCamera();
  run();
}

/** Opens what the user chose: what an earlier choice said is over. */
function choose(files: readonly File[]): Promise<void> {
  say("");
  return open(files);
}

const showCamera = (): void => {
  $("camera").ariaPressed = String(hasCamera());
};

function setThreshold(value: number): void {
  const slider = $<HTMLInputElement>("threshold");
  slider.value = String(value);
  threshold = Number(slider.value) === 0 ? undefined : Number(slider.value);
  $("shown").textContent = threshold === undefined ? "model's" : threshold.toFixed(2);
  show();
}

for (const id of ["models", "media"]) {
  $<HTMLInputElement>(id).onchange = async ({ target }) => {
    const input = target as HTMLInputElement;
    await choose([...(input.files ?? [])]);
    input.value = "";
  };
}
$("camera").onclick = async () => {
  try {
    if (await toggleCamera()) say("");
  } catch (error) {
    say((error as Error).message);
  }
  showCamera();
  run();
};
$("threshold").oninput = ({ target }) => setThreshold(Number((target as HTMLInputElement).value));
$("overlay").onchange = show;
const turn = (by: 1 | -1) => async (): Promise<void> => {
  try {
    if (!(await step(by))) return;
    say("");
    show();
  } catch (error) {
    say((error as Error).message);
  }
};
$("previous").onclick = turn(-1);
$("next").onclick = turn(1);

async function sayRuntimeSize(): Promise<void> {
  const file = await (await fetch(runtimeUrl)).blob();
  const zipped = await new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob();
  $("runtime").textContent = `The runtime: ${kilobytes(file.size)}, ${kilobytes(zipped.size)} gzipped.`;
}
sayRuntimeSize().catch((error: Error) => say(`the runtime's size is unknown: ${error.message}`));

const KEYS: Record<string, () => void | Promise<void>> = {
  ArrowLeft: turn(-1),
  ArrowRight: turn(1),
  " ": () => {
    togglePause();
    run();
  },
  "+": () => setThreshold((threshold ?? 0) + 0.05),
  "-": () => setThreshold(Math.max(0, (threshold ?? 0) - 0.05)),
  o: () => {
    const select = $<HTMLSelectElement>("overlay");
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    show();
  },
};
/** Keys with a meaning of their own in a control. All others stay shortcuts, because a control keeps the focus after its use. */
const OWN_KEYS: Record<string, RegExp> = {
  "button, summary, [type=file]": /^ $/,
  "[type=range]": /^Arrow/,
  select: /^(Arrow.*|o| )$/,
};
const isOwn = (target: Element, key: string): boolean =>
  Object.entries(OWN_KEYS).some(([control, keys]) => target.matches(control) && keys.test(key));

addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isOwn(event.target as Element, event.key)) return;
  event.preventDefault();
  void action();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  void choose([...(event.dataTransfer?.files ?? [])]);
});

/** Opens the demo's models and pictures, if `npm run playground` found them. */
async function openDemo(): Promise<void> {
  const response = await fetch("demo.json").catch(() => undefined);
  if (!response?.ok || !response.headers.get("content-type")?.includes("json")) return;
  const { models, pictures } = (await response.json()) as Record<"models" | "pictures", string[]>;
  const files = pictures.map(async (path) => {
    const blob = await (await fetch(path)).blob();
    return new File([blob], path, { type: blob.type });
  });
  for (const path of models)
    await openModel(path.split("/").at(-1)!, new Uint8Array(await (await fetch(path)).arrayBuffer()));
  await open(await Promise.all(files));
}

void openDemo();
