/** The page's script, as text: it runs in a browser together with the runtime's bundle. */
export const APP = `
(async () => {
  const $ = (id) => document.getElementById(id);
  const status = (text) => { $("status").textContent = text; };
  const { Detector, draw } = qmimic;
  const model = await unpack("model");
  let detector;
  try {
    detector = await Detector.load(model);
  } catch (error) {
    status(error.message);
    return;
  }
  const ready = detector.classes.join(", ") + ", " + Math.round(model.length / 1000) + " kB";
  status(ready);

  const canvas = $("canvas");
  const context = canvas.getContext("2d");
  const mean = detector.thresholds.reduce((sum, value) => sum + value, 0) / detector.thresholds.length;
  let threshold; // undefined: per-class thresholds
  let picture;
  let stream;
  let starting = false; // the camera is requested, but not on yet
  let wanted = 0; // counts sources, so that one that is late does not replace a newer one

  /** Draws an image or a video frame, and the boxes over it. */
  function show(source, width, height) {
    $("found").tBodies[0].replaceChildren();
    window.detections = [];
    canvas.width = width;
    canvas.height = height;
    context.drawImage(source, 0, 0, width, height);
    const started = performance.now();
    const found = detector.detect(canvas, threshold === undefined ? {} : { threshold });
    const took = performance.now() - started;
    draw(canvas, found);
    $("hint").hidden = true;
    status(found.length + (found.length === 1 ? " object, " : " objects, ") + took.toFixed(1) + " ms, " + width + " x " + height + " px");
    $("found").tBodies[0].replaceChildren(...found.slice(0, 50).map(row));
    window.detections = found;
  }

  function row({ label, score, box }) {
    const { xmin, ymin, xmax, ymax } = box;
    const tr = document.createElement("tr");
    const cells = [label, score.toFixed(2), ...[xmin, ymin, xmax - xmin, ymax - ymin].map(Math.round)];
    for (const text of cells) tr.insertCell().textContent = text;
    return tr;
  }

  function again() {
    $("shown").textContent = threshold === undefined ? mean.toFixed(2) : threshold.toFixed(2);
    $("threshold").value = threshold ?? mean;
    if (picture) attempt(() => show(picture, picture.width, picture.height));
  }

  /** Returns whether it succeeded. */
  function attempt(action) {
    try {
      action();
      return true;
    } catch (error) {
      status(error.message);
      return false;
    }
  }

  async function open(file) {
    stop();
    const mine = wanted;
    let image;
    try {
      image = await createImageBitmap(file);
    } catch (error) {
      status("cannot open " + (file.name || "the image") + ": " + error.message);
      return;
    }
    if (mine !== wanted) {
      image.close();
      return;
    }
    close();
    picture = image;
    again();
  }

  /** Frees the pixels at once: a photograph has tens of megabytes. */
  function close() {
    picture?.close();
    picture = undefined;
  }

  function stop() {
    wanted++;
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = undefined;
    starting = false;
    $("camera").textContent = "Start camera";
  }

  async function start() {
    const mine = ++wanted;
    starting = true;
    $("camera").textContent = "Stop camera";
    const video = document.createElement("video");
    video.playsInline = true;
    try {
      if (!navigator.mediaDevices) throw new Error("cameras need https, or a page opened from this computer");
      const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (mine !== wanted) {
        for (const track of camera.getTracks()) track.stop();
        return;
      }
      video.srcObject = stream = camera;
      await video.play();
    } catch (error) {
      if (mine !== wanted) return;
      stop();
      status("no camera: " + error.message);
      return;
    }
    if (mine !== wanted) return;
    starting = false;
    close();
    const frame = () => {
      if (mine !== wanted) return;
      const drawn = video.readyState < 2 || attempt(() => show(video, video.videoWidth, video.videoHeight));
      if (drawn) requestAnimationFrame(frame);
      else stop();
    };
    frame();
  }

  $("files").onchange = async ({ target }) => {
    const [file] = target.files;
    if (file) await open(file);
    target.value = "";
  };
  $("camera").onclick = () => (stream || starting ? stop() : start());
  $("threshold").oninput = ({ target }) => { threshold = Number(target.value); again(); };
  $("reset").onclick = () => { threshold = undefined; again(); };
  addEventListener("dragover", (event) => { event.preventDefault(); $("stage").classList.add("over"); });
  addEventListener("dragleave", () => $("stage").classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("stage").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) open(file);
  });
  addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((item) => item.type.startsWith("image/"));
    if (file) open(file);
  });
  again();
})();
`;
