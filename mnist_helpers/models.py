"""The networks that the lessons build: from images, with values in [0, 1], to logits."""

from collections.abc import Sequence
import itertools

from jaxtyping import Float
from torch import Tensor, nn

_Images, _Logits = Float[Tensor, "N 1 28 28"], Float[Tensor, "N 10"]


class CNN(nn.Module):
    """Three blocks of 3×3 convolutions and one linear layer, 103,162 parameters: lesson 03's."""

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
        self.output = nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, 10))

    def forward(self, images: _Images) -> _Logits:
        features = self.block_1(images)  # [N, 16, 14, 14]
        features = self.block_2(features)  # [N, 32, 7, 7]
        features = self.block_3(features)  # [N, 64, 7, 7]
        return self.output(features)  # [N, 10]


class WideCNN(nn.Module):
    """The same idea with 5×5 kernels: 352,074 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=2)
        )
        layers: list[nn.Module] = []
        for in_channels, out_channels in itertools.pairwise([16, 32, 32, 32, 64, 64]):
            layers += [nn.Conv2d(in_channels, out_channels, kernel_size=5, padding=2), nn.ReLU()]
        self.block_2 = nn.Sequential(*layers, nn.MaxPool2d(kernel_size=2))
        self.block_3 = nn.Sequential(nn.Conv2d(64, 64, kernel_size=5, padding=2), nn.ReLU())
        self.output = nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, 10))

    def forward(self, images: _Images) -> _Logits:
        features = self.block_2(self.block_1(images))  # [N, 64, 7, 7]
        return self.output(self.block_3(features))


class MLP(nn.Module):
    """Every pixel to every unit. As it stands it has 102,594 parameters."""

    def __init__(self, hidden_sizes: Sequence[int] = (120, 64)) -> None:
        super().__init__()
        sizes = [28 * 28, *hidden_sizes]
        layers: list[nn.Module] = [nn.Flatten()]
        for in_features, out_features in itertools.pairwise(sizes):
            layers += [nn.Linear(in_features, out_features), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 10))

    def forward(self, images: _Images) -> _Logits:
        return self.layers(images)


class BatchNormCNN(nn.Module):
    """`CNN` with batch norm, after the pooling, in place of the biases: 103,386 parameters."""

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
        self.output = nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, 10))

    def forward(self, images: _Images) -> _Logits:
        return self.output(self.blocks(images))  # [N, 64, 7, 7], then [N, 10]


class SmallCNN(nn.Module):
    """Two convolutions inside of an empty `border`, and batch norm: 139,258 parameters, little to
    compute. After tuomaso/train_mnist_fast (2021, MIT), with other widths and these two."""

    def __init__(self, border: int = 2) -> None:
        super().__init__()
        size = (20 - 2 * border) // 4  # of the last feature maps
        self.layers = nn.Sequential(
            nn.ZeroPad2d(-border),
            nn.Conv2d(1, 16, kernel_size=5, bias=False),
            nn.MaxPool2d(kernel_size=2),  # [N, 16, 10, 10]
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, kernel_size=3, bias=False),
            nn.MaxPool2d(kernel_size=2),  # [N, 32, 4, 4]
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * size * size, 256, bias=False),
            nn.BatchNorm1d(256),
            nn.ReLU(),
            nn.Linear(256, 10),
        )

    def forward(self, images: _Images) -> _Logits:
        return self.layers(images)


def convolution_block(in_channels: int, out_channels: int, pool: bool = False) -> nn.Sequential:
    """Return a 3×3 convolution, with `pool` a max pooling over 2×2, batch norm, and ReLU."""
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
    """Return a network of two blocks, each `depth` convolutions and a pooling, and a linear layer.
    The second block has twice the `channels`. As it is: 20,490 parameters."""
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
