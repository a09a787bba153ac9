"""What can be poked at in a notebook: controls for mouse and keyboard, a figure, and its text."""

from collections.abc import Mapping
import itertools
from statistics import fmean
from time import perf_counter
from typing import Any

import ipywidgets
from ipywidgets import Layout, VBox
from jaxtyping import Float, Int
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torchvision.datasets import MNIST

from .. import insights, plots, shapes
from ..batches import random_affine
from .pad import drawing_pad  # noqa: F401
from .screen import Screen, connected, dropdown, one_at_a_time, slider

_Images, _Labels, _Beliefs = Float[Tensor, "N 1 H W"], Int[Tensor, " N"], Float[Tensor, "N 10"]


def leaf_through(dataset: MNIST) -> VBox:
    labels = dataset.targets.tolist()
    kind = dropdown("digit", ["all", *range(10)])
    number, row, column = slider("number", 0, 1), slider("row", 8, 27), slider("column", 12, 27)

    def show(moved):
        indices = [index for index, label in enumerate(labels) if kind.value in ("all", label)]
        if moved in (kind, None):
            number.value, number.max = 0, len(indices) - 1
        index, pixel = indices[number.value], (row.value, column.value)
        image, label = dataset[index]
        value = image[0, *pixel].item()
        place = f"image[0, {row.value}, {column.value}]"
        text = f"sample {index:,} is a {label}; {place} = {value:.4f} = {255 * value:.0f} / 255"
        # Five pixels around it, moved inwards at the edge.
        starts = [min(max(at - 2, 0), 28 - 5) for at in pixel]
        crop = [slice(start, start + 5) for start in starts]
        return plots.plot_pixels(image, *crop, pixel=pixel), text

    return connected(show, [kind, number, row, column])


def convolution_in_slow_motion(images: Mapping[str, Float[Tensor, "H W"]]) -> VBox:
    """Move the window of a convolution over an image, and see the output fill in."""
    picture = dropdown("image", list(images))
    kernel = dropdown("kernel", [*shapes.kernels(), "your own"])
    names = [f"kernel[{row}, {column}]" for row in range(3) for column in range(3)]
    box = {"min": -99, "max": 99, "step": 0.5, "layout": {"width": "4.5em"}}
    box["style"] = {"description_width": "0"}  # read aloud all the same
    numbers = [ipywidgets.BoundedFloatText(0, description=name, **box) for name in names]
    stride, padding = slider("stride", 1, 3, least=1), slider("padding", 0, 2)
    place, play = slider("window's place", 0, 1), ipywidgets.Play(interval=500)
    for trait in ("value", "max"):
        ipywidgets.jslink((place, trait), (play, trait))
    corner = (0, 0)  # of the window, on the image without padding

    def show(moved):
        nonlocal corner
        if moved in numbers:
            kernel.value = "your own"
        weight = torch.tensor([number.value for number in numbers]).reshape(3, 3)
        if kernel.value != "your own":
            weight = shapes.kernels()[kernel.value]
            for number, value in zip(numbers, weight.flatten().tolist(), strict=True):
                number.value = round(value, 4)
        image, sizes = images[picture.value], (stride.value, padding.value)
        output = F.conv2d(image[None], weight[None, None], None, *sizes)[0]
        place.max = output.numel() - 1
        if moved in (picture, None):  # where there is something to see
            place.value = output.abs().argmax().item()
        elif moved in (stride, padding):
            height, width = output.shape
            row, column = (max(0, round((at + sizes[1]) / sizes[0])) for at in corner)
            place.value = min(row, height - 1) * width + min(column, width - 1)
        step = shapes.convolution_step(image, weight, place.value, *sizes)
        if moved not in (stride, padding):
            corner = (step.top - step.padding, step.left - step.padding)
        return plots.plot_convolution_step(step), _described_step(step)

    left = [picture, kernel, stride, padding, place]
    for control in left:
        control.layout.width, control.style.description_width = "20em", "8.5em"
    columns = Layout(grid_template_columns="repeat(3, 5em)", align_content="flex-start")
    boxes = [VBox([*left, play]), ipywidgets.GridBox(numbers, layout=columns)]
    return connected(show, [*left, *numbers], boxes)


def network_explorer(model: nn.Module, images: _Images, labels: _Labels) -> VBox:
    """Choose a unit of a network, and see what it sees and its sum."""
    titles = [view.title for view in shapes.network_views(model, images[0])]
    digit = slider("digit", 0, len(images) - 1)
    layer = dropdown("layer", [(title, number) for number, title in enumerate(titles)])
    layer.value = min(2, len(titles) - 1)  # one that adds up channels
    channel, opened = slider("channel", 0, 99), slider("input channel", 0, 99)
    row, column = slider("row", 14, 27), slider("column", 14, 27)

    def show(_):
        views = shapes.network_views(model, images[digit.value])
        view = views[layer.value]
        channel.max, opened.max = len(view.output) - 1, len(view.input) - 1
        for control, size in zip((row, column), view.output.shape[1:], strict=True):
            control.disabled = size == 1
            if size > 1:  # the same place on the digit
                place = control.value * size // (control.max + 1)
                control.max, control.value = size - 1, place
        opened.disabled = "Pool" in view.title  # which works on each channel by itself
        if opened.disabled:
            opened.value = channel.value
        place = (0 if control.disabled else control.value for control in (row, column))
        step = shapes.unit_step(views, layer.value, (channel.value, *place))
        figure = plots.plot_network(views, step, opened.value)
        return figure, f"digit {digit.value} of the batch, a {labels[digit.value]}\n{figure.alt}"

    columns = [digit, layer, channel], [row, column, opened]
    for control in itertools.chain(*columns):
        control.layout.width, control.style.description_width = "21em", "7.5em"
    return connected(show, [*columns[0], *columns[1]], list(map(VBox, columns)))


def belief_by_epoch(
    images: _Images, labels: _Labels, probabilities: Float[Tensor, "epochs N 10"]
) -> VBox:
    epoch = slider("epoch", 0, len(probabilities) - 1)

    def show(_):
        now = probabilities[epoch.value]
        return plots.plot_predictions(images, labels, now), _told(epoch.value, labels, now)

    return connected(show, [epoch])


def digit_changer(images: _Images, labels: _Labels) -> VBox:
    digit, draw = slider("digit", 0, len(images) - 1), slider("draw", 0, 99)
    degrees = slider("rotation, degrees", 10, 180)
    stretch, shift = slider("stretch, per cent", 10, 60), slider("shift, pixels", 2, 14)

    def show(_):
        image = images[digit.value]
        generator = torch.Generator().manual_seed(draw.value)
        amounts = (degrees.value, stretch.value / 100, shift.value)
        changed = random_affine(image.repeat(15, 1, 1, 1), *amounts, generator=generator)
        text = (
            f"digit {digit.value} is a {labels[digit.value]}; rotated by up to {degrees.value}°, "
            f"stretched by up to {stretch.value}%, moved by up to {shift.value} pixels"
        )
        return plots.plot_variations(image, changed), text

    return connected(show, [digit, degrees, stretch, shift, draw])


def shifted_digit(models: Mapping[str, nn.Module], images: _Images, labels: _Labels) -> VBox:
    digit = slider("digit", 0, len(images) - 1)
    right = slider("right, pixels", 0, 10, least=-10)
    down = slider("down, pixels", 0, 10, least=-10)

    def show(_):
        x, y = right.value, down.value
        image = F.pad(images[digit.value], (x, -x, y, -y))
        answers = {name: insights.predict_all(m, image[None])[0] for name, m in models.items()}
        across, along = "left" if x < 0 else "right", "up" if y < 0 else "down"
        moved = f"moved {abs(x)} to the {across}, {abs(y)} {along}"
        told = [f"{name} says {p.argmax()} ({p.max():.0%})" for name, p in answers.items()]
        text = f"digit {digit.value} is a {labels[digit.value]}; {moved}\n{'; '.join(told)}"
        return plots.plot_shifted_digit(image, answers), text

    return connected(show, [digit, right, down])


def step_through_graph(last: Any) -> VBox:
    """Step through what lesson 09's value `last` was made from."""
    order = plots.in_order(last, [])
    made = [one for one in order if one.parents]
    step = slider("step", 0, 2 * len(made) + 1)

    def show(_):
        back = step.value - len(made) - 1
        data = {one: one.data for one in order if one not in made[step.value :]}
        gradients = {last: 1.0} if back >= 0 else {}
        text = "given" if step.value == 0 else "backwards: the gradient of the end is 1"
        if back < 0 < step.value:
            one = made[step.value - 1]
            data[one] = data.pop(one)  # the newest
            numbers = ", ".join(f"{parent.data:.4g}" for parent in one.parents)
            text = f"forwards: {one.name} of {numbers} is {one.data:.4g}"
        for one in made[::-1][: max(0, back)]:
            handed = one.backward(gradients[one])
            for parent, gradient in zip(one.parents, handed, strict=True):
                gradients[parent] = gradients.pop(parent, 0.0) + gradient
            parts = [f"{g:.4g} to {to.name}" for to, g in zip(one.parents, handed, strict=True)]
            text = (
                f"backwards: {one.name} has {gradients[one]:.4g}, and hands on {', '.join(parts)}"
            )
        text = f"step {step.value} of {step.max}\n{text}"
        return plots.plot_graph(last, data, gradients), text

    return connected(show, [step])


def processes_that_pay(gradient_bytes: int) -> VBox:
    """Choose how long a step takes, how large the network is and how quick the wire, and see how
    many times as fast 1 to 8 processes are."""
    step, size = slider("a step, ms", 25, 400, least=1), slider("size, × this", 1, 400, least=1)
    wire = slider("wire, Gbit/s", 1, 100, least=1)

    def show(_):
        sent = size.value * gradient_bytes
        milliseconds = 1000 * sent / (wire.value * 1e9 / 8)
        costs = [step.value / n + 2 * (n - 1) / n * milliseconds for n in range(1, 9)]
        gains = [step.value / cost for cost in costs]
        text = (
            f"{sent:,} bytes of gradients; two processes spend {milliseconds:,.1f} ms a step on "
            f"them\ntwo are {gains[1]:.2f} times as fast as one, eight {gains[7]:.2f} times"
        )
        return plots.plot_speed_up({"processes": gains}), text

    return connected(show, [step, size, wire])


class LiveLoss:
    """A loss curve that grows during a training of so many batches: show `widget`, and give `add`
    to `fit` as ``on_batch``. Drawing takes one per cent of the time, however slow it is."""

    def __init__(self, batches: int) -> None:
        self.losses: list[float] = []
        self._batches, self._epochs = batches, itertools.count()
        self._screen, self._beliefs, self._next = Screen(), Screen(), 0.0
        self.widget = VBox([self._screen.widget, self._beliefs.widget])
        self._draw()

    def add(self, loss: float) -> None:
        self.losses.append(loss)
        start = perf_counter()
        if start >= self._next or len(self.losses) == self._batches:
            self._draw()
            end = perf_counter()
            self._next = end + max(0.5, 100 * (end - start))

    @one_at_a_time()
    def show_beliefs(self, images: _Images, labels: _Labels, probabilities: _Beliefs) -> None:
        text = _told(next(self._epochs), labels, probabilities)
        self._beliefs.show(plots.plot_watched(images, labels, probabilities), text)

    @one_at_a_time()
    def _draw(self) -> None:
        last = self.losses[-100:]
        text = f"batch {len(self.losses):,} of {self._batches:,}"
        text += f"; mean loss of the last {len(last)}: {fmean(last):.3f}" if last else ""
        self._screen.show(plots.plot_live_losses(self.losses, self._batches), text)


def _told(epoch: int, labels: _Labels, probabilities: _Beliefs) -> str:
    when = f"after epoch {epoch}" if epoch else "before training"
    right = f"{(probabilities.argmax(dim=1) == labels).sum()} of {len(labels)} right"
    mean = probabilities.gather(1, labels[:, None]).mean()
    return f"{when}: {right}; probability of the right digit {mean:.2f} on average"


def _described_step(step: tuple) -> str:
    pairs = zip(step.window.tolist(), step.kernel.tolist(), strict=True)
    sums = [*(step.window * step.kernel).sum(dim=1).tolist(), step.total]
    terms = [" + ".join(map(_product, pixels, weights)) for pixels, weights in pairs]
    wide = max(map(len, terms))
    terms.append("sum".rjust(wide))
    table = [f"{term:<{wide}}  = {part:z6.2f}" for term, part in zip(terms, sums, strict=True)]
    told = [f"output[{step.row}, {step.column}]:", *table, ""]
    sizes = zip(("height:", "width: "), step.image.shape, step.output.shape, strict=True)
    for name, padded, out in sizes:
        size = f"{padded - 2 * step.padding} + 2 · {step.padding} − {len(step.kernel)}"
        told.append(f"{name} ({size}) // {step.stride} + 1 = {out}")
    return "\n".join(told)


def _product(pixel: float, weight: float) -> str:
    number = f"{round(weight, 2):zg}"
    return f"{pixel:z.2f} × {f'({number})' if number.startswith('-') else number}"
