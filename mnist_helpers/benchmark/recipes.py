"""The recipes that the benchmark trains: the classic one and ours, and the steps between them."""

from collections.abc import Callable, Mapping
import copy
from dataclasses import dataclass, field, replace
from functools import partial

from jaxtyping import Float
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST

from ..batches import TensorBatches, random_affine, split_indices
from ..models import CNN, BatchNormCNN, SmallCNN
from ..training import choose_precision, fit_one_cycle, get_device, train_one_epoch


@dataclass(frozen=True)
class Recipe:
    """How to train a network; where nothing else is said, `CNN` as in lesson 05.

    With `one_cycle`: batches sliced from tensors, one cycle of the learning rate, and the precision
    that is measured to be the faster. Without, as in lesson 04: a `DataLoader`, one rate, float32.
    """

    network: Callable[[], nn.Module] = CNN
    epochs: float = 1
    one_cycle: bool = True
    batch_size: int = 128
    shuffle: bool = True
    learning_rate: float = 0.005
    betas: tuple[float, float] = (0.7, 0.9)
    label_smoothing: float = 0.1
    augment: Mapping[str, float] = field(default_factory=dict)  # what `random_affine` is given
    average: bool = False
    seeds: int = 5  # how many trainings make a result

    def batches(self, train_set: MNIST, seed: int) -> TensorBatches | DataLoader:
        if not self.one_cycle:
            return DataLoader(train_set, self.batch_size, self.shuffle)
        images, labels = train_set.data, train_set.targets
        return TensorBatches(images, labels, self.batch_size, self.shuffle, seed)

    def train(self, model: nn.Module, batches: TensorBatches | DataLoader, seed: int) -> nn.Module:
        """Train `model`, and return the network to be judged: it, or one of its mean weights."""
        if not self.one_cycle:
            optimizer = torch.optim.Adam(model.parameters(), self.learning_rate, self.betas)
            loss_function = nn.CrossEntropyLoss(label_smoothing=self.label_smoothing)
            for _ in range(round(self.epochs)):
                train_one_epoch(model, batches, loss_function, optimizer)
            return model
        generator = torch.Generator().manual_seed(seed)
        augment = partial(random_affine, generator=generator, **self.augment)
        average = AveragedModel(model, use_buffers=True) if self.average else None
        fit_one_cycle(
            model,
            batches,
            self.epochs,
            self.learning_rate,
            precision=choose_precision(get_device()).dtype,
            betas=self.betas,
            label_smoothing=self.label_smoothing,
            augment=augment if self.augment else None,
            average=average,
            progress=False,
        )
        return average or model


_PLAIN = {"betas": (0.9, 0.999), "label_smoothing": 0}
_CLASSIC = Recipe(epochs=10, one_cycle=False, batch_size=64, shuffle=False, seeds=3, **_PLAIN)
_AUGMENT = {"degrees": 10, "scale": 0.1, "shift": 2}

# Chosen on a validation split of the training set, never on the test set.
RECIPES = {
    "classic": _CLASSIC,
    "fast": Recipe(epochs=0.75),
    "fast99": Recipe(),
    "best": Recipe(network=BatchNormCNN, epochs=20, augment=_AUGMENT),
    "speedrun": Recipe(network=SmallCNN, batch_size=256, learning_rate=0.01, seeds=10),
}
# What lesson 04 says of the classic recipe with shuffled batches.
SHUFFLED = {
    "shuffled": replace(_CLASSIC, epochs=1, shuffle=True),
    "shuffled-slower": replace(_CLASSIC, epochs=1, shuffle=True, learning_rate=0.001),
}


class _NormalisedCNN(CNN):
    """Pixels get mean 0 and standard deviation 1 over MNIST's training set first (lesson 01)."""

    def forward(self, images: Float[Tensor, "N 1 28 28"]) -> Float[Tensor, "N 10"]:
        return super().forward((images - 0.1307) / 0.3081)


class _NormalisedBatchNormCNN(BatchNormCNN):
    def forward(self, images: Float[Tensor, "N 1 28 28"]) -> Float[Tensor, "N 10"]:
        return super().forward((images - 0.1307) / 0.3081)


def steps() -> dict[str, Recipe]:
    """Return the settings that lesson 05 compares on a validation split. Each name says which other
    one it starts from, and the one thing that differs."""
    normed = Recipe(network=BatchNormCNN)
    long = replace(normed, epochs=8)
    return {
        "A  classic, but one epoch": replace(_CLASSIC, epochs=1),
        "B  A shuffled, rate 0.001": SHUFFLED["shuffled-slower"],
        "C  B with one cycle, batches of 128": Recipe(**_PLAIN),
        "D  C with a short memory": Recipe(label_smoothing=0),
        "E  D with label smoothing": Recipe(),
        "F  E with normalised pixels": Recipe(network=_NormalisedCNN),
        "G  E with batch norm": normed,
        "H  G with normalised pixels": Recipe(network=_NormalisedBatchNormCNN),
        "I  G with augmentation": replace(normed, augment=_AUGMENT),
        "J  G with averaged weights": replace(normed, average=True),
        "K  G for 8 epochs": long,
        "L  K with augmentation": replace(long, augment=_AUGMENT),
        "M  L with averaged weights": replace(long, augment=_AUGMENT, average=True),
    }


def validation_split(train_set: MNIST) -> tuple[MNIST, MNIST]:
    """Return all but 10,000 digits to train on, and those 10,000 to choose by; always the same."""
    parts = copy.copy(train_set), copy.copy(train_set)
    for part, indices in zip(parts, split_indices(len(train_set), 10_000, seed=5), strict=True):
        part.data, part.targets = train_set.data[indices], train_set.targets[indices]
    return parts
