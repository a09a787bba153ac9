"""What can be poked at in a notebook: controls for mouse and keyboard, a figure, and its text."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import gc
import html
import io
import math
from statistics import fmean
import threading
from time import perf_counter

import ipycanvas
import ipywidgets
from ipywidgets import HBox, Layout, VBox, Widget
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from PIL import Image
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torchvision.datasets import MNIST
from torchvision.utils import make_grid

from . import insights, plots, shapes
from .batches import random_affine
from .drawing import StrokeRecorder, rasterize

_LOOK = {"layout": {"width": "30em"}, "style": {"description_width": "9em"}}
# Matplotlib is not made for several threads at once.
_LOCK = threading.RLock()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let other threads wait: JupyterLab has widgets answered by several, where several are moved.
    Python's garbage collector waits, too: with PyTorch loaded it takes a fifth of a second."""
    with _LOCK:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


def leaf_through(dataset: MNIST) -> VBox:
    """Leaf through digits, all or those of one class, and read the pixel under two sliders."""
    kind = _dropdown("digit", ["all", *map(str, range(10))])
    number, row, column = _slider("number", 0, 1), _slider("row", 8, 27), _slider("column", 12, 27)

    def show(moved: Widget | None) -> tuple[Figure, str]:
        indices = range(len(dataset.targets))
        if kind.value != "all":
            indices = (dataset.targets == int(kind.value)).nonzero().flatten().tolist()
        if moved in (kind, None):
            number.value, number.max = 0, len(indices) - 1
        index, pixel = indices[number.value], (row.value, column.value)
        image, label = dataset[index]
        value = image[0, *pixel].item()
        place = f"image[0, {row.value}, {column.value}]"
        text = f"sample {index:,} is a {label}; {place} = {value:.4f} = {255 * value:.0f} / 255"
        # Five pixels around that one, moved inwards at the edge.
        starts = [min(max(at - 2, 0), 28 - 5) for at in pixel]
        crop = [slice(start, start + 5) for start in starts]
        return plots.plot_pixels(image, *crop, pixel=pixel), text

    return _connected(show, [kind, number, row, column])


def convolution_in_slow_motion(images: Mapping[str, Float[Tensor, "H W"]]) -> VBox:
    """Move the window of a convolution over an image, and see each sum and the output fill in."""
    picture = _dropdown("image", list(images))
    kernel = _dropdown("kernel", [*shapes.kernels(), "your own"])
    names = [f"[{row}, {column}]" for row in range(3) for column in range(3)]
    look = {"layout": {"width": "9em"}, "style": {"description_width": "3em"}}
    box = {"min": -99, "max": 99, "step": 0.5, **look}
    numbers = [ipywidgets.BoundedFloatText(0, description=name, **box) for name in names]
    stride, padding = _slider("stride", 1, 3, least=1), _slider("padding", 0, 2)
    place = _slider("window's place", 0, 1)

    def show(moved: Widget | None) -> tuple[Figure, str]:
        if moved in numbers:
            kernel.value = "your own"
        weight = torch.tensor([number.value for number in numbers]).reshape(3, 3)
        if kernel.value != "your own":
            weight = shapes.kernels()[kernel.value]
            for number, value in zip(numbers, weight.flatten().tolist(), strict=True):
                number.value = round(value, 4)
        if moved in (picture, stride, padding, None):
            place.value = 0
        image = images[picture.value]
        step = shapes.convolution_step(image, weight, place.value, stride.value, padding.value)
        place.max = step.output.numel() - 1
        return plots.plot_convolution_step(step), _described_step(step)

    left = [picture, kernel, stride, padding, place]
    columns = Layout(grid_template_columns="repeat(3, 9.5em)", align_content="flex-start")
    boxes = [VBox(left), ipywidgets.GridBox(numbers, layout=columns)]
    return _connected(show, [*left, *numbers], boxes)


def layer_explorer(
    model: nn.Module, images: Float[Tensor, "N 1 H W"], labels: Int[Tensor, " N"]
) -> VBox:
    """Choose a digit and a layer of a network, and see its feature maps and what one unit sees."""
    titles = [view.title for view in shapes.layer_views(model, images[0])]
    digit = _slider("digit", 0, len(images) - 1)
    layer = _dropdown("layer", [(title, number) for number, title in enumerate(titles)])
    row, column = _slider("unit's row", 14, 27), _slider("unit's column", 14, 27)

    def show(_: Widget | None) -> tuple[Figure, str]:
        image = images[digit.value]
        title, output, parameters, field = view = shapes.layer_views(model, image)[layer.value]
        is_map = output.ndim == 3
        for slider, size in zip((row, column), output.shape[1:], strict=False):
            slider.max = size - 1
        row.disabled = column.disabled = not is_map
        unit = (row.value, column.value)
        patch = shapes.seen_patch(view, image, unit)
        name = f"digit {digit.value} of the batch, a {labels[digit.value]}\n{title}"
        shape = f"{list(output.shape)}  {'C, H, W' if is_map else 'features'}"
        seen = f"{field.size}×{field.size}" if field else "all"
        text = f"{name}: output {shape}; {parameters:,} parameters; one unit sees {seen} pixels"
        return plots.plot_layer(image, output, patch, unit if is_map else None), text

    return _connected(show, [digit, layer, row, column])


def belief_by_epoch(
    images: Float[Tensor, "N 1 H W"],
    labels: Int[Tensor, " N"],
    probabilities: Float[Tensor, "epochs N 10"],
) -> VBox:
    """Move through the epochs of a training, the first before it, and see what is believed."""
    epoch = _slider("epoch", 0, len(probabilities) - 1)

    def show(_: Widget | None) -> tuple[Figure, str]:
        now = probabilities[epoch.value]
        when = f"after epoch {epoch.value}" if epoch.value else "before training"
        right = f"{(now.argmax(dim=1) == labels).sum()} of {len(labels)} right"
        mean = now.gather(1, labels[:, None]).mean()
        text = f"{when}: {right}; probability of the right digit {mean:.2f} on average"
        return plots.plot_predictions(images, labels, now), text

    return _connected(show, [epoch])


def digit_changer(images: Float[Tensor, "N 1 H W"], labels: Int[Tensor, " N"]) -> VBox:
    """Choose a digit and how far it may be changed, and see it changed in fifteen random ways."""
    digit = _slider("digit", 0, len(images) - 1)
    degrees = _slider("rotation, degrees", 10, 180)
    stretch, shift = _slider("stretch, per cent", 10, 60), _slider("shift, pixels", 2, 14)
    draw = _slider("draw", 0, 99)

    def show(_: Widget | None) -> tuple[Figure, str]:
        image = images[digit.value]
        generator = torch.Generator().manual_seed(draw.value)
        amounts = (degrees.value, stretch.value / 100, shift.value)
        changed = random_affine(image.repeat(15, 1, 1, 1), *amounts, generator=generator)
        text = (
            f"digit {digit.value} is a {labels[digit.value]}; rotated by up to {degrees.value}°, "
            f"stretched by up to {stretch.value}%, moved by up to {shift.value} pixels"
        )
        return plots.plot_variations(image, changed), text

    return _connected(show, [digit, degrees, stretch, shift, draw])


def shifted_digit(
    models: Mapping[str, nn.Module], images: Float[Tensor, "N 1 H W"], labels: Int[Tensor, " N"]
) -> VBox:
    """Choose a digit and move it, and see what each of several networks makes of it."""
    digit = _slider("digit", 0, len(images) - 1)
    right = _slider("right, pixels", 0, 10, least=-10)
    down = _slider("down, pixels", 0, 10, least=-10)

    def show(_: Widget | None) -> tuple[Figure, str]:
        x, y = right.value, down.value
        image = F.pad(images[digit.value], (x, -x, y, -y))
        answers = {name: insights.predict_all(m, image[None])[0] for name, m in models.items()}
        across = f"{abs(x)} to the {'left' if x < 0 else 'right'}"
        moved = f"moved {across}, {abs(y)} {'up' if y < 0 else 'down'}"
        told = [f"{name} says {p.argmax()} ({p.max():.0%})" for name, p in answers.items()]
        text = f"digit {digit.value} is a {labels[digit.value]}; {moved}\n{'; '.join(told)}"
        return plots.plot_shifted_digit(image, answers), text

    return _connected(show, [digit, right, down])


def drawing_pad(model: nn.Module, size: int = 280) -> VBox:
    """Draw a digit with the mouse, a finger or a pen on a pad of `size` pixels of the page, and see
    what the network gets and says while you draw; on request also the feature maps of its modules
    ``block_1``, ``block_2`` and so on. Without the tick the picture shows the pad as it is."""
    recorder, pace = StrokeRecorder(), _Pace(interval=0.08, share=0.5)
    sides = Layout(width=f"{size}px", height=f"{size}px", border="1px solid gray")
    canvas = ipycanvas.Canvas(width=size, height=size, layout=sides)
    fit = ipywidgets.Checkbox(True, description="fit and centre, as in MNIST", indent=False)
    blocks = [name for name, _ in model.named_children() if name.startswith("block_")]
    layer = _dropdown("feature maps", ["none", *blocks])
    undo, clear = (ipywidgets.Button(description=name) for name in ("undo", "clear"))
    screen, maps = _Screen(), ipywidgets.HTML()

    @_one_at_a_time()
    def show(whole: bool = True) -> None:
        strokes = recorder.strokes
        image = rasterize(strokes, canvas_size=None if fit.value else (size, size))
        probabilities = insights.predict_all(model, image[None])[0]
        (sure, second), digits = (part.tolist() for part in probabilities.topk(2))
        count = f"{len(strokes)} {'stroke' if len(strokes) == 1 else 'strokes'}"
        says = f"the network says {digits[0]} ({sure:.0%}), then {digits[1]} ({second:.0%})"
        text = f"{count}: {says}" if strokes else "draw a digit"
        screen.show(_enlarged(image[0], times=10), text, beside=_bars(probabilities))
        if whole:
            maps.value = "" if layer.value == "none" else _feature_maps(model, layer.value, image)

    @_one_at_a_time()
    def press(x: float, y: float) -> None:
        recorder.press(x, y)
        canvas.fill_circle(x, y, canvas.line_width / 2)

    @_one_at_a_time()
    def move(x: float, y: float) -> None:
        piece = recorder.move(x, y)
        if piece is not None:
            canvas.stroke_line(*piece[0], *piece[1])
            pace.draw(lambda: show(whole=False))

    @_one_at_a_time()
    def release(*_: object) -> None:
        if recorder.is_down:
            recorder.release()
            show()

    @_one_at_a_time()
    def redraw() -> None:
        with ipycanvas.hold_canvas():
            canvas.fill_style = "black"
            canvas.fill_rect(0, 0, size, size)
            canvas.fill_style = canvas.stroke_style = "white"
            canvas.line_width, canvas.line_cap, canvas.line_join = size / 18, "round", "round"
            for stroke in recorder.strokes:
                canvas.fill_circle(*stroke[0], canvas.line_width / 2)
                canvas.stroke_lines(stroke)
        show()

    @_one_at_a_time()
    def forget(button: ipywidgets.Button) -> None:
        (recorder.undo if button is undo else recorder.clear)()
        redraw()

    canvas.on_mouse_down(press)
    canvas.on_mouse_move(move)
    # Of several fingers the first one draws.
    canvas.on_touch_start(lambda points: press(*points[0]) if points else None)
    canvas.on_touch_move(lambda points: move(*points[0]) if points else None)
    for end in ("mouse_up", "mouse_out", "touch_end", "touch_cancel"):
        getattr(canvas, f"on_{end}")(release)
    undo.on_click(forget)
    clear.on_click(forget)
    fit.observe(lambda _: show(), "value")
    layer.observe(lambda _: show(), "value")
    canvas.on_client_ready(redraw)
    redraw()
    left = VBox([canvas, HBox([undo, clear]), fit, layer])
    return VBox([HBox([left, screen.widget]), maps])


class LiveLoss:
    """A loss curve that grows during a training of so many batches: show `widget`, and give `add`
    to `fit` as ``on_batch``. Drawing takes one per cent of the time, however slow it is."""

    def __init__(self, batches: int) -> None:
        self.losses: list[float] = []
        self._batches = batches
        self._screen, self._pace = _Screen(), _Pace(interval=0.5, share=0.01)
        self.widget = self._screen.widget
        self._draw()

    def add(self, loss: float) -> None:
        """Take the loss of one more batch, and draw if it is time, or the last."""
        self.losses.append(loss)
        self._pace.draw(self._draw, at_once=len(self.losses) == self._batches)

    @_one_at_a_time()
    def _draw(self) -> None:
        count, last = len(self.losses), self.losses[-100:]
        text = f"batch {count:,} of {self._batches:,}"
        text += f"; mean loss of the last {len(last)}: {fmean(last):.3f}" if last else ""
        # At most 300 points, each the mean of a stretch, at its end.
        length = max(1, math.ceil(count / 300))
        stretches = [(start, min(start + length, count)) for start in range(0, count, length)]
        points = [(end, fmean(self.losses[start:end])) for start, end in stretches]
        self._screen.show(plots.plot_live_losses(points, self._batches), text)


class _Pace:
    """Draws while a computation runs, but at most every `interval` seconds, and so seldom that it
    takes no more than a `share` of the time."""

    def __init__(self, interval: float, share: float) -> None:
        self._interval, self._share, self._next = interval, share, 0.0

    def draw(self, draw: Callable[[], None], at_once: bool = False) -> None:
        """Draw if it is time; the longer it takes, the later is the next time."""
        start = perf_counter()
        if at_once or start >= self._next:
            draw()
            end = perf_counter()
            self._next = end + max(self._interval, (end - start) / self._share)


class _Screen:
    """A picture with a text above it, which a screen reader also reads in the picture's place."""

    def __init__(self) -> None:
        self._text, self._picture = ipywidgets.HTML(), ipywidgets.HTML()
        self.widget = VBox([self._text, self._picture])

    def show(self, picture: Figure | Image.Image, text: str, beside: str = "") -> None:
        shown = _img(picture, text)
        if beside:
            shown = f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{shown}{beside}</div>'
        self._picture.value = shown
        style = "font-size: 1.1em; line-height: 1.4"
        self._text.value = f'<pre style="{style}">{html.escape(text)}</pre>'


def _connected(show: Callable, controls: Sequence[Widget], boxes: Sequence[Widget] = ()) -> VBox:
    """Show a figure with its text below the controls, and again each time that one is moved:
    `show` takes the one that was moved, at first None, and returns figure and text."""
    screen, running = _Screen(), False

    @_one_at_a_time()
    def update(moved: Widget | None) -> None:
        nonlocal running
        # Where `show` moves a control itself, it is called from within.
        if not running:
            running = True
            try:
                screen.show(*show(moved))
            finally:
                running = False

    update(None)
    for control in controls:
        control.observe(lambda change: update(change.owner), "value")
    # Side by side where there is room: the figure is in sight while a slider moves.
    row = ipywidgets.Box(boxes or controls, layout=Layout(flex_flow="row wrap"))
    return VBox([row, screen.widget])


def _dropdown(name: str, options: Sequence[object]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=options, description=name, **_LOOK)


def _slider(name: str, value: int, most: int, least: int = 0) -> ipywidgets.IntSlider:
    return ipywidgets.IntSlider(value, min=least, max=most, description=name, **_LOOK)


def _described_step(step: shapes.ConvolutionStep) -> str:
    """Return the sum of products, a line for each row of the window, and the output's size."""
    pairs = zip(step.window.tolist(), step.kernel.tolist(), strict=True)
    sums = [*(step.window * step.kernel).sum(dim=1).tolist(), step.total]
    terms = [" + ".join(map(_product, pixels, weights)) for pixels, weights in pairs]
    wide = max(map(len, terms))
    terms.append("sum".rjust(wide))
    table = [f"{term:<{wide}}  = {part:z6.2f}" for term, part in zip(terms, sums, strict=True)]
    told = [f"output[{step.row}, {step.column}]:", *table, ""]
    for name, padded in zip(("height: ", "width:  "), step.image.shape, strict=True):
        size = f"{padded - 2 * step.padding} + 2 · {step.padding} − {len(step.kernel)}"
        whole, rest = divmod(padded - len(step.kernel), step.stride)
        fraction = f", without the fraction {whole}" if rest else ""
        quotient = f"({size}) / {step.stride} = {whole + rest / step.stride:.4g}{fraction}"
        told.append(f"output {name}{quotient}, plus 1 is {whole + 1}")
    return "\n".join(told)


def _product(pixel: float, weight: float) -> str:
    number = f"{round(weight, 2):zg}"
    return f"{pixel:z.2f} × {f'({number})' if number.startswith('-') else number}"


def _img(picture: Figure | Image.Image, text: str) -> str:
    buffer = io.BytesIO()
    save = picture.savefig if isinstance(picture, Figure) else picture.save
    save(buffer, format="png")
    source = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return f'<img style="max-width: 100%" alt="{html.escape(text)}" src="{source}">'


def _enlarged(image: Float[Tensor, "H W"], times: int) -> Image.Image:
    """Return an image with values in [0, 1] as a grey picture, each pixel a square."""
    pixels = Image.fromarray((255 * image).round().to(torch.uint8).numpy())
    return pixels.resize((times * pixels.width, times * pixels.height), Image.Resampling.NEAREST)


def _bars(probabilities: Float[Tensor, "10"]) -> str:
    """Return ten probabilities as a table of bars."""
    shares, rows = probabilities.tolist(), []
    for digit, share in enumerate(shares):
        colour = plots.BLUE if share == max(shares) else "#999"
        bar = f'<div style="background: {colour}; width: {100 * share:.1f}%; height: 1em"></div>'
        rows.append(f"<b>{digit}</b>{bar}<span>{share:.0%}</span>")
    table = "display: grid; grid-template-columns: 1.2em 11em 3em; align-items: center"
    return f'<div style="{table}; font-size: 1.1em">{"".join(rows)}</div>'


def _feature_maps(model: nn.Module, block: str, image: Float[Tensor, "1 28 28"]) -> str:
    """Return what a block's last layer puts out as one picture with a line above."""
    outputs = shapes.layer_outputs(model, image[None])
    maps = [output[0].cpu() for name, _, output in outputs if name.split(".")[0] == block][-1]
    silent = (maps == 0).flatten(1).all(dim=1).sum()
    says = "{}: {} feature maps of {}×{}; {} of them are zero all over"
    text = says.format(block, *maps.shape, silent)
    # Each from its own smallest value, black, to its own largest, white.
    grid = make_grid(maps[:, None], 16, padding=1, pad_value=0.5, normalize=True, scale_each=True)
    return f"<pre>{html.escape(text)}</pre>{_img(_enlarged(grid[0], times=3), text)}"
