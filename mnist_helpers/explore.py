"""What the widgets show, as plain functions: one pixel, one place of a convolution, one unit of a layer, and when to
draw a live curve again."""

from collections.abc import Callable, Mapping, Sequence
import time
from typing import NamedTuple

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from .checks import (
    described,
    require_function,
    require_labels,
    require_mapping,
    require_model,
    require_number,
    require_numbers,
    require_probabilities,
    require_tensor,
    require_type,
    require_whole,
)
from .shapes import ReceptiveField, conv_output_size, layer_outputs, receptive_field


class ConvolutionStep(NamedTuple):
    """One place of a convolution, counted from the top left, row by row.

    image: the padded image ``[H, W]``.
    kernel, window, products: ``[k, k]``; the window is what lies under the kernel, the products are the two multiplied.
    top, left: where the window starts on the padded image.
    row, column: which pixel of the output it is, and total: its value, the sum of the products.
    output: ``[H, W]``, NaN where it is not yet filled.
    scale: the largest absolute value of the whole output.
    stride, padding: in pixels.
    """

    image: Tensor
    kernel: Tensor
    window: Tensor
    products: Tensor
    top: int
    left: int
    row: int
    column: int
    total: float
    output: Tensor
    scale: float
    stride: int
    padding: int


class Patch(NamedTuple):
    """A rectangle of pixels on an image; it may reach over the edge, into the padding."""

    top: int
    left: int
    height: int
    width: int


class LayerView(NamedTuple):
    """A layer of a model that has read one digit.

    title: the layer's name and kind. output: ``[C, H, W]`` or ``[features]``. parameters: how many it has.
    field: its receptive field, or None where each unit sees the whole image.
    """

    title: str
    output: Tensor
    parameters: int
    field: ReceptiveField | None


def kernels() -> dict[str, Tensor]:
    """Return a few well-known 3×3 kernels by name."""
    return {
        "vertical edges": torch.tensor([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
        "horizontal edges": torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]),
        "blur": torch.full((3, 3), 1 / 9),
        "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    }


def indices_of(labels: Tensor, digit: int | None) -> list[int]:
    """Return where in int labels ``[N]`` a digit from 0 to 9 stands, or all indices if `digit` is None.

    Raises:
        TypeError: the labels are no tensor of ints, or `digit` is no whole number.
        ValueError: a label or `digit` is not from 0 to 9, or there is no label.
    """
    require_labels("labels", labels)
    if digit is None:
        return list(range(len(labels)))
    require_whole("digit", digit, 0, 9)
    return (labels == digit).nonzero().flatten().tolist()


def crop_around(size: int, place: int, width: int = 5) -> slice:
    """Return a slice of `width` pixels of an axis of `size` around a place, moved inwards at the edge.

    Raises:
        TypeError: an argument is no whole number.
        ValueError: `size` is less than 1, the place not on the axis, or `width` not from 1 to `size`.
    """
    require_whole("size", size, at_least=1)
    require_whole("place", place, 0, size - 1)
    require_whole("width", width, 1, size)
    start = min(max(place - width // 2, 0), size - width)
    return slice(start, start + width)


def described_pixel(image: Tensor, row: int, column: int) -> str:
    """Return a pixel of an image ``[1, H, W]`` in [0, 1] as a sentence, with its place as one indexes it.

    Raises:
        TypeError: `image` is no tensor of floats, `row` or `column` no whole number.
        ValueError: `image` is no such image, or has no such pixel.
    """
    _require_pixels("image", image)
    require_whole("row", row, 0, image.shape[1] - 1)
    require_whole("column", column, 0, image.shape[2] - 1)
    value = image[0, row, column].item()
    return f"image[0, {row}, {column}] = {value:.4f} = {255 * value:.0f} / 255"


def convolution_step(
    image: Tensor, kernel: Tensor, place: int, stride: int = 1, padding: int = 0
) -> ConvolutionStep:
    """Return one place of a convolution of an image ``[H, W]`` with a square kernel ``[k, k]``.

    Args:
        place: which output pixel, from 0, row by row.

    Raises:
        TypeError: image or kernel is no tensor of floats, or they differ in their type; another argument is no int.
        ValueError: the kernel is not square or does not fit, there is no such place, or image and kernel are on two
            devices.
    """
    require_tensor("image", image, "[H, W]", kind="float")
    require_tensor("kernel", kernel, "[k, k]", kind="float")
    if kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"kernel is {described(kernel)}, and has to be square, such as [3, 3].")
    if kernel.dtype != image.dtype:
        raise TypeError(
            f"kernel is {described(kernel)} and image {described(image)}: `kernel.to(image)` makes them alike."
        )
    if kernel.device != image.device:
        raise ValueError(
            f"kernel is on {kernel.device} and image on {image.device}; bring both to one: `kernel.to(image)`."
        )
    require_whole("place", place)
    kernel_size = len(kernel)
    height, width = (conv_output_size(size, kernel_size, stride, padding) for size in image.shape)
    if not 0 <= place < height * width:
        raise ValueError(
            f"The output has the places 0 to {height * width - 1}, and {place} is none of them."
        )
    row, column = divmod(place, width)
    padded = F.pad(image, (padding,) * 4)
    top, left = row * stride, column * stride
    window = padded[top : top + kernel_size, left : left + kernel_size]
    output = F.conv2d(padded[None, None], kernel[None, None], stride=stride)[0, 0]
    filled = output.flatten().clone()
    filled[place + 1 :] = torch.nan
    return ConvolutionStep(
        image=padded,
        kernel=kernel,
        window=window,
        products=window * kernel,
        top=top,
        left=left,
        row=row,
        column=column,
        total=(window * kernel).sum().item(),
        output=filled.reshape(height, width),
        scale=output.abs().max().item(),
        stride=stride,
        padding=padding,
    )


def places(height: int, width: int, kernel_size: int, stride: int, padding: int) -> int:
    """Return at how many places a square kernel stops on an image: the number of pixels of the output.

    Raises:
        TypeError: an argument is no whole number.
        ValueError: an argument is too small, or the kernel does not fit.
    """
    require_whole("height", height, at_least=1)
    require_whole("width", width, at_least=1)
    rows, columns = (
        conv_output_size(size, kernel_size, stride, padding) for size in (height, width)
    )
    return rows * columns


def written_sum(step: ConvolutionStep) -> str:
    """Return the sum of products of a `ConvolutionStep`, a line for each row of the window, and its result.

    Raises:
        TypeError: `step` is no `ConvolutionStep`.
    """
    _require_step(step)
    lines = [
        " + ".join(
            f"{pixel:z.2f} × {_short(weight)}"
            for pixel, weight in zip(pixels.tolist(), weights.tolist(), strict=True)
        )
        for pixels, weights in zip(step.window, step.kernel, strict=True)
    ]
    sums = [f"{products.sum().item():z.2f}" for products in step.products]
    width = max(map(len, lines))
    written = [f"{line:<{width}}  = {part:>6}" for line, part in zip(lines, sums, strict=True)]
    return "\n".join([*written, f"{'sum':>{width}}  = {step.total:z6.2f}"])


def written_output_size(size: int, kernel_size: int, stride: int, padding: int) -> str:
    """Return the formula of a convolution's output size along one axis, with its numbers.

    Raises:
        TypeError, ValueError: as `shapes.conv_output_size` does.
    """
    output_size = conv_output_size(size, kernel_size, stride, padding)
    rest = size + 2 * padding - kernel_size
    dropped = "" if rest % stride == 0 else f", without the fraction {rest // stride}"
    return (
        f"({size} + 2 · {padding} − {kernel_size}) / {stride} = {rest / stride:.4g}{dropped}, "
        f"plus 1 is {output_size}"
    )


def described_step(step: ConvolutionStep) -> str:
    """Return the sum of products of a `ConvolutionStep`, which output pixel it is, and how the output's size follows
    from the input's.

    Raises:
        TypeError: `step` is no `ConvolutionStep`.
    """
    _require_step(step)
    sizes = [size - 2 * step.padding for size in step.image.shape]
    height, width = (
        written_output_size(size, len(step.kernel), step.stride, step.padding) for size in sizes
    )
    pixel = f"output[{step.row}, {step.column}]:"
    return f"{pixel}\n{written_sum(step)}\n\noutput height: {height}\noutput width:  {width}"


def layer_views(model: nn.Module, image: Tensor) -> list[LayerView]:
    """Return what each layer of a model makes of one digit ``[1, H, W]``, in the order in which the layers run, but for
    ``Flatten``, which changes no number.

    The receptive fields are right for models that run their layers in the order in which they hold them.

    Raises:
        TypeError: `model` is no network, or `image` no tensor of floats.
        ValueError: `image` is no such image, the model does not take it, or the patch that a layer sees is not known
            (see `shapes.receptive_field`).
    """
    require_model("model", model, parameters=False)
    require_tensor("image", image, "[1, H, W]", kind="float")
    device = next(model.parameters(), image).device
    fields = receptive_field(model)
    views = []
    for number, (name, module, output) in enumerate(layer_outputs(model, image[None].to(device))):
        if isinstance(module, nn.Flatten):
            continue
        views.append(
            LayerView(
                title=f"{name} {type(module).__name__}".strip(),
                output=output[0].cpu(),
                parameters=sum(weight.numel() for weight in module.parameters()),
                field=fields[number] if number < len(fields) else None,
            )
        )
    return views


def seen_patch(view: LayerView, image: Tensor, unit: tuple[int, int]) -> Patch:
    """Return the patch of an image ``[1, H, W]`` that the unit at (row, column) of a layer's output sees.

    Raises:
        TypeError: `view` is no `LayerView`, `image` no tensor, or `unit` no pair of ints.
        ValueError: `image` is no such image, or the layer's output has no such unit.
    """
    _require_view(view)
    require_tensor("image", image, "[C, H, W]")
    require_type("unit", unit, (tuple, list), "a pair (row, column)")
    if len(unit) != 2:
        raise ValueError(f"unit is {described(unit)}, and has to be a pair (row, column).")
    sizes = view.output.shape[1:] if view.output.ndim == 3 else (None, None)
    for name, place, size in zip(("row", "column"), unit, sizes, strict=True):
        require_whole(f"unit's {name}", place, 0, None if size is None else size - 1)
    if view.field is None:
        return Patch(0, 0, *image.shape[1:])
    top, left = (view.field.start + place * view.field.jump for place in unit)
    return Patch(top, left, view.field.size, view.field.size)


def described_layer(view: LayerView) -> str:
    """Return a layer's shape, parameters and receptive field as a sentence.

    Raises:
        TypeError: `view` is no `LayerView`.
    """
    _require_view(view)
    axes = "C, H, W" if view.output.ndim == 3 else "features"
    seen = "all pixels" if view.field is None else f"{view.field.size}×{view.field.size} pixels"
    return (
        f"{view.title}: output {list(view.output.shape)}  {axes}; "
        f"{view.parameters:,} parameters; one unit sees {seen}"
    )


def described_belief(epoch: int, labels: Tensor, probabilities: Tensor) -> str:
    """Return how many of the digits with int labels ``[N]`` are read rightly with probabilities ``[N, 10]``.

    Raises:
        TypeError: `epoch` is no whole number, the labels are no tensor of ints or the probabilities none of floats.
        ValueError: `epoch` is less than 0, a label not from 0 to 9, the rows are no probabilities, or there are not as
            many of them as labels.
    """
    require_whole("epoch", epoch, at_least=0)
    require_labels("labels", labels)
    require_probabilities("probabilities", probabilities, "[N, 10]")
    if len(labels) != len(probabilities):
        raise ValueError(
            f"{len(labels)} labels and {len(probabilities)} rows of probabilities were given; give as many of each."
        )
    right = (probabilities.argmax(dim=1) == labels).sum().item()
    mean = probabilities[torch.arange(len(labels)), labels].mean().item()
    when = "before training" if epoch == 0 else f"after epoch {epoch}"
    return f"{when}: {right} of {len(labels)} right; probability of the right digit {mean:.2f} on average"


def described_losses(losses: Sequence[float], batches: int) -> str:
    """Return how far a training of so many batches is, with the mean of its last hundred losses.

    Raises:
        TypeError: `losses` is no list of numbers, or `batches` no whole number.
        ValueError: `batches` is less than 1.
    """
    # Not each loss: there are thousands, and this is called while a network is trained.
    require_type("losses", losses, Sequence, "a list of numbers")
    require_whole("batches", batches, at_least=1)
    if not losses:
        return f"batch 0 of {batches:,}"
    last = require_numbers("losses", losses[-100:], finite=False)
    mean = sum(last) / len(last)
    return f"batch {len(losses):,} of {batches:,}; mean loss of the last {len(last)}: {mean:.3f}"


def shifted(image: Tensor, right: int, down: int) -> Tensor:
    """Return an image ``[C, H, W]`` moved by whole pixels, left and up where negative; what comes in is black.

    Raises:
        TypeError: `image` is no tensor, `right` or `down` no whole number.
        ValueError: `image` has another shape, or holds NaN.
    """
    require_tensor("image", image, "[C, H, W]")
    require_whole("right", right)
    require_whole("down", down)
    height, width = image.shape[-2:]
    right, down = max(-width, min(right, width)), max(-height, min(down, height))
    return F.pad(image, (right, -right, down, -down))


def described_shift(right: int, down: int) -> str:
    """Return in words by how many pixels something was moved.

    Raises:
        TypeError: `right` or `down` is no whole number.
    """
    require_whole("right", right)
    require_whole("down", down)
    across = f"{abs(right)} to the {'left' if right < 0 else 'right'}"
    return f"moved {across}, {abs(down)} {'up' if down < 0 else 'down'}"


def described_answers(probabilities: Mapping[str, Tensor]) -> str:
    """Return what each network says, and how sure it is; probabilities ``[10]`` by the network's name.

    Raises:
        TypeError: `probabilities` is no dictionary of tensors of floats by name.
        ValueError: one of them does not hold ten probabilities.
    """
    require_mapping("probabilities", probabilities, "probabilities [10] by name", empty=True)
    for name, values in probabilities.items():
        require_probabilities(f"probabilities[{name!r}]", values, "[10]")
    answers = [
        f"{name} says {values.argmax().item()} ({values.max().item():.0%})"
        for name, values in probabilities.items()
    ]
    return "; ".join(answers)


def described_change(degrees: float, scale: float, shift: float) -> str:
    """Return in words how much `random_affine` may change a digit.

    Raises:
        TypeError: an argument is no number.
        ValueError: one is less than 0 or not finite.
    """
    for name, value in (("degrees", degrees), ("scale", scale), ("shift", shift)):
        require_number(name, value, at_least=0)
    return f"rotated by up to {degrees:g}°, stretched by up to {scale:.0%}, moved by up to {shift:g} pixels"


def thinned(values: Sequence[float], points: int = 300) -> list[tuple[int, float]]:
    """Return at most `points` means over equal stretches of the values, each with the number of its last value.

    Raises:
        TypeError: `values` is no list of numbers, or `points` no whole number.
        ValueError: `points` is less than 1.
    """
    require_numbers("values", values, finite=False, empty=True)
    require_whole("points", points, at_least=1)
    length = max(1, -(-len(values) // points))
    stretches = [values[start : start + length] for start in range(0, len(values), length)]
    ends = [min(start + length, len(values)) for start in range(0, len(values), length)]
    return [
        (end, sum(stretch) / len(stretch)) for end, stretch in zip(ends, stretches, strict=True)
    ]


def described_drawing(probabilities: Tensor, strokes: int) -> str:
    """Return in words what a network makes of a drawing of so many strokes, with probabilities ``[10]``.

    Raises:
        TypeError: `probabilities` is no tensor of floats, or `strokes` no whole number.
        ValueError: `probabilities` are no ten probabilities, or `strokes` is less than 0.
    """
    require_probabilities("probabilities", probabilities, "[10]")
    require_whole("strokes", strokes, at_least=0)
    if strokes == 0:
        return "draw a digit"
    surest, second = probabilities.topk(2).indices.tolist()
    return (
        f"{strokes} {'stroke' if strokes == 1 else 'strokes'}: the network says {surest} "
        f"({probabilities[surest].item():.0%}), then {second} ({probabilities[second].item():.0%})"
    )


def enlarged(image: Tensor, times: int = 10) -> Tensor:
    """Return an image ``[1, H, W]`` with values in [0, 1] as uint8 ``[times * H, times * W]``, each pixel a square.

    Raises:
        TypeError: `image` is no tensor of floats, or `times` no whole number.
        ValueError: `image` is no such image, or `times` is less than 1.
    """
    _require_pixels("image", image)
    require_whole("times", times, at_least=1)
    pixels = (255 * image[0]).round().to(torch.uint8)
    return pixels.repeat_interleave(times, dim=0).repeat_interleave(times, dim=1)


def block_output(model: nn.Module, block: str, image: Tensor) -> Tensor:
    """Return what a block of a network, one of its own modules, puts out for an image: ``[C, H, W]``, on the CPU.

    Args:
        model: a network; it is put into evaluation mode and left there.
        block: the module's name in it.
        image: ``[C, H, W]``.

    Raises:
        TypeError: `model` is no network, `block` no text, or `image` no tensor of floats.
        ValueError: the model has no such module, or `image` another number of axes.
        RuntimeError: the model does not take an image of this size; PyTorch says why.
    """
    require_model("model", model, parameters=False)
    require_type("block", block, str, "the name of a module, such as 'block_1'")
    require_tensor("image", image, "[C, H, W]", kind="float")
    modules = dict(model.named_children())
    if block not in modules:
        raise ValueError(f"The model has no {block!r}; it has {', '.join(modules)}.")
    outputs: list[Tensor] = []
    hook = modules[block].register_forward_hook(
        lambda *arguments: outputs.append(arguments[2].clone())
    )
    try:
        model.eval()
        with torch.no_grad():
            model(image[None].to(next(model.parameters(), image).device))
    finally:
        hook.remove()
    return outputs[0][0].cpu()


def tiled(maps: Tensor, columns: int = 16, times: int = 3) -> Tensor:
    """Return feature maps ``[C, H, W]`` as one grey picture, uint8, in rows of `columns`: each from its own smallest
    value (black) to its own largest (white), each pixel `times` as large, with a grey line between them.

    Raises:
        TypeError: `maps` is no tensor of floats, or another argument no whole number.
        ValueError: `maps` has another shape or holds NaN, or another argument is less than 1.
    """
    require_tensor("maps", maps, "[C, H, W]", kind="float")
    require_whole("columns", columns, at_least=1)
    require_whole("times", times, at_least=1)
    least, most = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    scaled = (maps - least) / (most - least).clamp(min=1e-12)
    pixels = (255 * scaled).round().to(torch.uint8)
    pixels = pixels.repeat_interleave(times, dim=1).repeat_interleave(times, dim=2)
    framed = F.pad(pixels, (1, 1, 1, 1), value=128)
    missing = -len(framed) % columns
    framed = torch.cat([framed, torch.full((missing, *framed.shape[1:]), 128, dtype=torch.uint8)])
    rows = [torch.cat(list(row), dim=1) for row in framed.split(columns)]
    return torch.cat(rows)


def described_maps(block: str, maps: Tensor) -> str:
    """Return in words what feature maps ``[C, H, W]`` are, and how many of them are silent.

    Raises:
        TypeError: `block` is no text, or `maps` no tensor.
        ValueError: `maps` has another shape, or holds NaN.
    """
    require_type("block", block, str, "the name of a module, such as 'block_1'")
    require_tensor("maps", maps, "[C, H, W]")
    silent = (maps == 0).all(dim=2).all(dim=1).sum().item()
    count, height, width = maps.shape
    return f"{block}: {count} feature maps of {height}×{width}; {silent} of them are zero all over"


class Pace:
    """Says when something may be drawn again while a computation runs: at most every `interval` seconds, and so seldom
    that drawing takes no more than a `share` of the time. It is a class because it has to remember the last drawing.
    """

    def __init__(
        self,
        interval: float = 0.5,
        share: float = 0.01,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """
        Args:
            interval: the shortest time between two drawings, in seconds.
            share: how much of the time drawing may take, over 0 and at most 1.
            clock: returns the time, in seconds.

        Raises:
            TypeError: `interval` or `share` is no number, or `clock` cannot be called.
            ValueError: `interval` is less than 0, or `share` not over 0 and at most 1.
        """
        require_number("interval", interval, at_least=0)
        require_number("share", share, above=0, at_most=1)
        require_function("clock", clock, "returns the time in seconds")
        self._interval = interval
        self._share = share
        self._clock = clock
        self._next = clock()

    def due(self) -> bool:
        """Return whether it is time to draw."""
        return self._clock() >= self._next

    def run(self, draw: Callable[[], None]) -> None:
        """Draw, and note how long it took: the longer, the later the next time.

        Raises:
            TypeError: `draw` cannot be called.
        """
        require_function("draw", draw, "takes nothing and draws")
        start = self._clock()
        draw()
        end = self._clock()
        self._next = end + max(self._interval, (end - start) / self._share)


def _require_pixels(name: str, image: Tensor) -> None:
    """Raise where something is no image ``[1, H, W]`` with values in [0, 1]."""
    require_tensor(name, image, "[1, H, W]", kind="float")
    low, high = image.min().item(), image.max().item()
    # Where an image was rotated, rounding leads a little above 1.
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(
            f"{name} goes from {low:.4g} to {high:.4g}, and has to be in [0, 1]: bytes are divided by 255."
        )


def _require_step(step: ConvolutionStep) -> None:
    require_type("step", step, ConvolutionStep, "what convolution_step returns")


def _require_view(view: LayerView) -> None:
    require_type("view", view, LayerView, "one of those that layer_views returns")


def _short(number: float) -> str:
    """Return a kernel's number with at most two decimals, in brackets if it is negative."""
    text = f"{number:z.2f}".rstrip("0").rstrip(".")
    return f"({text})" if text.startswith("-") else text
