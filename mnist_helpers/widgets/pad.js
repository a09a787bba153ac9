// A black square to draw on in white. The strokes, lists of points [x, y] in pixels of the page, live
// in the kernel: a page that is loaded again shows those that are there. The words come from there.
function render({ model, el }) {
  const size = model.get("size");
  const [label, here, undo, clear] = model.get("words");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2 * size; // two pixels for one of the page: sharp when zoomed
  canvas.style.cssText =
    `width: ${size}px; height: ${size}px; display: block; margin: 2px; cursor: crosshair; touch-action: none`;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  el.append(canvas);
  const pen = canvas.getContext("2d");
  pen.scale(2, 2);

  function draw() {
    pen.fillStyle = "black";
    pen.fillRect(0, 0, size, size);
    const strokes = model.get("strokes");
    if (!strokes.length) {
      pen.fillStyle = "#bbb";
      pen.font = `${size / 11}px sans-serif`;
      pen.textAlign = "center";
      pen.fillText(here, size / 2, size / 2);
    }
    pen.strokeStyle = "white";
    pen.lineWidth = size / 18;
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(stroke[0][0] - 0.01, stroke[0][1]); // a line of no length would not be drawn
      for (const point of stroke) pen.lineTo(...point);
      pen.stroke();
    }
  }

  function keep(strokes) {
    model.set("strokes", strokes);
    model.save_changes();
  }

  let drawing = null; // the finger, pen or mouse that draws: of several the first one
  function press(event) {
    if (drawing !== null || event.button !== 0) return;
    drawing = event.pointerId;
    keep([...model.get("strokes"), [[event.offsetX, event.offsetY]]]);
  }
  function move(event) {
    if (event.pointerId !== drawing) return;
    const { offsetX: x, offsetY: y } = event;
    const strokes = model.get("strokes");
    // A finger's events go on outside of the pad; and the kernel may have taken all strokes away.
    const inside = Math.min(x, y) >= 0 && Math.max(x, y) <= size;
    if (!inside || !strokes.length) return release(event);
    keep([...strokes.slice(0, -1), [...strokes.at(-1), [x, y]]]);
  }
  function release(event) {
    if (event.pointerId === drawing) drawing = null;
  }
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel", "pointerleave"])
    canvas.addEventListener(end, release);
  // Here and not in the kernel: a stroke that is still on its way would come back after it.
  const forget = { [undo]: (strokes) => strokes.slice(0, -1), [clear]: () => [] };
  for (const [name, left] of Object.entries(forget)) {
    const button = document.createElement("button");
    button.textContent = name;
    button.className = "jupyter-widgets jupyter-button widget-button";
    button.style.width = "5em";
    button.addEventListener("click", () => keep(left(model.get("strokes"))));
    el.append(button);
  }
  model.on("change:strokes", draw);
  draw();
  return () => model.off("change:strokes", draw);
}

export default { render };
