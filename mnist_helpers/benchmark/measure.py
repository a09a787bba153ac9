"""What the benchmark measures: a training, and the loading of batches."""

from collections.abc import Iterator
from contextlib import contextmanager
import threading
import time
from typing import NamedTuple

import psutil
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST

from ..batches import TensorBatches
from ..training import evaluate, get_device, keep_freed_memory
from .recipes import Recipe


class Run(NamedTuple):
    """One training; or, without an accuracy, one pass over the training set."""

    seconds: float
    peak_mb: float
    accuracy: float | None = None  # in [0, 1]
    loader_seconds: float | None = None  # a DataLoader's for the same pass

    @property
    def stuck(self) -> bool:
        """Whether nothing was learned: one answer for every digit is right for 11.35 %."""
        return self.accuracy is not None and self.accuracy < 0.2


def measure_training(recipe: Recipe, seed: int, train_set: MNIST, test_set: MNIST) -> Run:
    """Train one network from `seed`, and evaluate it once, at the end. Its making is not timed."""
    torch.manual_seed(seed)
    model = recipe.network().to(get_device())
    batches = recipe.batches(train_set, seed)
    keep_freed_memory()
    with _watched_memory() as held_mb:
        start = time.perf_counter()
        trained = recipe.train(model, batches, seed)
        seconds = time.perf_counter() - start
    test_batches = TensorBatches(test_set.data, test_set.targets, batch_size=1000)
    _, accuracy = evaluate(trained, test_batches, nn.CrossEntropyLoss())
    return Run(seconds, max(held_mb), accuracy)


def measure_loading(train_set: MNIST) -> Run:
    """Go through the training set with a `DataLoader`, and with `TensorBatches`. Raises a
    RuntimeError where they differ in a single bit."""
    loader = DataLoader(train_set, batch_size=64)
    batches = TensorBatches(train_set.data, train_set.targets, batch_size=64)
    keep_freed_memory()
    loader_seconds = _seconds_of_a_pass(loader)
    with _watched_memory() as held_mb:
        seconds = _seconds_of_a_pass(batches)
    for theirs, ours in zip(loader, batches, strict=True):
        if not all(map(torch.equal, theirs, ours)):
            raise RuntimeError("The batches sliced from tensors differ from the DataLoader's.")
    return Run(seconds, max(held_mb), loader_seconds=loader_seconds)


@contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Note the memory that is held meanwhile, in MB: on a graphics card the most that PyTorch took,
    else what the process had of the computer's memory, 50 times a second."""
    held: list[float] = []
    if get_device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield held
        held.append(torch.cuda.max_memory_allocated() / 1e6)
        return
    ended = threading.Event()

    def look_until_the_end() -> None:
        while not held or not ended.wait(0.02):
            held.append(psutil.Process().memory_info().rss / 1e6)

    watch = threading.Thread(target=look_until_the_end, daemon=True)
    watch.start()
    try:
        yield held
    finally:
        ended.set()
        watch.join()


def _seconds_of_a_pass(batches: DataLoader | TensorBatches) -> float:
    start = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - start
