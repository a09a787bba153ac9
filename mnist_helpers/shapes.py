"""What layers do to a digit: one place of a convolution, tables, receptive fields, one unit."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxtyping import Float
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

_PIXELWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh),
    *(nn.Identity, nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d),
)


class _ConvolutionStep(NamedTuple):
    """One place of a convolution: `total` is the sum of products of window and kernel."""

    image: Float[Tensor, "H W"]  # padded
    kernel: Float[Tensor, "k k"]
    window: Float[Tensor, "k k"]
    top: int  # of the window on the image
    left: int
    row: int  # on the output
    column: int
    total: float
    output: Float[Tensor, "H_out W_out"]  # NaN where it is not yet filled
    scale: float  # the largest absolute value of the whole output
    stride: int
    padding: int


class _LayerShape(NamedTuple):
    layer: str  # name and kind
    output_shape: tuple[int, ...]  # without the batch axis
    parameters: int


class _ReceptiveField(NamedTuple):
    """Unit number i along an axis sees `size` pixels from ``start + i * jump`` on."""

    layer: str
    size: int
    jump: int
    start: int

    def patch(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return top, left, height and width of what a unit sees; it may reach over the edge."""
        places = (self.start + place * self.jump for place in (row, column))
        return (*places, self.size, self.size)


class _LayerView(NamedTuple):
    """What a layer makes of one digit; features are maps of 1×1."""

    title: str
    layer: nn.Module
    input: Float[Tensor, "C_in H_in W_in"]
    output: Float[Tensor, "C H W"]
    field: _ReceptiveField | None  # None where each unit sees the whole image


class _UnitStep(NamedTuple):
    """How one unit comes about; max pooling's kernel is 1 at the largest, and else 0."""

    layer: int
    unit: tuple[int, int, int]  # channel, row, column
    corner: tuple[int, int]  # of the window on the layer's input, below 0 in the padding
    window: Float[Tensor, "C_in kH kW"]
    kernel: Float[Tensor, "C_in kH kW"]
    bias: float
    total: float  # before ReLU
    patch: tuple[int, int, int, int]  # of the digit: top, left, height and width


def kernels() -> dict[str, Float[Tensor, "3 3"]]:
    return {
        "vertical edges": torch.tensor([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]]),
        "horizontal edges": torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]]),
        "blur": torch.full((3, 3), 1 / 9),
        "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    }


def convolution_step(
    image: Float[Tensor, "H W"],
    kernel: Float[Tensor, "k k"],
    place: int,
    stride: int = 1,
    padding: int = 0,
) -> _ConvolutionStep:
    """Return output pixel number `place`, row by row."""
    padded = F.pad(image, (padding,) * 4)
    output = F.conv2d(padded[None, None], kernel[None, None], stride=stride)[0, 0]
    row, column = divmod(place, output.shape[1])
    top, left = row * stride, column * stride
    window = padded[top : top + len(kernel), left : left + len(kernel)]
    scale = output.abs().max().item()
    output.view(-1)[place + 1 :] = torch.nan
    places, total = (top, left, row, column), (window * kernel).sum().item()
    return _ConvolutionStep(padded, kernel, window, *places, total, output, scale, stride, padding)


def layer_outputs(
    model: nn.Module, images: Float[Tensor, "N ..."]
) -> list[tuple[str, nn.Module, Tensor]]:
    """Return the name, the layer and its output for each layer, a module without modules inside,
    in the order in which they run in evaluation mode."""
    names = {module: name for name, module in model.named_modules()}
    layers = [module for module in names if not list(module.children())]
    training = [module for module in names if module.training]
    outputs = []

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        outputs.append((names[module], module, output.clone()))  # the next may work in place

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        model.eval()
        with torch.no_grad():
            model(images.to(next(model.parameters(), images).device))
    finally:
        for hook in hooks:
            hook.remove()
        for module in training:
            module.training = True
    return outputs


def layer_shapes(model: nn.Module, input_size: Sequence[int]) -> list[_LayerShape]:
    """Return a row for each layer that one input, such as (1, 28, 28) for C, H, W, goes through.
    Parameters that are used twice are counted once."""
    rows, counted = [], set()
    for name, module, output in layer_outputs(model, _blank(model, input_size)):
        fresh = set(module.parameters()) - counted
        counted |= fresh
        parameters = sum(map(torch.numel, fresh))
        rows.append(_LayerShape(_title(name, module), tuple(output.shape[1:]), parameters))
    return rows


def multiply_adds(model: nn.Module, input_size: Sequence[int]) -> int:
    """Return how many multiplications, each with an addition, a model's convolutions and linear
    layers need for one input."""
    with FlopCounterMode(display=False) as counter:
        layer_outputs(model, _blank(model, input_size))
    return counter.get_total_flops() // 2  # it counts both


def receptive_field(layers: nn.Module | Iterable[nn.Module]) -> list[_ReceptiveField]:
    """Return which patch of the input a unit of each layer sees, up to ``Flatten`` or ``Linear``:
    from there on it sees everything. Layers are taken in the order of holding them.

    The recursion is the one of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional
    Neural Networks" (Distill, 2019). A ValueError names a layer whose patch is not known or square.
    """
    modules = nn.ModuleList([layers] if isinstance(layers, nn.Module) else layers)
    rows = []
    size, jump, start = 1, 1, 0
    # A layer that is held twice also runs twice.
    for _, layer in modules.named_modules(remove_duplicate=False):
        kind = type(layer).__name__
        if list(layer.children()):
            continue
        if isinstance(layer, (nn.Flatten, nn.Linear)):
            break
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            start -= _square(layer, "padding") * jump
            size += _square(layer, "dilation") * (_square(layer, "kernel_size") - 1) * jump
            jump *= _square(layer, "stride")
        elif not isinstance(layer, _PIXELWISE):
            raise ValueError(f"{kind}: which pixels such a layer sees is not known here.")
        rows.append(_ReceptiveField(kind, size, jump, start))
    return rows


def network_views(model: nn.Module, image: Float[Tensor, "1 H W"]) -> list[_LayerView]:
    """Return what each layer of a model makes of a digit, a ReLU and its like together with the
    layer before it; ``Flatten``, which changes none, is left out. It is right for models that run
    their layers in the order of holding them."""
    views, fields = [], dict(enumerate(receptive_field(model)))
    for number, (name, layer, output) in enumerate(layer_outputs(model, image[None])):
        maps = output[0].cpu().reshape(*output.shape[1:], *[1] * (4 - output.ndim))
        if isinstance(layer, _PIXELWISE):
            title = f"{views[-1].title}, {type(layer).__name__}"
            views[-1] = views[-1]._replace(title=title, output=maps)
        elif not isinstance(layer, nn.Flatten):
            inputs = views[-1].output if views else image
            views.append(_LayerView(_title(name, layer), layer, inputs, maps, fields.get(number)))
    return views


def unit_step(views: Sequence[_LayerView], number: int, unit: tuple[int, int, int]) -> _UnitStep:
    """Return how a unit of a convolution, a pooling or a linear layer comes about. A ValueError
    names a layer whose window is not square."""
    _, layer, inputs, output, field = views[number]
    channel, row, column = unit
    size, padding, stride = inputs.shape[1:], 0, 1  # a linear layer's window is all there is
    if not isinstance(layer, nn.Linear):
        size = [_square(layer, "kernel_size")] * 2
        padding, stride = _square(layer, "padding"), _square(layer, "stride")
    windows = F.unfold(inputs[None], size, padding=padding, stride=stride)[0]
    window = windows[:, row * output.shape[2] + column].reshape(-1, *size)
    bias = getattr(layer, "bias", None)
    bias = 0.0 if bias is None else bias[channel].item()
    if hasattr(layer, "weight"):
        kernel = layer.weight[channel].detach().cpu().reshape(window.shape)
    else:
        [kernel] = torch.autograd.grad(layer(window.requires_grad_())[channel].sum(), window)
    total = (window.detach() * kernel).sum().item() + bias
    corner = (row * stride - padding, column * stride - padding)
    patch = field.patch(row, column) if field else (0, 0, *views[0].input.shape[1:])
    return _UnitStep(number, unit, corner, window.detach(), kernel, bias, total, patch)


def _blank(model: nn.Module, input_size: Sequence[int]) -> Tensor:
    return torch.zeros(1, *input_size, dtype=next(model.parameters(), torch.empty(0)).dtype)


def _title(name: str, module: nn.Module) -> str:
    # The name is empty where the model itself is the layer.
    return f"{name} {type(module).__name__}".strip()


def _square(layer: nn.Module, name: str) -> int:
    """Return a layer's kernel_size, stride, padding or dilation; of a pair of equals, one."""
    value = getattr(layer, name, 1)
    height, width = value if isinstance(value, tuple) else (value, value)
    if isinstance(value, str) or height != width:
        kind = type(layer).__name__
        raise ValueError(f"{kind} has {name}={value!r}, not one number of pixels for both axes.")
    return height
