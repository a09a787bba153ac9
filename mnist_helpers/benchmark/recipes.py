"""The recipes that the benchmark trains: the classic one and ours, and the steps between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST

from ..batches import TensorBatches, random_affine
from ..models import CNN, BatchNormCNN, SmallCNN
from ..training import averaged, choose_precision, fit_one_cycle, get_device, train_one_epoch


@dataclass(frozen=True)
class Recipe:
    """How to train a network: with `one_cycle` as in lesson 06, in the faster precision; without as
    in lesson 04, from a `DataLoader`, at one rate, in float32."""

    network: Callable[[], nn.Module] | None = CNN  # None: batches are only loaded
    epochs: float = 1
    one_cycle: bool = True
    batch_size: int = 128
    shuffle: bool = True
    learning_rate: float = 0.005
    betas: tuple[float, float] = (0.7, 0.9)
    label_smoothing: float = 0.1
    augment: Mapping[str, float] = field(default_factory=dict)  # what `random_affine` is given
    average: bool = False
    seeds: int = 5  # trainings for a result

    def train(self, model: nn.Module, train_set: MNIST, seed: int) -> nn.Module:
        """Return the network to be judged: `model`, or one of its mean weights."""
        if not self.one_cycle:
            loader = DataLoader(train_set, self.batch_size, self.shuffle)
            optimizer = torch.optim.Adam(model.parameters(), self.learning_rate, self.betas)
            loss_function = nn.CrossEntropyLoss(label_smoothing=self.label_smoothing)
            for _ in range(round(self.epochs)):
                train_one_epoch(model, loader, loss_function, optimizer)
            return model
        images, labels = train_set.data, train_set.targets
        batches = TensorBatches(images, labels, self.batch_size, self.shuffle, seed)
        options = {"betas": self.betas, "label_smoothing": self.label_smoothing}
        if self.augment:
            generator = torch.Generator().manual_seed(seed)
            options["augment"] = partial(random_affine, generator=generator, **self.augment)
        if self.average:
            options["average"] = averaged(model)
        options["precision"] = choose_precision(get_device()).dtype
        fit_one_cycle(model, batches, self.epochs, self.learning_rate, **options, progress=False)
        return options.get("average", model)


class _Normalised:
    """Pixels get mean 0 and standard deviation 1 over MNIST's training set first (lesson 01)."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward((images - 0.1307) / 0.3081)


class _NormalisedCNN(_Normalised, CNN):
    pass


class _NormalisedBatchNormCNN(_Normalised, BatchNormCNN):
    pass


_PLAIN = {"betas": (0.9, 0.999), "label_smoothing": 0}
_CLASSIC = Recipe(epochs=10, one_cycle=False, batch_size=64, shuffle=False, seeds=3, **_PLAIN)
_SHUFFLED = replace(_CLASSIC, epochs=1, shuffle=True)
_SLOWER = replace(_SHUFFLED, learning_rate=0.001)
_AUGMENT = {"degrees": 10, "scale": 0.1, "shift": 2}
_SMALL = Recipe(SmallCNN, batch_size=256, learning_rate=0.01, seeds=10)
_FAST995 = replace(_SMALL, epochs=5, augment={"degrees": 8, "scale": 0.08, "shift": 1})

# Chosen on a validation split, never on the test set.
RECIPES = {
    "classic": _CLASSIC,
    "fast": Recipe(epochs=0.75),
    "fast99": Recipe(),
    "best": Recipe(network=BatchNormCNN, epochs=20, augment=_AUGMENT),
    "fast995": _FAST995,
    "speedrun": replace(_SMALL, epochs=0.75),
    "loading": Recipe(network=None),
    # What lesson 06 says of the classic recipe with shuffled batches.
    "shuffled": _SHUFFLED,
    "shuffled-slower": _SLOWER,
}
# What lesson 06 compares on a validation split.
STEPS = {
    "A  classic, but one epoch": replace(_CLASSIC, epochs=1),
    "B  A shuffled, rate 0.001": _SLOWER,
    "C  B with one cycle, batches of 128": Recipe(**_PLAIN),
    "D  C with a short memory": Recipe(label_smoothing=0),
    "E  D with label smoothing": Recipe(),
    "F  E with normalised pixels": Recipe(_NormalisedCNN),
    "G  E with batch norm": Recipe(BatchNormCNN),
    "H  G with normalised pixels": Recipe(_NormalisedBatchNormCNN),
    "I  G with augmentation": Recipe(BatchNormCNN, augment=_AUGMENT),
    "J  G with averaged weights": Recipe(BatchNormCNN, average=True),
    "K  G for 8 epochs": Recipe(BatchNormCNN, epochs=8),
    "L  K with augmentation": Recipe(BatchNormCNN, epochs=8, augment=_AUGMENT),
    "M  L with averaged weights": Recipe(BatchNormCNN, epochs=8, augment=_AUGMENT, average=True),
    "N  SmallCNN on the whole picture": replace(_SMALL, network=partial(SmallCNN, border=0)),
    "O  N without the border": _SMALL,
    "P  O for 5 epochs, augmented": _FAST995,
}
