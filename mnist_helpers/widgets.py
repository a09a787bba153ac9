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

import ipywidgets
from ipywidgets import Layout
from matplotlib.figure import Figure
import torch
from torch import Tensor, nn
from torchvision.datasets import MNIST

from . import explore, plots
from .batches import random_affine

_STYLE = {"description_width": "9em"}

# Matplotlib is not made for several threads at once.
_DRAWING = threading.RLock()


def leaf_through(dataset: MNIST) -> ipywidgets.VBox:
    """Leaf through the digits of a data set, all or those of one class, and read the pixel under two sliders.

    Args:
        dataset: MNIST with ``ToTensor()``: each sample is an image ``[1, 28, 28]`` and its label.
    """
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
    """
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
    """
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
    """
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
    """
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


class LiveLoss:
    """A loss curve that grows while a network is trained: show `widget`, and give `add` to `fit` as ``on_batch``.

    It is a class because it has to remember the losses. It draws at most twice a second, and so seldom that drawing
    takes about one per cent of the time, however slow the computer is.
    """

    def __init__(self, batches: int) -> None:
        """`batches` is how many the whole training has: the curve's full width."""
        self.losses: list[float] = []
        self._batches = batches
        self._pace = explore.Pace()
        self._screen = _Screen()
        self.widget = self._screen.widget
        self._draw()

    def add(self, loss: float) -> None:
        """Take the loss of one more batch, and draw if it is time."""
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
