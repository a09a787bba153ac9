"""The recipes that the benchmark trains: the classic one and ours, and the steps that lead from it to them."""

from collections.abc import Callable
import copy
from dataclasses import dataclass, field, replace
import functools
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST

from ..batches import TensorBatches, random_affine, split_indices
from ..checks import (
    described,
    require_bool,
    require_mapping,
    require_model,
    require_number,
    require_seed,
    require_type,
    require_whole,
)
from ..models import CNN, BatchNormCNN, SmallCNN
from ..training import (
    SizedBatches,
    averaged,
    choose_precision,
    fit_one_cycle,
    get_device,
    train_one_epoch,
)
from .measure import Recipe, require_digits


@dataclass(frozen=True)
class Classic:
    """The recipe of lesson 04: batches of 64 from a `DataLoader` with ``ToTensor()``, Adam at one rate, `CNN`."""

    epochs: float = 10
    learning_rate: float = 0.005
    shuffle: bool = False
    seeds: int = 3

    def __post_init__(self) -> None:
        require_number("epochs", self.epochs, at_least=1)
        require_number("learning_rate", self.learning_rate, above=0)
        require_bool("shuffle", self.shuffle)
        require_whole("seeds", self.seeds, at_least=1)

    def batches(self, train_set: MNIST, seed: int) -> SizedBatches:
        require_digits("train_set", train_set)
        require_seed("seed", seed)
        return DataLoader(train_set, batch_size=64, shuffle=self.shuffle)

    def build(self) -> nn.Module:
        return CNN()

    def train(self, model: nn.Module, batches: SizedBatches, seed: int) -> nn.Module:
        _require_training(model, batches, seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.learning_rate)
        loss_function = nn.CrossEntropyLoss()
        for _ in range(round(self.epochs)):
            train_one_epoch(model, batches, loss_function, optimizer)
        return model


@dataclass(frozen=True)
class OneCycle:
    """A recipe of lesson 05: shuffled batches sliced from tensors, one cycle of the learning rate, label smoothing, and
    the precision that is measured to be the faster one."""

    network: Callable[[], nn.Module] = CNN
    epochs: float = 1
    batch_size: int = 128
    peak_rate: float = 0.005
    betas: tuple[float, float] = (0.7, 0.9)
    label_smoothing: float = 0.1
    augment: dict[str, float] = field(default_factory=dict)
    average: bool = False
    seeds: int = 5

    def __post_init__(self) -> None:
        if not callable(self.network):
            raise TypeError(
                f"network is {described(self.network)}, and has to be what makes a network when it is called: `CNN`."
            )
        require_number("epochs", self.epochs, above=0)
        require_whole("batch_size", self.batch_size, at_least=1)
        require_number("peak_rate", self.peak_rate, above=0)
        require_type("betas", self.betas, tuple, "a pair of numbers, such as (0.7, 0.9)")
        if len(self.betas) != 2:
            raise ValueError(f"betas is {self.betas}, and has to be a pair, such as (0.7, 0.9).")
        for beta in self.betas:
            require_number("Each of betas", beta, 0, 1)
        require_number("label_smoothing", self.label_smoothing, 0, 1)
        for name in require_mapping("augment", self.augment, "numbers by name", empty=True):
            if name not in ("degrees", "scale", "shift", "shear"):
                raise ValueError(
                    f"augment has {name!r}, which random_affine does not know: it takes degrees, scale, shift, shear."
                )
            require_number(f"augment[{name!r}]", self.augment[name], at_least=0)
        require_bool("average", self.average)
        require_whole("seeds", self.seeds, at_least=1)

    def batches(self, train_set: MNIST, seed: int) -> SizedBatches:
        require_digits("train_set", train_set)
        require_seed("seed", seed)
        return TensorBatches(train_set.data, train_set.targets, self.batch_size, True, seed)

    def build(self) -> nn.Module:
        return self.network()

    def train(self, model: nn.Module, batches: SizedBatches, seed: int) -> nn.Module:
        _require_training(model, batches, seed)
        generator = torch.Generator().manual_seed(seed)
        augment = functools.partial(random_affine, generator=generator, **self.augment)
        average = averaged(model) if self.average else None
        fit_one_cycle(
            model,
            batches,
            self.epochs,
            self.peak_rate,
            precision=choose_precision(get_device()).dtype,
            betas=self.betas,
            label_smoothing=self.label_smoothing,
            augment=augment if self.augment else None,
            average=average,
            progress=False,
        )
        return model if average is None else average


# The epochs, rates and so on were chosen on a validation split of the training set, never on the test set.
RECIPES: MappingProxyType[str, Recipe] = MappingProxyType(
    {
        "classic": Classic(),
        "fast": OneCycle(epochs=0.75),
        "fast99": OneCycle(),
        "best": OneCycle(
            network=BatchNormCNN,
            epochs=20,
            augment={"degrees": 10, "scale": 0.1, "shift": 2},
        ),
        "speedrun": OneCycle(network=SmallCNN, batch_size=256, peak_rate=0.01, seeds=10),
    }
)

# What lesson 04 says of the classic recipe with shuffled batches.
SHUFFLED: MappingProxyType[str, Recipe] = MappingProxyType(
    {
        "shuffled": Classic(epochs=1, shuffle=True),
        "shuffled-slower": Classic(epochs=1, shuffle=True, learning_rate=0.001),
    }
)


class Normalised(nn.Module):
    """A network behind a first step that shifts and scales all pixels to mean 0 and standard deviation 1, as they are
    over MNIST's training set (lesson 01)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = require_model("network", network, parameters=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images - 0.1307) / 0.3081)


def steps() -> dict[str, Recipe]:
    """Return the settings that lesson 05 compares on a validation split, by name. Each name says which other setting it
    starts from, and the one thing that differs."""
    augment = {"degrees": 10, "scale": 0.1, "shift": 2}
    cycle = OneCycle(betas=(0.9, 0.999), label_smoothing=0)
    short_memory = OneCycle(label_smoothing=0)
    smoothed = OneCycle()
    normed = replace(smoothed, network=BatchNormCNN)
    long = replace(normed, epochs=8)
    return {
        "A  classic, but one epoch": Classic(epochs=1),
        "B  A shuffled, rate 0.001": SHUFFLED["shuffled-slower"],
        "C  B with one cycle, batches of 128": cycle,
        "D  C with a short memory": short_memory,
        "E  D with label smoothing": smoothed,
        "F  E with normalised pixels": replace(smoothed, network=_normalised_cnn),
        "G  E with batch norm": normed,
        "H  G with normalised pixels": replace(normed, network=_normalised_batch_norm_cnn),
        "I  G with augmentation": replace(normed, augment=augment),
        "J  G with averaged weights": replace(normed, average=True),
        "K  G for 8 epochs": long,
        "L  K with augmentation": replace(long, augment=augment),
        "M  L with averaged weights": replace(long, augment=augment, average=True),
    }


def _normalised_cnn() -> nn.Module:
    return Normalised(CNN())


def _normalised_batch_norm_cnn() -> nn.Module:
    return Normalised(BatchNormCNN())


def validation_split(train_set: MNIST) -> tuple[MNIST, MNIST]:
    """Return 50,000 digits of the training set to train on, and the other 10,000 to choose by; always the same.

    Raises:
        TypeError: `train_set` is no such data set.
        ValueError: it has not more than 10,000 digits.
    """
    require_digits("train_set", train_set)
    return tuple(
        _subset(train_set, indices) for indices in split_indices(len(train_set), 10_000, seed=5)
    )


def _require_training(model: nn.Module, batches: SizedBatches, seed: int) -> None:
    require_model("model", model)
    if not hasattr(batches, "__iter__") or not hasattr(batches, "__len__"):
        raise TypeError(
            f"batches is {described(batches)}, and has to be a loader or a list of pairs: images and labels."
        )
    require_seed("seed", seed)


def _subset(dataset: MNIST, indices: Tensor) -> MNIST:
    chosen = copy.copy(dataset)
    chosen.data, chosen.targets = dataset.data[indices], dataset.targets[indices]
    return chosen
