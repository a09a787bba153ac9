"""What the benchmark measures: a training's seconds, accuracy and memory; the loading of batches; the live curve."""

from collections.abc import Iterator
from dataclasses import dataclass
import itertools
import threading
import time
from types import TracebackType
from typing import Protocol

import psutil
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from tqdm.auto import tqdm

from ..batches import TensorBatches
from ..checks import described, require_labels, require_seed, require_type, require_whole
from ..data import make_loaders
from ..models import CNN
from ..training import SizedBatches, evaluate, fit, get_device, keep_freed_memory
from ..widgets import LiveLoss


class Recipe(Protocol):
    """How to train a network: what to build, which batches to feed it, and how."""

    epochs: float
    seeds: int

    def batches(self, train_set: MNIST, seed: int) -> SizedBatches: ...

    def build(self) -> nn.Module: ...

    def train(self, model: nn.Module, batches: SizedBatches, seed: int) -> nn.Module: ...


@dataclass(frozen=True)
class Training:
    """One training: its recipe and seed, its seconds, its final accuracy in [0, 1], and the most memory it held, in MB.

    Where the device is a graphics card, the memory is the card's; else it is that of the whole process.
    """

    recipe: str
    seed: int
    seconds: float
    accuracy: float
    peak_mb: float

    @property
    def stuck(self) -> bool:
        """Whether the network learned nothing: one answer for every digit is right for 11.35 % of the test set."""
        return self.accuracy < 0.2


@dataclass(frozen=True)
class Loading:
    """One pass over the training set: with a `DataLoader`, and sliced from tensors; in seconds, and the latter's memory
    in MB."""

    loader_seconds: float
    seconds: float
    peak_mb: float


def measure_training(
    name: str,
    recipe: Recipe,
    seed: int,
    train_set: MNIST,
    test_set: MNIST,
    bar: tqdm | None = None,
) -> Training:
    """Train one network from `seed`, and evaluate it once, at the end. What is timed is the training, batches included,
    and not the making of the network. `bar` is moved on with each batch.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: a data set holds no digit, or not as many labels as images.
    """
    require_type("name", name, str, "the recipe's name, text")
    require_recipe("recipe", recipe)
    require_seed("seed", seed)
    for what, dataset in (("train_set", train_set), ("test_set", test_set)):
        require_digits(what, dataset)
        # Now, and not when the training is over.
        require_labels(f"{what}.targets", dataset.targets)
    if bar is not None and not (hasattr(bar, "reset") and hasattr(bar, "update")):
        raise TypeError(f"bar is {described(bar)}, and has to be a progress bar, tqdm(), or None.")
    torch.manual_seed(seed)
    model = recipe.build().to(get_device())
    batches = recipe.batches(train_set, seed)
    if bar is not None:
        bar.reset(total=round(recipe.epochs * len(batches)))
        batches = _Ticking(batches, bar)
    keep_freed_memory()
    with PeakMemory() as memory:
        start = time.perf_counter()
        trained = recipe.train(model, batches, seed)
        seconds = time.perf_counter() - start
    test_batches = TensorBatches(test_set.data, test_set.targets, batch_size=1000)
    _, accuracy = evaluate(trained, test_batches, nn.CrossEntropyLoss())
    return Training(name, seed, seconds, accuracy, memory.peak_mb)


def measure_loading(train_set: MNIST) -> Loading:
    """Go through the training set twice, with a `DataLoader` and with `TensorBatches`, and time both.

    Raises:
        TypeError: `train_set` is no such data set.
        RuntimeError: the two differ in a single bit.
    """
    require_digits("train_set", train_set)
    loader = DataLoader(train_set, batch_size=64)
    batches = TensorBatches(train_set.data, train_set.targets, batch_size=64)
    keep_freed_memory()
    loader_seconds = _seconds_of_a_pass(loader)
    with PeakMemory() as memory:
        seconds = _seconds_of_a_pass(batches)
    for theirs, ours in zip(loader, batches, strict=True):
        if not all(map(torch.equal, theirs, ours)):
            raise RuntimeError("The batches sliced from tensors differ from the DataLoader's.")
    return Loading(loader_seconds, seconds, memory.peak_mb)


def live_loss_ratios(rounds: int, batches: int) -> list[float]:
    """Return, for each round, the time of training on some batches with a live loss curve over the time without one.

    The two are trained one after the other, and who is first changes from round to round, so that a computer that
    becomes slower or faster meanwhile favours neither.

    Raises:
        TypeError: an argument is no whole number.
        ValueError: an argument is less than 1.
    """
    require_whole("rounds", rounds, at_least=1)
    require_whole("batches", batches, at_least=1)
    train_loader, _ = make_loaders()
    chosen = list(itertools.islice(train_loader, batches))
    ratios = []
    for number in range(rounds):
        seconds = {}
        for live in (True, False) if number % 2 else (False, True):
            torch.manual_seed(number)
            model = CNN().to(get_device(), memory_format=torch.channels_last)
            optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
            on_batch = LiveLoss(batches).add if live else None
            start = time.perf_counter()
            fit(model, chosen, optimizer, epochs=1, progress=False, on_batch=on_batch)
            seconds[live] = time.perf_counter() - start
        ratios.append(seconds[True] / seconds[False])
    return ratios


def require_digits(name: str, dataset: MNIST) -> None:
    """Raise where something has not, as MNIST has, all its digits in ``data`` and all their labels in ``targets``.

    Raises:
        TypeError: it has no such tensors.
        ValueError: it has not as many of each, or none.
    """
    data, targets = getattr(dataset, "data", None), getattr(dataset, "targets", None)
    if not isinstance(data, torch.Tensor) or not isinstance(targets, torch.Tensor):
        raise TypeError(
            f"{name} is {described(dataset)}, and has to be MNIST, as load_datasets returns it: with the tensors data "
            "and targets."
        )
    if data.ndim == 0 or targets.ndim == 0 or len(data) != len(targets) or len(data) == 0:
        raise ValueError(
            f"{name} has data {list(data.shape)} and targets {list(targets.shape)}; one label is needed for each digit."
        )


def require_recipe(name: str, recipe: Recipe) -> None:
    """Raise TypeError where something lacks what a `Recipe` has."""
    missing = [
        part
        for part in ("epochs", "seeds", "batches", "build", "train")
        if not hasattr(recipe, part)
    ]
    if missing:
        raise TypeError(
            f"{name} is {described(recipe)}, and has to be a recipe, such as RECIPES['fast']; it has no "
            f"{', '.join(missing)}."
        )


class PeakMemory:
    """The most memory, in MB, that was held while a ``with`` block ran: on a graphics card what PyTorch took of it,
    else what the process had in the computer's memory, looked at 50 times a second."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look_until_the_end, daemon=True)

    def __enter__(self) -> "PeakMemory":
        if get_device().type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if get_device().type == "cuda":
            self.peak_mb = torch.cuda.max_memory_allocated() / 1e6
        else:
            self._ended.set()
            self._watch.join()

    def _look_until_the_end(self) -> None:
        ended = False
        while not ended:
            self.peak_mb = max(self.peak_mb, self._process.memory_info().rss / 1e6)
            ended = self._ended.wait(0.02)


class _Ticking:
    """Batches that move a progress bar on."""

    def __init__(self, batches: SizedBatches, bar: tqdm) -> None:
        self._batches, self._bar = batches, bar

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in self._batches:
            yield batch
            self._bar.update()


def _seconds_of_a_pass(batches: SizedBatches) -> float:
    start = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - start
