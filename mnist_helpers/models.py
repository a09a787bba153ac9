"""The networks that the lessons build. Each takes images ``[N, 1, 28, 28]`` and returns logits ``[N, 10]``."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .checks import checked, described, require_bool, require_whole


class CNN(nn.Module):
    """The network of lessons 03 and 04: three blocks of 3×3 convolutions and one linear layer, 103,162 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2),
        )
        self.block_2 = nn.Sequential(
            nn.Conv2d(16, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2),
        )
        self.block_3 = nn.Sequential(
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 64, kernel_size=3, padding=1),
            nn.ReLU(),
        )
        self.output = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.block_1(images)  # [N, 16, 14, 14]
        features = self.block_2(features)  # [N, 32, 7, 7]
        features = self.block_3(features)  # [N, 64, 7, 7]
        return self.output(features)  # [N, 10]


class WideCNN(nn.Module):
    """The same idea with 5×5 kernels, which see more of the picture at each step and cost more: 352,074 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2),
        )
        self.block_2 = nn.Sequential(
            nn.Conv2d(16, 32, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.Conv2d(32, 32, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.Conv2d(32, 64, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2),
        )
        self.block_3 = nn.Sequential(
            nn.Conv2d(64, 64, kernel_size=5, padding=2),
            nn.ReLU(),
        )
        self.output = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        features = self.block_1(images)  # [N, 16, 14, 14]
        features = self.block_2(features)  # [N, 64, 7, 7]
        features = self.block_3(features)  # [N, 64, 7, 7]
        return self.output(features)  # [N, 10]


class MLP(nn.Module):
    """The fully connected predecessor: every pixel to every unit. With the hidden sizes given here it has 102,594
    parameters, within one per cent of `CNN`'s, so that the two can be compared."""

    def __init__(self, hidden_sizes: Sequence[int] = (120, 64)) -> None:
        """
        Args:
            hidden_sizes: how many units each hidden layer has; without any, the network is one linear layer.

        Raises:
            TypeError: `hidden_sizes` is no list or tuple of whole numbers.
            ValueError: a layer has less than one unit.
        """
        super().__init__()
        if not isinstance(hidden_sizes, Sequence) or isinstance(hidden_sizes, (str, bytes)):
            raise TypeError(
                f"hidden_sizes is {described(hidden_sizes)}, and has to be a list or tuple of whole numbers, one for "
                "each hidden layer, such as (120, 64)."
            )
        for number, hidden_size in enumerate(hidden_sizes):
            require_whole(f"hidden_sizes[{number}]", hidden_size, at_least=1)
        layers: list[nn.Module] = [nn.Flatten()]
        in_features = 28 * 28
        for hidden_size in hidden_sizes:
            layers += [nn.Linear(in_features, hidden_size), nn.ReLU()]
            in_features = hidden_size
        layers.append(nn.Linear(in_features, 10))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)  # [N, 10]


class BatchNormCNN(nn.Module):
    """The convolutions of `CNN`, each with batch norm in place of its bias. Pooling comes before batch norm and ReLU,
    which so have a quarter of the numbers to work on. 103,386 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            convolution_block(1, 16, pool=True),
            convolution_block(16, 16),
            convolution_block(16, 32),
            convolution_block(32, 32, pool=True),
            convolution_block(32, 64),
            convolution_block(64, 64),
        )
        self.output = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.blocks(images))  # [N, 64, 7, 7], then [N, 10]


class SmallCNN(nn.Module):
    """Two convolutions without padding and two linear layers, all with batch norm: little to compute, 212,986
    parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, bias=False),
            nn.MaxPool2d(kernel_size=2),  # [N, 16, 12, 12]
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, bias=False),
            nn.MaxPool2d(kernel_size=2),  # [N, 32, 5, 5]
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 5 * 5, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)  # [N, 10]


def convolution_block(in_channels: int, out_channels: int, pool: bool = False) -> nn.Sequential:
    """Return a 3×3 convolution, with `pool` a max pooling over 2×2, batch norm, and ReLU.

    Raises:
        TypeError: a number of channels is no whole number, or `pool` is neither True nor False.
        ValueError: a number of channels is less than 1.
    """
    layers = [nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)]
    if pool:
        layers.append(nn.MaxPool2d(kernel_size=2))
    return nn.Sequential(*layers, nn.BatchNorm2d(out_channels), nn.ReLU())


def make_cnn(
    kernel_size: int = 3,
    channels: int = 16,
    depth: int = 1,
    pooling: str = "max",
    activation: str = "ReLU",
) -> nn.Sequential:
    """Return a network of two blocks, each `depth` convolutions with an activation and a pooling that halves height and
    width, and one linear layer. As it stands it has 20,490 parameters.

    Args:
        kernel_size: odd, so that padding can keep height and width.
        channels: of the first block; the second has twice as many.
        depth: convolutions in each block.
        pooling: ``"max"``, ``"average"``, or ``"strided"``: a convolution that moves by two pixels.
        activation: the name of a module of ``torch.nn``, such as ``"ReLU"``, ``"GELU"`` or ``"Tanh"``.

    Raises:
        TypeError: a number is no whole number, or `activation` is no text.
        ValueError: `pooling` is none of the three, `kernel_size` is even, a number is less than 1, or `activation`
            names no module that is made without arguments and keeps a shape.
    """
    poolings = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
    if pooling not in [*poolings, "strided"]:
        raise ValueError(f"pooling is {pooling!r}; choose 'max', 'average' or 'strided'.")
    layers = []
    in_channels = 1
    for out_channels in (channels, 2 * channels):
        for _ in range(depth):
            layers += [
                nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
                getattr(nn, activation)(),
            ]
            in_channels = out_channels
        if pooling == "strided":
            layers.append(nn.Conv2d(out_channels, out_channels, kernel_size=2, stride=2))
        else:
            layers.append(poolings[pooling](kernel_size=2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * channels * 7 * 7, 10))


def _require_convolution_block(in_channels: int, out_channels: int, pool: bool = False) -> None:
    require_whole("in_channels", in_channels, at_least=1)
    require_whole("out_channels", out_channels, at_least=1)
    require_bool("pool", pool)


def _require_cnn(
    kernel_size: int = 3,
    channels: int = 16,
    depth: int = 1,
    pooling: str = "max",
    activation: str = "ReLU",
) -> None:
    """Ask what `make_cnn` asks of its arguments; of `pooling` it asks by itself."""
    if require_whole("kernel_size", kernel_size, at_least=1) % 2 == 0:
        raise ValueError(
            f"kernel_size is {kernel_size}, and has to be odd: only then can as many pixels of padding on each side "
            f"keep height and width. Try {kernel_size - 1} or {kernel_size + 1}."
        )
    require_whole("channels", channels, at_least=1)
    require_whole("depth", depth, at_least=1)
    if not isinstance(activation, str):
        raise TypeError(
            f"activation is {described(activation)}, and has to be the name of a module of torch.nn, such as 'ReLU'."
        )
    try:
        # In evaluation mode, where none draws random numbers.
        kept = getattr(nn, activation)().eval()(torch.zeros(1, 2, 3, 3)).shape == (1, 2, 3, 3)
    except (AttributeError, TypeError, ValueError, RuntimeError, NotImplementedError):
        kept = False
    if not kept:
        raise ValueError(
            f"activation is {activation!r}, which names no module of torch.nn that is made without arguments and keeps "
            "the shape of what it gets; choose 'ReLU', 'GELU' or 'Tanh', for example."
        )


# What a lesson writes out stands above as it stands there; its arguments are asked for here.
convolution_block = checked(_require_convolution_block)(convolution_block)
make_cnn = checked(_require_cnn)(make_cnn)
