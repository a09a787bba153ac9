"""The fast way to train: one cycle of the learning rate, in the precision that is measured to be the faster."""

from collections.abc import Callable, Iterator
import functools
import itertools
import os
import time
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel
from torchvision.datasets import MNIST
from tqdm.auto import tqdm

from ..batches import TensorBatches
from ..data import load_datasets
from ..models import CNN


class SizedBatches(Protocol):
    """Batches ``(images, labels)`` that can be counted and gone through again, as in a `DataLoader`."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


class Precision(NamedTuple):
    """The type of number to compute with, and one line that says why."""

    dtype: torch.dtype
    reason: str


def choose_precision(device: torch.device) -> Precision:
    """Return bfloat16 where it is measured to be at least 1.2 times as fast as float32 on this device, else float32.

    The environment variable ``MNIST_PRECISION``, ``float32`` or ``bfloat16``, overrides the measurement, which takes
    about a second and is made once in a process.

    Raises:
        ValueError: ``MNIST_PRECISION`` is set to something else.
    """
    wanted = os.environ.get("MNIST_PRECISION")
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if wanted:
        if wanted not in known:
            raise ValueError(
                f"MNIST_PRECISION is {wanted!r}; set it to float32 or bfloat16, or unset it to have it measured."
            )
        return Precision(known[wanted], f"precision on {device}: {wanted}, as MNIST_PRECISION says")
    ratio = _speed_of_bfloat16(device)
    if ratio is None:
        return Precision(
            torch.float32, f"precision on {device}: float32 (bfloat16 does not run here)"
        )
    name = "bfloat16" if ratio >= 1.2 else "float32"
    reason = (
        f"precision on {device}: {name} (bfloat16 measured {ratio:.2f} times as fast as float32)"
    )
    return Precision(known[name], reason)


def one_cycle(optimizer: Optimizer, peak_rate: float, steps: int) -> OneCycleLR:
    """Return a schedule that raises the learning rate in a straight line from a tenth of `peak_rate` to `peak_rate`
    over the first 30 % of `steps`, and then lowers it in a straight line to nearly nothing.

    Source: L. N. Smith, N. Topin, "Super-Convergence", 2018, arXiv:1708.07120.
    """
    return OneCycleLR(
        optimizer,
        max_lr=peak_rate,
        total_steps=steps,
        pct_start=0.3,
        anneal_strategy="linear",
        cycle_momentum=False,
        div_factor=10,
        final_div_factor=100,
    )


def fit_one_cycle(
    model: nn.Module,
    batches: SizedBatches,
    epochs: float,
    peak_rate: float,
    precision: torch.dtype = torch.float32,
    betas: tuple[float, float] = (0.7, 0.9),
    label_smoothing: float = 0.0,
    augment: Callable[[Tensor], Tensor] | None = None,
    average: AveragedModel | None = None,
    progress: bool = True,
) -> list[float]:
    """Train a network with Adam and one cycle of the learning rate, and return the loss of every batch.

    Args:
        model: a network whose logits are ``[N, classes]``. It is laid out in memory as ``channels_last``; batches are
            moved to its device.
        batches: gone through again and again, as often as `epochs` asks for.
        epochs: how often; 0.5 stops after half of the batches.
        peak_rate: the highest learning rate of the cycle.
        precision: ``torch.bfloat16`` computes the layers in that, and everything else in float32.
        betas: how much of their past Adam's two running means keep in each step, of the gradient and of its square.
        label_smoothing: the share of each target, in [0, 1], that is spread over all classes.
        augment: takes the images of a batch ``[N, C, H, W]`` and returns them changed.
        average: takes in the model's weights after each of the last fifth of the steps.
        progress: show a progress bar.

    Raises:
        ValueError: `epochs` is too small for a single step, or `batches` holds no batch.
    """
    device = next(model.parameters()).device
    steps = round(epochs * len(batches))
    if steps < 1:
        raise ValueError(f"{epochs} epochs of {len(batches)} batches make no step: train longer.")
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=peak_rate, betas=betas, fused=True)
    schedule = one_cycle(optimizer, peak_rate, steps)
    endless = itertools.chain.from_iterable(itertools.repeat(batches))
    losses = []
    bar = tqdm(itertools.islice(endless, steps), total=steps, unit="batch", disable=not progress)
    for images, labels in bar:
        images, labels = images.to(device), labels.to(device)
        if augment is not None:
            images = augment(images)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = model(images.to(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

        losses.append(loss.detach())
        if average is not None and len(losses) > 0.8 * steps:
            average.update_parameters(model)
    return torch.stack(losses).tolist()


def fit_fast(
    model: nn.Module,
    train_set: MNIST | None = None,
    epochs: float = 1,
    seed: int = 0,
    precision: torch.dtype | None = None,
    progress: bool = True,
) -> list[float]:
    """Train a network the fast way that lesson 05 arrives at, and return the loss of every batch.

    One epoch of shuffled batches of 128, one cycle of the learning rate with its peak at 0.005, label smoothing 0.1. A
    `CNN` reads 99 % of the test set after it.

    Args:
        model: takes images ``[N, 1, 28, 28]`` with values in [0, 1] and returns logits ``[N, 10]``.
        train_set: MNIST; the training set of `load_datasets` where none is given.
        epochs: how often to go through it.
        seed: where the order of the digits starts. The same seed and the same initial weights give the same network, on
            the same computer, unless the network itself draws random numbers, as dropout does.
        precision: the type of number to compute with; what `choose_precision` says where none is given.
        progress: print why that precision, and show a progress bar.
    """
    if precision is None:
        chosen = choose_precision(next(model.parameters()).device)
        precision = chosen.dtype
        if progress:
            print(chosen.reason)
    if train_set is None:
        train_set, _ = load_datasets()
    batches = TensorBatches(
        train_set.data, train_set.targets, batch_size=128, shuffle=True, seed=seed
    )
    keep_freed_memory()
    return fit_one_cycle(
        model,
        batches,
        epochs,
        peak_rate=0.005,
        precision=precision,
        label_smoothing=0.1,
        progress=progress,
    )


def averaged(model: nn.Module) -> AveragedModel:
    """Return a second network whose weights, and statistics of batch norm, are the mean of those that it is shown of
    `model`, once in each update. For `fit_one_cycle`."""
    return AveragedModel(model, use_buffers=True)


def keep_freed_memory() -> None:
    """Have Linux's C library keep freed memory instead of handing it back to the system.

    A training step frees some ten megabytes and asks for them again in the next; handed back in between, each page of
    them costs a page fault, and a step takes up to twice as long. Freeing one block of nearly 32 MiB, the most that the
    library learns from, raises its thresholds. Elsewhere it does nothing.

    Source: mallopt(3), ``M_MMAP_THRESHOLD``, the dynamic threshold; malloc/malloc.c, ``DEFAULT_MMAP_THRESHOLD_MAX``.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


@functools.cache
def _speed_of_bfloat16(device: torch.device) -> float | None:
    """Return how many times as fast as in float32 some steps of the classic network are in bfloat16; None where it does
    not run."""
    with torch.random.fork_rng(devices=[]):
        model = CNN().to(device, memory_format=torch.channels_last)
    images, labels = torch.zeros(64, 1, 28, 28), torch.zeros(64, dtype=torch.int64)
    images, labels = images.to(device), labels.to(device)

    def seconds(enabled: bool) -> float:
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            logits = model(images)
        F.cross_entropy(logits.float(), labels).backward()
        # Asking for a number makes the processor wait for the device.
        next(model.parameters()).grad.sum().item()
        return time.perf_counter() - start

    threads = torch.get_num_threads()
    # Several threads wait for each other, and beside another program that would be all that is measured.
    torch.set_num_threads(1)
    try:
        rounds = [(seconds(False), seconds(True)) for _ in range(20)]
    except (RuntimeError, NotImplementedError):  # how a device says that it knows no bfloat16
        return None
    finally:
        torch.set_num_threads(threads)
    # The quickest of each: the first pays for what happens once, and a busy neighbour slows some.
    without, with_it = (min(times) for times in zip(*rounds, strict=True))
    return without / with_it
