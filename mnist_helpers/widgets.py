"""What can be poked at in a notebook. Each function connects sliders to a figure of `plots` and a text of `explore`,
and returns the whole as one widget; what is shown is decided there, not here.

Sliders answer to the mouse and, once they have the focus, to the arrow keys.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import gc
import html
import io
import threading

import ipycanvas
import ipywidgets
from ipywidgets import Layout
from matplotlib.figure import Figure
from PIL import Image
import torch
from torch import Tensor, nn
from torchvision.datasets import MNIST

from . import explore, insights, plots
from .batches import random_affine
from .checks import (
    described,
    require_labels,
    require_mapping,
    require_model,
    require_number,
    require_probabilities,
    require_tensor,
    require_whole,
)
from .drawing import Point, StrokeRecorder, rasterize

_STYLE = {"description_width": "9em"}

# Matplotlib is not made for several threads at once.
_DRAWING = threading.RLock()


def leaf_through(dataset: MNIST) -> ipywidgets.VBox:
    """Leaf through the digits of a data set, all or those of one class, and read the pixel under two sliders.

    Args:
        dataset: MNIST with ``ToTensor()``: each sample is an image ``[1, 28, 28]`` and its label.

    Raises:
        TypeError: `dataset` is no such data set; one without ``ToTensor()``, for example.
        ValueError: its images have another shape, or a label is not from 0 to 9.
    """
    _require_samples(dataset)
    kind = _dropdown("digit", ["all", *map(str, range(10))])
    number, row, column = _slider("number", 0, 1), _slider("row", 8, 27), _slider("column", 12, 27)
    screen = _Screen()

    @_one_at_a_time
    def show(control: ipywidgets.Widget | None = None) -> None:
        digit = None if kind.value == "all" else int(kind.value)
        indices = explore.indices_of(dataset.targets, digit)
        if control in (kind, None):
            number.value, number.max = 0, len(indices) - 1
        image, label = dataset[indices[number.value]]
        figure = plots.plot_pixels(
            image,
            explore.crop_around(image.shape[1], row.value),
            explore.crop_around(image.shape[2], column.value),
            pixel=(row.value, column.value),
        )
        pixel = explore.described_pixel(image, row.value, column.value)
        screen.show(figure, f"sample {indices[number.value]:,} is a {label}; {pixel}")

    _connect(show, [kind, number, row, column])
    return _above(screen, [kind, number, row, column])


def convolution_in_slow_motion(images: Mapping[str, Tensor]) -> ipywidgets.VBox:
    """Move the window of a convolution over an image, and see each sum of products and the output fill in.

    Args:
        images: what to choose from, by name, each ``[H, W]`` and at least 3×3.

    Raises:
        TypeError: `images` is no dictionary of tensors of floats by name.
        ValueError: it is empty, or an image has another shape, or holds NaN.
    """
    for name, image in require_mapping("images", images, "images [H, W] by name").items():
        require_tensor(f"images[{name!r}]", image, "[H, W]", kind="float")
        if min(image.shape) < 3:
            raise ValueError(
                f"images[{name!r}] is {described(image)}, and has to be at least 3×3, as the kernels are."
            )
    well_known = explore.kernels()
    picture = _dropdown("image", list(images))
    kernel = _dropdown("kernel", [*well_known, "your own"])
    numbers = [
        ipywidgets.BoundedFloatText(
            min=-99,
            max=99,
            step=0.5,
            description=f"[{i // 3}, {i % 3}]",
            layout=Layout(width="9em"),
            style={"description_width": "3em"},
        )
        for i in range(9)
    ]
    stride, padding = _slider("stride", 1, 3, least=1), _slider("padding", 0, 2)
    place = _slider("window's place", 0, 1)
    screen = _Screen()

    @_one_at_a_time
    def show(control: ipywidgets.Widget | None = None) -> None:
        image = images[picture.value]
        if control in numbers:
            kernel.value = "your own"
        elif kernel.value in well_known:
            for box, value in zip(
                numbers, well_known[kernel.value].flatten().tolist(), strict=True
            ):
                box.value = round(value, 4)
        if control in (picture, stride, padding, None):
            stops = explore.places(*image.shape, 3, stride.value, padding.value)
            place.value, place.max = 0, stops - 1
        typed_in = torch.tensor([box.value for box in numbers]).reshape(3, 3)
        step = explore.convolution_step(
            image,
            well_known.get(kernel.value, typed_in),
            place.value,
            stride.value,
            padding.value,
        )
        screen.show(plots.plot_convolution_step(step), explore.described_step(step))

    grid = ipywidgets.GridBox(
        numbers, layout=Layout(grid_template_columns="repeat(3, 9.5em)", align_content="flex-start")
    )
    left = [picture, kernel, stride, padding, place]
    _connect(show, [*left, *numbers])
    return ipywidgets.VBox([ipywidgets.HBox([ipywidgets.VBox(left), grid]), screen.widget])


def layer_explorer(model: nn.Module, images: Tensor, labels: Tensor) -> ipywidgets.VBox:
    """Choose a digit and a layer of a network, and see the layer's feature maps and what one unit of them sees.

    Args:
        model: a network that runs its layers in the order in which it holds them.
        images: ``[N, 1, H, W]``, and labels: int ``[N]``.

    Raises:
        TypeError: `model` is no network, images are no tensor of floats or labels none of ints.
        ValueError: images or labels have another shape, there are fewer labels than images, a label is not from 0 to 9,
            or the model does not take the images.
    """
    require_model("model", model, parameters=False)
    _require_digits(images, labels)
    titles = [view.title for view in explore.layer_views(model, images[0])]
    digit = _slider("digit", 0, len(images) - 1)
    layer = _dropdown("layer", [(title, number) for number, title in enumerate(titles)])
    row, column = _slider("unit's row", 14, 27), _slider("unit's column", 14, 27)
    screen = _Screen()

    @_one_at_a_time
    def show(_control: ipywidgets.Widget | None = None) -> None:
        image = images[digit.value]
        view = explore.layer_views(model, image)[layer.value]
        is_map = view.output.ndim == 3
        for slider, size in zip((row, column), view.output.shape[1:], strict=False):
            slider.max = size - 1
        row.disabled = column.disabled = not is_map
        unit = (row.value, column.value)
        patch = explore.seen_patch(view, image, unit)
        figure = plots.plot_layer(image, view.output, patch, unit if is_map else None)
        label = labels[digit.value].item()
        text = f"digit {digit.value} of the batch, a {label}\n{explore.described_layer(view)}"
        screen.show(figure, text)

    _connect(show, [digit, layer, row, column])
    return _above(screen, [digit, layer, row, column])


def belief_by_epoch(images: Tensor, labels: Tensor, probabilities: Tensor) -> ipywidgets.VBox:
    """Move through the epochs of a training, and see what the network believes of some digits.

    Args:
        images: ``[N, 1, H, W]``, and labels: int ``[N]``.
        probabilities: ``[epochs + 1, N, 10]``, the first before training.

    Raises:
        TypeError: images or probabilities are no tensors of floats, or labels none of ints.
        ValueError: there are not as many of each, an image or a label is not what it has to be, or the rows are no
            probabilities.
    """
    _require_digits(images, labels)
    require_probabilities("probabilities", probabilities, f"[epochs + 1, {len(images)}, 10]")
    epoch = _slider("epoch", 0, len(probabilities) - 1)
    screen = _Screen()

    @_one_at_a_time
    def show(_control: ipywidgets.Widget | None = None) -> None:
        now = probabilities[epoch.value]
        figure = plots.plot_predictions(images, labels, now)
        screen.show(figure, explore.described_belief(epoch.value, labels, now))

    _connect(show, [epoch])
    return _above(screen, [epoch])


def digit_changer(images: Tensor, labels: Tensor) -> ipywidgets.VBox:
    """Choose a digit and how much it may be rotated, stretched and moved, and see it changed in fifteen random ways.

    Args:
        images: ``[N, 1, H, W]`` with values in [0, 1], and labels: int ``[N]``.

    Raises:
        TypeError: images are no tensor of floats, or labels none of ints.
        ValueError: images or labels have another shape, there are fewer labels than images, or a label is not from 0 to
            9.
    """
    _require_digits(images, labels)
    digit = _slider("digit", 0, len(images) - 1)
    degrees = _slider("rotation, degrees", 10, 180)
    stretch, shift = _slider("stretch, per cent", 10, 60), _slider("shift, pixels", 2, 14)
    draw = _slider("draw", 0, 99)
    controls = [digit, degrees, stretch, shift, draw]
    screen = _Screen()

    @_one_at_a_time
    def show(_control: ipywidgets.Widget | None = None) -> None:
        image = images[digit.value]
        amounts = (degrees.value, stretch.value / 100, shift.value)
        changed = random_affine(
            image.repeat(15, 1, 1, 1), *amounts, generator=torch.Generator().manual_seed(draw.value)
        )
        text = f"digit {digit.value} is a {labels[digit.value].item()}; {explore.described_change(*amounts)}"
        screen.show(plots.plot_variations(image, changed), text)

    _connect(show, controls)
    return _above(screen, controls)


def shifted_digit(
    models: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> ipywidgets.VBox:
    """Choose a digit and move it, and see what each of several networks makes of it.

    Args:
        models: networks by name; each takes ``[N, 1, H, W]`` and returns logits ``[N, 10]``.
        images: ``[N, 1, H, W]`` with values in [0, 1], and labels: int ``[N]``.

    Raises:
        TypeError: `models` is no dictionary of networks by name, images are no tensor of floats or labels none of ints.
        ValueError: there is no network, images or labels have another shape, there are fewer labels than images, or a
            label is not from 0 to 9.
    """
    for name, model in require_mapping("models", models, "networks by name").items():
        require_model(f"models[{name!r}]", model, parameters=False)
    _require_digits(images, labels)
    digit = _slider("digit", 0, len(images) - 1)
    right, down = (
        _slider("right, pixels", 0, 10, least=-10),
        _slider("down, pixels", 0, 10, least=-10),
    )
    screen = _Screen()

    @_one_at_a_time
    def show(_control: ipywidgets.Widget | None = None) -> None:
        image = explore.shifted(images[digit.value], right.value, down.value)
        probabilities = {
            name: insights.predict_all(model, image[None])[0] for name, model in models.items()
        }
        figure = plots.plot_shifted_digit(image, probabilities)
        moved = explore.described_shift(right.value, down.value)
        answers = explore.described_answers(probabilities)
        label = labels[digit.value].item()
        screen.show(figure, f"digit {digit.value} is a {label}; {moved}\n{answers}")

    _connect(show, [digit, right, down])
    return _above(screen, [digit, right, down])


def drawing_pad(model: nn.Module, size: int = 280) -> ipywidgets.VBox:
    """Draw a digit with the mouse, a finger or a pen, and see what a network makes of it while you draw.

    Beside the pad stand the 28×28 picture that the network gets and its ten probabilities; on request the feature maps
    of one of its blocks. The box takes fitting and centring away, so that the picture shows the pad as it is.

    Args:
        model: takes images ``[N, 1, 28, 28]`` with values in [0, 1] and returns logits ``[N, 10]``. Feature maps are
            those of its modules ``block_1``, ``block_2`` and so on, where it has such.
        size: the pad's width and height, in pixels of the page, at least 28.

    Raises:
        TypeError: `model` is no network, or `size` no whole number.
        ValueError: `size` is less than 28.
    """
    require_model("model", model, parameters=False)
    require_whole("size", size, at_least=28)
    recorder = StrokeRecorder()
    sides = Layout(width=f"{size}px", height=f"{size}px", border="1px solid gray")
    canvas = ipycanvas.Canvas(width=size, height=size, layout=sides)
    fit = ipywidgets.Checkbox(True, description="fit and centre, as in MNIST", indent=False)
    blocks = [name for name, _ in model.named_children() if name.startswith("block_")]
    layer = _dropdown("feature maps", ["none", *blocks])
    undo, clear = (ipywidgets.Button(description=name) for name in ("undo", "clear"))
    screen, maps = _Screen(), ipywidgets.HTML()
    pace = explore.Pace(interval=0.08, share=0.5)

    def show(whole: bool) -> None:
        strokes = recorder.strokes
        image = rasterize(strokes, canvas_size=None if fit.value else (size, size))
        probabilities = insights.predict_all(model, image[None])[0]
        text = explore.described_drawing(probabilities, len(strokes))
        screen.show_picture(explore.enlarged(image), text, _bars(probabilities))
        if whole:
            maps.value = "" if layer.value == "none" else _feature_maps(model, layer.value, image)

    def draw(piece: tuple[Point, Point] | None) -> None:
        if piece is not None:
            canvas.stroke_line(*piece[0], *piece[1])
            if pace.due():
                pace.run(lambda: show(whole=False))

    def press(points: Sequence[Point]) -> None:
        for point in points[:1]:  # of several fingers the first
            recorder.press(*point)
            canvas.fill_circle(*point, canvas.line_width / 2)

    def release() -> None:
        recorder.release()
        show(whole=True)

    def redraw() -> None:
        with ipycanvas.hold_canvas():
            canvas.fill_style = "black"
            canvas.fill_rect(0, 0, size, size)
            canvas.fill_style = canvas.stroke_style = "white"
            canvas.line_width, canvas.line_cap, canvas.line_join = size / 18, "round", "round"
            for stroke in recorder.strokes:
                canvas.fill_circle(*stroke[0], canvas.line_width / 2)
                canvas.stroke_lines(stroke)
        show(whole=True)

    def change(forget: Callable[[], None]) -> None:
        forget()
        redraw()

    canvas.on_mouse_down(_in_turn(lambda x, y: press([(x, y)])))
    canvas.on_mouse_move(_in_turn(lambda x, y: draw(recorder.move(x, y))))
    canvas.on_touch_start(_in_turn(press))
    canvas.on_touch_move(
        _in_turn(lambda points: draw(recorder.move(*points[0]) if points else None))
    )
    for ended in (
        canvas.on_mouse_up,
        canvas.on_mouse_out,
        canvas.on_touch_end,
        canvas.on_touch_cancel,
    ):
        ended(_in_turn(lambda *_: release() if recorder.is_down else None))
    undo.on_click(_in_turn(lambda _: change(recorder.undo)))
    clear.on_click(_in_turn(lambda _: change(recorder.clear)))
    for control in (fit, layer):
        control.observe(_in_turn(lambda _: show(whole=True)), "value")
    canvas.on_client_ready(_in_turn(redraw))
    redraw()
    left = ipywidgets.VBox([canvas, ipywidgets.HBox([undo, clear]), fit, layer])
    return ipywidgets.VBox([ipywidgets.HBox([left, screen.widget]), maps])


class LiveLoss:
    """A loss curve that grows while a network is trained: show `widget`, and give `add` to `fit` as ``on_batch``.

    It is a class because it has to remember the losses. It draws at most twice a second, and so seldom that drawing
    takes about one per cent of the time, however slow the computer is.
    """

    def __init__(self, batches: int) -> None:
        """`batches` is how many the whole training has: the curve's full width.

        Raises:
            TypeError: it is no whole number.
            ValueError: it is less than 1.
        """
        require_whole("batches", batches, at_least=1)
        self.losses: list[float] = []
        self._batches = batches
        self._pace = explore.Pace()
        self._screen = _Screen()
        self.widget = self._screen.widget
        self._draw()

    def add(self, loss: float) -> None:
        """Take the loss of one more batch, and draw if it is time. NaN and infinity are taken, too: a training that
        diverges is to be seen.

        Raises:
            TypeError: it is no number; a tensor, for example.
        """
        require_number("loss", loss, finite=False)
        self.losses.append(loss)
        if self._pace.due() or len(self.losses) == self._batches:
            self._pace.run(self._draw)

    def _draw(self) -> None:
        with _DRAWING:
            figure = plots.plot_live_losses(explore.thinned(self.losses), self._batches)
            self._screen.show(figure, explore.described_losses(self.losses, self._batches))


class _Screen:
    """A figure with a text above it. The text is also what a screen reader reads in place of the figure."""

    def __init__(self) -> None:
        self._picture = ipywidgets.HTML()
        self._text = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self._text, self._picture])

    def show(self, figure: Figure, text: str) -> None:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        data = base64.b64encode(buffer.getvalue()).decode()
        words = html.escape(text)
        self._picture.value = (
            f'<img style="max-width: 100%" alt="{words}" src="data:image/png;base64,{data}">'
        )
        self._text.value = f'<pre style="font-size: 1.1em; line-height: 1.4">{words}</pre>'

    def show_picture(self, picture: Tensor, text: str, beside: str) -> None:
        """Show a grey picture, uint8 ``[H, W]``, with its text, and more HTML beside it. Quicker than a figure."""
        words = html.escape(text)
        self._picture.value = (
            '<div style="display: flex; flex-wrap: wrap; gap: 1em">'
            f'<img alt="{words}" src="{_png(picture)}">{beside}</div>'
        )
        self._text.value = f'<pre style="font-size: 1.1em; line-height: 1.4">{words}</pre>'


def _png(picture: Tensor) -> str:
    """Return a grey picture, uint8 ``[H, W]``, as the address of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture.numpy()).save(buffer, format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _bars(probabilities: Tensor) -> str:
    """Return ten probabilities as a table of bars."""
    answer = probabilities.argmax().item()
    rows = [
        f'<b>{digit}</b><div style="background: {plots.BLUE if digit == answer else "#999"}; '
        f'width: {100 * share:.1f}%; height: 1em"></div><span>{share:.0%}</span>'
        for digit, share in enumerate(probabilities.tolist())
    ]
    return (
        '<div style="display: grid; grid-template-columns: 1.2em 11em 3em; align-items: center; font-size: 1.1em">'
        f"{''.join(rows)}</div>"
    )


def _feature_maps(model: nn.Module, block: str, image: Tensor) -> str:
    """Return the feature maps of a block as one picture with a line above."""
    maps = explore.block_output(model, block, image)
    words = html.escape(explore.described_maps(block, maps))
    picture = _png(explore.tiled(maps))
    return f'<pre>{words}</pre><img alt="{words}" style="max-width: 100%" src="{picture}">'


def _require_samples(dataset: MNIST) -> None:
    """Raise where something is no data set of digits as tensors, with all labels in `targets`."""
    labels = getattr(dataset, "targets", None)
    if labels is None or not hasattr(dataset, "__getitem__"):
        raise TypeError(
            f"dataset is {described(dataset)}, and has to be MNIST, as load_datasets returns it: samples and all their "
            "labels, `dataset.targets`."
        )
    require_labels("dataset.targets", labels)
    sample = dataset[0]
    if not isinstance(sample, tuple) or len(sample) != 2:
        raise TypeError(
            f"A sample of dataset is {described(sample)}, and has to be a pair: an image and its label."
        )
    if not isinstance(sample[0], Tensor):
        raise TypeError(
            f"The image of a sample is {described(sample[0])}, and has to be a tensor [1, 28, 28]: make the data set "
            "with transform=ToTensor()."
        )
    require_tensor("The image of a sample", sample[0], "[1, 28, 28]", kind="float")


def _require_digits(images: Tensor, labels: Tensor) -> None:
    """Raise where something is no batch of images, or not each of them has a label."""
    require_tensor("images", images, "[N, 1, H, W]", kind="float")
    require_labels("labels", labels)
    if len(labels) < len(images):
        raise ValueError(
            f"{len(labels)} labels were given for {len(images)} images; give one for each."
        )


def _in_turn(handle: Callable) -> Callable:
    """Return a handler of events that lets one finish before the next begins, whatever thread it comes from."""

    def handler(*arguments: object) -> None:
        with _DRAWING, _collector_waiting():
            handle(*arguments)

    return handler


def _dropdown(name: str, options: Sequence[object]) -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(
        options=options, description=name, layout=Layout(width="30em"), style=_STYLE
    )


def _slider(name: str, value: int, most: int, least: int = 0) -> ipywidgets.IntSlider:
    return ipywidgets.IntSlider(
        value=value,
        min=least,
        max=most,
        description=name,
        layout=Layout(width="30em"),
        style=_STYLE,
    )


def _connect(
    show: Callable[[ipywidgets.Widget | None], None], controls: Sequence[ipywidgets.Widget]
) -> None:
    """Show once, and again, with the control that was moved, each time that one is."""
    show(None)
    for control in controls:
        control.observe(lambda change: show(change.owner), "value")


def _above(screen: _Screen, controls: Sequence[ipywidgets.Widget]) -> ipywidgets.VBox:
    """Return the controls with the screen below; side by side where there is room, so that the figure is in sight while
    a slider moves."""
    row = ipywidgets.Box(controls, layout=Layout(flex_flow="row wrap"))
    return ipywidgets.VBox([row, screen.widget])


@contextlib.contextmanager
def _collector_waiting() -> Iterator[None]:
    """Let Python's garbage collector wait until a figure is shown: with PyTorch loaded it takes a fifth of a second."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _one_at_a_time(
    show: Callable[[ipywidgets.Widget | None], None],
) -> Callable[[ipywidgets.Widget | None], None]:
    """Return a function that ignores the calls that it causes itself, by moving a control, and lets others wait.

    They do come from elsewhere: JupyterLab has widgets answered by threads of their own, several at once where several
    sliders move.
    """
    running = False

    def guarded(control: ipywidgets.Widget | None) -> None:
        nonlocal running
        with _DRAWING:
            if running:
                return
            running = True
            try:
                with _collector_waiting():
                    show(control)
            finally:
                running = False

    return guarded
