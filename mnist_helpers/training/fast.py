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
from ..checks import (
    checked,
    described,
    require_bool,
    require_function,
    require_model,
    require_number,
    require_seed,
    require_whole,
)
from ..data import load_datasets
from ..models import CNN
from .arguments import (
    checked_batches,
    require_batches,
    require_device,
    require_fitting,
    require_learner,
    require_optimizer,
)


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
        TypeError: `device` is no device.
        ValueError: this computer has no such device, or ``MNIST_PRECISION`` is set to something else.
    """
    require_device("device", device)
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

    Raises:
        TypeError: `optimizer` is no optimizer, `peak_rate` no number, or `steps` no whole number.
        ValueError: `peak_rate` is not above 0, or `steps` less than 1.
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
        batches: gone through again and again, as often as `epochs` asks for; images are floats, labels int64 ``[N]``.
        epochs: how often; 0.5 stops after half of the batches.
        peak_rate: the highest learning rate of the cycle.
        precision: ``torch.bfloat16`` computes the layers in that, and everything else in float32; ``torch.float32``
            computes all in float32.
        betas: how much of their past Adam's two running means keep in each step, of the gradient and of its square.
        label_smoothing: the share of each target, in [0, 1], that is spread over all classes.
        augment: takes the images of a batch ``[N, C, H, W]`` and returns them changed.
        average: takes in the model's weights after each of the last fifth of the steps.
        progress: show a progress bar.

    Raises:
        TypeError: an argument is of another type, or a batch holds something else than images of floats and labels of
            int64.
        ValueError: `epochs` is too small for a single step, `batches` holds no batch, or none the second time; an
            argument is out of range, or `average` is that of another network; a batch has not as many labels as images,
            NaN or infinity in an image, or a label that is none of the model's classes.
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

    Raises:
        TypeError, ValueError: as `fit_one_cycle` does; a TypeError where `train_set` is no data set such as MNIST.
        DataError: MNIST could not be prepared.
    """
    require_learner(model)
    require_number("epochs", epochs)
    require_seed("seed", seed)
    if precision is not None:
        _require_precision(precision)
    require_bool("progress", progress)
    if train_set is not None and not (hasattr(train_set, "data") and hasattr(train_set, "targets")):
        raise TypeError(
            f"train_set is {described(train_set)}, and has to be a data set with its pixels in .data and its labels in "
            ".targets, as MNIST is."
        )
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
    `model`, once in each update. For `fit_one_cycle`.

    Raises:
        TypeError: `model` is no network.
        ValueError: `model` has no parameters.
    """
    require_model("model", model)
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


class _CheckedBatches:
    """Batches, each looked at before it is handed on. It is a class because it has a length, and remembers the labels
    until the network has answered."""

    def __init__(self, batches: SizedBatches) -> None:
        self.batches = batches
        self.labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        number = 0
        for images, labels in checked_batches("batches", self.batches):
            number += 1
            self.labels = labels
            yield images, labels
        if number == 0:
            # Else the loop would ask for ever.
            raise ValueError(
                f"batches, {described(self.batches)}, gave no batch when it was gone through, though it says that it "
                f"has {len(self)}: an iterator can be gone through once. Give the loader itself."
            )

    def require_fitting(self, logits: object) -> None:
        # What is no tensor before it is moved to the device cannot be looked at here.
        if isinstance(self.labels, Tensor):
            require_fitting(logits, self.labels)


def _with_checked_batches(function: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """Return `fit_one_cycle`, which then looks at each batch, and at whether its labels are among the classes that the
    network has a logit for."""

    @functools.wraps(function)
    def asked(
        model: nn.Module, batches: SizedBatches, *arguments: object, **options: object
    ) -> list[float]:
        looked_at = _CheckedBatches(batches)
        hook = model.register_forward_hook(lambda _, __, logits: looked_at.require_fitting(logits))
        try:
            return function(model, looked_at, *arguments, **options)
        finally:
            hook.remove()

    return asked


def _require_one_cycle(optimizer: Optimizer, peak_rate: float, steps: int) -> None:
    require_optimizer(optimizer)
    require_number("peak_rate", peak_rate, above=0)
    require_whole("steps", steps, at_least=1)


def _require_fit_one_cycle(
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
) -> None:
    """Ask what `fit_one_cycle` asks of its arguments; of the number of steps it asks by itself."""
    require_learner(model)
    require_batches("batches", batches, sized=True)
    require_number("epochs", epochs)
    require_number("peak_rate", peak_rate, above=0)
    _require_precision(precision)
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(
            f"betas is {described(betas)}, and has to be a pair of numbers, such as (0.9, 0.999)."
        )
    for number, beta in enumerate(betas):
        if require_number(f"betas[{number}]", beta, at_least=0) >= 1:
            raise ValueError(
                f"betas[{number}] is {beta}, and has to be less than 1: a mean that keeps all of its past learns "
                "nothing."
            )
    require_number("label_smoothing", label_smoothing, at_least=0, at_most=1)
    if augment is not None:
        require_function("augment", augment, "takes images [N, C, H, W] and returns them changed")
    if average is not None:
        _require_average(average, model)
    require_bool("progress", progress)


def _require_precision(precision: torch.dtype) -> None:
    if not isinstance(precision, torch.dtype):
        raise TypeError(
            f"precision is {described(precision)}, and has to be torch.float32 or torch.bfloat16."
        )
    if precision not in (torch.float32, torch.bfloat16):
        raise ValueError(
            f"precision is {precision}, and has to be torch.float32 or torch.bfloat16: with others the loss would have "
            "to be scaled."
        )


def _require_average(average: AveragedModel, model: nn.Module) -> None:
    if not isinstance(average, AveragedModel):
        raise TypeError(
            f"average is {described(average)}, and has to be what averaged(model) returns, or None."
        )
    ours, theirs = (
        [list(weight.shape) for weight in one.parameters()] for one in (model, average.module)
    )
    if ours != theirs:
        raise ValueError(
            f"average is that of another network, a {type(average.module).__name__}, whose parameters have other "
            f"shapes than this {type(model).__name__}'s: make it with averaged(model)."
        )


def _with_advice_when_interrupted(train: Callable[..., list[float]]) -> Callable[..., list[float]]:
    @functools.wraps(train)
    def advising(*arguments: object, **options: object) -> list[float]:
        try:
            return train(*arguments, **options)
        except KeyboardInterrupt as interrupt:
            if interrupt.args:  # not by a key: it has a message of its own
                raise
            raise KeyboardInterrupt(
                "training was interrupted within its one cycle of the learning rate, which cannot be gone on with. "
                "Make the network anew, and run this again; with the same seed it takes the same way."
            ) from None

    return advising


# What a lesson writes out stands above as it stands there; its arguments are asked for here.
one_cycle = checked(_require_one_cycle)(one_cycle)
fit_one_cycle = checked(_require_fit_one_cycle)(
    _with_advice_when_interrupted(_with_checked_batches(fit_one_cycle))
)
