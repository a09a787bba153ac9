"""What a layer does to a shape: output sizes, layer tables, receptive fields. Pure functions of sizes and modules."""

from collections.abc import Iterable, Sequence
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .checks import described, require_model, require_same_device, require_tensor

_PIXELWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh),
    *(nn.Identity, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d),
)


class LayerShape(NamedTuple):
    """One row of `layer_shapes`: the layer's name and kind, its output's shape without the batch axis, and its
    parameters."""

    layer: str
    output_shape: tuple[int, ...]
    parameters: int


class LayerOutput(NamedTuple):
    """What one layer of a model put out: the layer's name in the model, the layer, and its output with the batch
    axis."""

    name: str
    module: nn.Module
    output: Tensor


class ReceptiveField(NamedTuple):
    """One row of `receptive_field`. Unit number i along an axis, counted from 0, sees the input's pixels from
    ``start + i * jump`` up to, not including, ``start + i * jump + size``; those outside the picture are padding."""

    layer: str
    size: int
    jump: int
    start: int


def conv_output_size(
    input_size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Return the length of a convolution's or pooling's output along one axis, in pixels.

    The formula is the one in the documentation of ``torch.nn.Conv2d``. A kernel of size k whose taps lie d apart covers
    ``d * (k - 1) + 1`` pixels; the rest is how many steps of the stride fit into what is left, and one for the start.

    Raises:
        TypeError: an argument is not an int.
        ValueError: an argument is too small, or the kernel is larger than the padded input.
    """
    _require_ints(
        input_size=input_size,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    padded = input_size + 2 * padding
    covered = dilation * (kernel_size - 1) + 1
    if covered > padded:
        raise ValueError(
            f"A kernel that covers {covered} pixels does not fit into {padded} (padding included)."
        )
    return (padded - covered) // stride + 1


def layer_shapes(model: nn.Module, input_size: Sequence[int]) -> list[LayerShape]:
    """Send one blank input through `model`, and return a row for each layer in the order in which they ran.

    Args:
        model: any module whose layers put out one tensor each; it is left in the mode, and with the weights and
            gradients, that it had.
        input_size: the input's shape without the batch axis, for example ``(1, 28, 28)`` for ``C, H, W``.

    A layer is a module without modules inside. Parameters of a layer that runs twice are counted once, so that the
    column's sum is the model's number of parameters.

    Raises:
        TypeError: `model` is no module, or one of its layers puts out something else than a tensor.
        ValueError: `input_size` is not a sequence of ints of at least 1, or the model does not take such an input.
    """
    require_model("model", model, parameters=False)
    if not (
        isinstance(input_size, Sequence)
        and input_size
        and all(
            isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in input_size
        )
    ):
        raise ValueError(
            f"input_size is {input_size}; give the shape of one input, such as (1, 28, 28) for C, H, W."
        )
    first = next(model.parameters(), torch.empty(0))
    try:
        blank = torch.zeros(1, *input_size, dtype=first.dtype, device=first.device)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise ValueError(
            f"input_size is {input_size}, and an input of that shape cannot be made here: it is too large."
        ) from error
    rows, counted = [], set()
    for name, module, output in layer_outputs(model, blank):
        fresh = [weight for weight in module.parameters() if id(weight) not in counted]
        counted.update(id(weight) for weight in fresh)
        layer = f"{name} {type(module).__name__}".strip()
        parameters = sum(weight.numel() for weight in fresh)
        rows.append(LayerShape(layer, tuple(output.shape[1:]), parameters))
    return rows


def multiply_adds(model: nn.Module, input_size: Sequence[int]) -> int:
    """Return how many multiplications, each with an addition, a model's convolutions and linear layers need for one
    input. What is left out (biases, activations, pooling, batch norm) is a few per cent of it.

    Each output of a convolution is the sum of ``in_channels / groups`` times the kernel's size products, each of a
    linear layer the sum of ``in_features`` products.

    Args:
        model, input_size: as in `layer_shapes`.

    Raises:
        TypeError, ValueError: as `layer_shapes` does.
    """
    rows = layer_shapes(model, input_size)
    modules = dict(model.named_modules())
    total = 0
    for row in rows:
        # The name is empty where the model itself is the layer.
        module = modules[row.layer.rpartition(" ")[0]]
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            total += math.prod(row.output_shape) * module.weight[0].numel()
    return total


def layer_outputs(model: nn.Module, images: Tensor) -> list[LayerOutput]:
    """Send a batch through `model`, in evaluation mode and without gradients, and return what each layer put out, in
    the order in which they ran. A layer is a module without modules inside. The model is left in its mode.

    Args:
        model: any module whose layers put out one tensor each.
        images: a batch of floats, its first axis N, on the model's device.

    Raises:
        TypeError: `model` is no module, `images` no tensor of floats, or a layer puts out something else than a tensor.
        ValueError: `images` is empty, holds NaN or infinity or is on another device than the model, or the model does
            not take such a batch.
    """
    require_model("model", model, parameters=False)
    _require_batch(model, images)
    outputs: list[LayerOutput] = []

    def keep(module: nn.Module, output: Tensor, name: str) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"The layer {name} {type(module).__name__} puts out {described(output)}, and has to put out one "
                "tensor: other layers cannot be shown."
            )
        # A copy: a layer that works in place would write into it.
        outputs.append(LayerOutput(name, module, output.clone()))

    hooks = [
        module.register_forward_hook(
            lambda module, _, output, name=name: keep(module, output, name)
        )
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    training_modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            model(images)
    except (RuntimeError, ValueError, IndexError) as error:
        last = "no layer ran"
        if outputs:
            layer = f"{outputs[-1].name} {type(outputs[-1].module).__name__}".strip()
            last = f"the last layer that ran was {layer}"
        raise ValueError(
            f"The model does not take an input of shape {list(images.shape)}; {last}. {error}"
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training_modes:
            module.training = mode
    return outputs


def receptive_field(layers: nn.Module | Iterable[nn.Module]) -> list[ReceptiveField]:
    """Return, for each layer, which patch of the input one unit of its output sees.

    Args:
        layers: modules in the order in which they run; of a model, the modules in the order in which it holds them.
            Convolutions and poolings with square kernels widen the patch; layers that work on each pixel by itself
            (activations, batch norm, dropout) repeat the row before. At ``Flatten`` or ``Linear`` the list ends: from
            there on a unit sees everything.

    The recursion is the one of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks"
    (Distill, 2019): each layer widens the patch by (kernel - 1) steps of the present jump, and multiplies the jump by
    its stride.

    Raises:
        TypeError: `layers` is neither a module nor a list of modules.
        ValueError: a layer's kernel, stride, padding or dilation differs between height and width, or the layer is of a
            kind whose receptive field is not known here.
    """
    if not isinstance(layers, nn.Module):
        layers = _listed(layers)
    modules = (
        _leaves(layers)
        if isinstance(layers, nn.Module)
        else [leaf for layer in layers for leaf in _leaves(layer)]
    )
    rows: list[ReceptiveField] = []
    size, jump, start = 1, 1, 0
    for module in modules:
        if isinstance(module, (nn.Flatten, nn.Linear)):
            break
        if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            kernel_size = _square(module, "kernel_size")
            dilation = _square(module, "dilation")
            start -= _padding_before(module, dilation * (kernel_size - 1)) * jump
            size += dilation * (kernel_size - 1) * jump
            jump *= _square(module, "stride")
        elif not isinstance(module, _PIXELWISE):
            raise ValueError(
                f"{type(module).__name__}: which pixels such a layer sees is not known here."
            )
        rows.append(ReceptiveField(type(module).__name__, size, jump, start))
    return rows


def _leaves(module: nn.Module) -> list[nn.Module]:
    # A module that is held twice also runs twice, so it has to be listed twice.
    every = module.named_modules(remove_duplicate=False)
    return [leaf for _, leaf in every if not list(leaf.children())]


def _listed(layers: Iterable[nn.Module]) -> list[nn.Module]:
    advice = "give a network, or a list of layers in the order in which they run"
    if isinstance(layers, type) and issubclass(layers, nn.Module):
        raise TypeError(
            f"layers is {described(layers)}; {advice}. `{layers.__name__}()` makes one."
        )
    if isinstance(layers, (str, bytes, Tensor)) or not isinstance(layers, Iterable):
        raise TypeError(f"layers is {described(layers)}; {advice}.")
    listed = list(layers)
    for number, layer in enumerate(listed):
        if not isinstance(layer, nn.Module):
            raise TypeError(
                f"Number {number} of layers is {described(layer)}, and has to be a layer, an nn.Module; {advice}."
            )
    return listed


def _padding_before(module: nn.Module, covered: int) -> int:
    """Return by how many pixels a layer widens its input at the left and at the top.

    Args:
        module: the layer.
        covered: how many pixels its kernel covers beyond the first one.
    """
    padding = getattr(module, "padding", 0)
    if isinstance(padding, str):
        # What is left over of an odd number goes to the right and to the bottom.
        return {"valid": 0, "same": covered // 2}[padding]
    return _square(module, "padding")


def _square(module: nn.Module, name: str) -> int:
    value = getattr(module, name, 1)
    if isinstance(value, int):
        return value
    if isinstance(value, tuple) and len(set(value)) == 1:
        return value[0]
    raise ValueError(
        f"{type(module).__name__} has {name}={value!r}; it has to be the same for height and width."
    )


def _require_batch(model: nn.Module, images: Tensor) -> None:
    axes = "[N, ...]"
    if isinstance(images, Tensor) and images.ndim > 0:
        axes = str(["N", *images.shape[1:]]).replace("'", "")
    require_tensor("images", images, axes, kind="float")
    if next(model.parameters(), None) is not None:
        require_same_device(model, "images", images)


def _require_ints(**arguments: int) -> None:
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(
                f"{name} is {value!r}, a {type(value).__name__}; it has to be an int, in pixels."
            )
        least = 0 if name == "padding" else 1
        if value < least:
            raise ValueError(f"{name} is {value}, and has to be at least {least}.")
